"""Figures of the survey (arXiv:2411.09388) from the scores of its benchmark."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources
from survey_mixtures import COLUMNS
from survey_settings import Survey, load_survey
from thermolatent.figures.style import DOUBLE, GREY, log_ticks, panels
from thermolatent.tables import read_table

Rows = list[dict[str, str]]
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#332288")
MARKERS = "osD^v"


def load_rows(sources: Sources, entry: PaperFigure, columns: tuple[str, ...] = COLUMNS) -> tuple[Survey, Rows]:
    """The survey's settings and all rows of the figure's experiments, whose tables have ``columns``, every framework and seed."""
    survey = load_survey(sources.survey)
    jobs = [(e, f, seed) for e in entry.experiments for f in survey.frameworks for seed in survey.seeds]
    return survey, [row for job in jobs for row in read_table(sources.paths.survey(sources.survey, *job), columns)]


def accuracy(sources: Sources, entry: PaperFigure) -> Drawing:
    """Divergence in all dimensions, and in the plane of two principal components, against what makes a mixture hard."""
    survey, rows = load_rows(sources, entry)
    figure, axes = panels(2, 3, (DOUBLE, 4.2))
    labels = {"dim": "dimension", "samples": "training samples", "modes": "modes"}
    for (above, below), name in zip(axes.T, entry.experiments, strict=True):
        plan, own = survey.experiments[name], [row for row in rows if row["experiment"] == name]
        for panel, metric in ((above, "kl_exact"), (below, "js_pca")):
            _curves(panel, survey, own, metric, plan.along)
            panel.set_xlabel(labels[plan.along])
            if plan.along == "samples":
                panel.set_xscale("log")
                log_ticks(panel.xaxis, 200)
            else:
                panel.set_xticks(plan.values)
        at, floor, _ = series(own, rows[0]["framework"], "js_pca_floor", plan.along)
        below.plot(at, floor, color=GREY, linewidth=0.9, linestyle="--", label="exact samples (floor)")
        below.set_ylim(bottom=0)
        above.axhline(0, color=GREY, linewidth=0.8, zorder=0)
        held = {"dim": f"d = {plan.dim}", "modes": f"{plan.modes} modes", "samples": f"{plan.samples} samples"}
        above.set_title(", ".join(text for key, text in held.items() if key != plan.along))
    axes[0, 0].set_ylabel("KL(exact || model) (nats)")
    axes[1, 0].set_ylabel("JS, PCA plane (nats)")
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    remarks = []
    for claim, expected, name in (
        ("CFM best in many dimensions and few modes", "cfm", "dimension"),
        ("DDPM best in few dimensions and many modes", "ddpm", "modes"),
    ):
        plan, own = survey.experiments[name], [row for row in rows if row["experiment"] == name]
        ends = {f: series(own, f, "kl_exact", plan.along) for f in survey.frameworks}
        scores = {f: (values[-1], errors[-1]) for f, (_, values, errors) in ends.items()}
        numbers = ", ".join(f"{survey.frameworks[f].label} {v:.3f} ± {e:.3f}" for f, (v, e) in scores.items())
        told = f"Survey: {claim}. Here, KL in nats at {plan.along} = {plan.values[-1]:g}: {numbers}: "
        remarks.append(told + verdict(*best(scores), expected))
    shown = ("kl_exact", "js_pca", "js_pca_floor", "kl_survey", "kl_survey_floor", "mode_error")
    return Drawing(figure, COLUMNS, _table(rows, shown), remarks=remarks, same="Modes have equal weights.")


def asymmetry(sources: Sources, entry: PaperFigure) -> Drawing:
    """Predicted against exact free-energy difference, and the error of each."""
    survey, rows = load_rows(sources, entry)
    figure, axes = panels(1, 2, (DOUBLE, 3.1))
    left, right = axes[0]
    found = {}
    for k, (name, framework) in enumerate(survey.frameworks.items()):
        exact, predicted, error = differences(rows, name)
        found[name] = determination(exact, predicted), float(np.corrcoef(exact, predicted)[0, 1] ** 2)
        label = f"{framework.label}, $r^2$ = {found[name][0]:.3f}"
        for panel, values in ((left, predicted), (right, predicted - exact)):
            panel.errorbar(exact, values, yerr=error, fmt=MARKERS[k], color=COLORS[k], label=label, elinewidth=0.8)
    exact, sampled, error = differences(rows, next(iter(survey.frameworks)), "delta_F_floor")
    left.axline((0, 0), slope=1, color=GREY, linewidth=0.8, zorder=0, label="exact")
    right.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    floor = {"fmt": "x", "color": GREY, "elinewidth": 0.8, "label": "exact samples (floor)"}
    right.errorbar(exact, sampled - exact, yerr=error, **floor)
    left.set_ylabel("predicted free-energy difference (kT)")
    right.set_ylabel("predicted minus exact (kT)")
    for panel in axes[0]:
        panel.set_xlabel("exact free-energy difference (kT)")
    left.legend(loc="upper left")
    right.legend(*[entries[-1:] for entries in right.get_legend_handles_labels()], loc="best")
    dim = survey.experiments["asymmetry"].dim
    findings = [
        Finding(
            f"free-energy difference, d = {dim}, r² of {survey.frameworks[name].label}",
            entry.published.get(name, ""),
            f"{diagonal:.3f} about the diagonal, {linear:.3f} squared correlation",
            f"{determination(exact, sampled):.4f}",
            "unknown which of the two it is",
        )
        for name, (diagonal, linear) in found.items()
    ]
    winner = max(found, key=lambda name: found[name][0])
    remark = "The survey finds NS best at unequal modes. Here the largest r² about the diagonal is that of "
    remark += f"{survey.frameworks[winner].label}: {'it agrees' if winner == 'ns' else 'this contradicts it'}."
    remark += " With one seed a difference of a hundredth may be chance." if len(survey.seeds) == 1 else ""
    return Drawing(
        figure,
        COLUMNS,
        _table(rows, ("delta_F", "delta_F_exact", "delta_F_floor", "kl_exact", "js_pca", "js_pca_floor")),
        findings,
        [remark],
        [
            "A mode's share is the mean of p(mode|x) over generated samples, exact for exact samples however modes overlap; how "
            "the survey counts is unknown. Error bars: one standard error of the sampling; the floor is as many exact samples."
        ],
        same=f"Two modes in {dim} dimensions, ratios .001 to .5.",
    )


def cost(sources: Sources, entry: PaperFigure) -> Drawing:
    """Time per sample, parameters, training time against dimension."""
    survey, rows = load_rows(sources, entry)
    figure, axes = panels(1, 3, (DOUBLE, 2.5))
    words = {
        "milliseconds_per_sample": "CPU time per sample (ms)",
        "parameters": "parameters",
        "train_seconds": "training (CPU s)",
    }
    for panel, (metric, label) in zip(axes[0], words.items(), strict=True):
        _curves(panel, survey, rows, metric, "dim")
        panel.set(xlabel="dimension", xticks=survey.experiments["dimension"].values, ylabel=label, yscale="log")
        log_ticks(panel.yaxis, 20)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    findings = []
    for name, framework in survey.frameworks.items():
        at, times, _ = series(rows, name, "milliseconds_per_sample", "dim")
        ours = f"{times[0]:.3g} ms (d = {at[0]:g}) to {times[-1]:.3g} ms (d = {at[-1]:g})"
        what, why = f"time per sample, {framework.label}", "no: a GPU, U-Nets of 17 M"
        findings.append(Finding(what, entry.published.get(name, ""), ours, "", why))
    return Drawing(figure, COLUMNS, _table(rows, tuple(words)), findings)


def differences(rows: Rows, framework: str, metric: str = "delta_F") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact and predicted differences and the latter's standard errors, each ``(n,)``, over ratios and seeds."""

    def of(wanted: str, column: str) -> dict[tuple[str, str], float]:
        chosen = (row for row in rows if row["framework"] == framework and row["metric"] == wanted)
        return {(row["ratio"], row["seed"]): float(row[column] or "nan") for row in chosen}

    exact, predicted, error = of("delta_F_exact", "value"), of(metric, "value"), of(metric, "stderr")
    return tuple(np.array([table[key] for key in exact]) for table in (exact, predicted, error))


def determination(exact: np.ndarray, predicted: np.ndarray) -> float:
    """r^2 about the diagonal: 1 minus the squared errors over the exact values' spread; negative below a constant's."""
    return float(1 - ((predicted - exact) ** 2).sum() / ((exact - exact.mean()) ** 2).sum())


def best(scores: dict[str, tuple[float, float]]) -> tuple[str, bool]:
    """Who has the lowest of (value, standard error), and whether it is two standard errors below everybody else's."""
    order = sorted(scores, key=lambda name: scores[name][0])
    (first, error), others = scores[order[0]], [scores[name] for name in order[1:]]
    return order[0], all(value - first > 2 * np.hypot(error, other) for value, other in others)


def verdict(winner: str, clear: bool, expected: str) -> str:
    """What a comparison says of the survey's finding."""
    if not clear:
        return "cannot be told apart within two standard errors."
    return "agrees." if winner == expected else "contradicts it."


def series(rows: Rows, framework: str, metric: str, along: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, means over seeds, and standard errors: over seeds where there are several, else the score's own."""
    groups: dict[float, list[tuple[float, float]]] = {}
    for row in rows:
        if row["framework"] == framework and row["metric"] == metric:
            groups.setdefault(float(row[along]), []).append((float(row["value"]), float(row["stderr"] or "nan")))
    at = np.array(sorted(groups))
    values = [np.array(groups[x]) for x in at]
    means = np.array([v[:, 0].mean() for v in values])
    errors = [v[:, 0].std(ddof=1) / len(v) ** 0.5 if len(v) > 1 else v[0, 1] for v in values]
    return at, means, np.nan_to_num(np.array(errors, float))


def _curves(panel: Axes, survey: Survey, rows: Rows, metric: str, along: str) -> None:
    """A curve with error bars for each framework."""
    for color, marker, (name, framework) in zip(COLORS, MARKERS, survey.frameworks.items(), strict=False):
        at, values, errors = series(rows, name, metric, along)
        look = {"color": color, "marker": marker, "elinewidth": 0.8, "linestyle": "-"}
        panel.errorbar(at, values, yerr=errors, label=framework.label, **look)


def _table(rows: Rows, metrics: tuple[str, ...]) -> list[list[str]]:
    return [list(row.values()) for row in rows if row["metric"] in metrics]
