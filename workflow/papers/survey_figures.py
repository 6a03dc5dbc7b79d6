"""Figures of the survey (arXiv:2411.09388) from the scores of its benchmark."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import t

from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources
from survey_mixtures import COLUMNS
from survey_settings import Survey, load_survey
from thermolatent.figures.style import DOUBLE, GREY, log_ticks, panels
from thermolatent.tables import read_table

Rows = list[dict[str, str]]
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#332288")
MARKERS = "osD^v"
#: The frameworks by which the survey's findings are judged; the others are variants of them.
SURVEYED = ("ns", "cfm", "ddpm")


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
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    remarks = []
    for claim, expected, name in (
        ("CFM best in many dimensions and few modes", "cfm", "dimension"),
        ("DDPM best in few dimensions and many modes", "ddpm", "modes"),
    ):
        plan = survey.experiments[name]
        ends = last_scores(survey, rows, name, "kl_exact")
        numbers = ", ".join(f"{labels_of(survey)[f]} {told(values)}" for f, values in ends.items())
        remark = f"Survey: {claim}. Here, KL in nats at {plan.along} = {plan.values[-1]:g}: {numbers}; "
        remarks.append(remark + verdict(ends, expected, labels_of(survey), "seed"))
    shown = ("kl_exact", "js_pca", "js_pca_floor", "kl_survey", "kl_survey_floor", "mode_error")
    return Drawing(figure, COLUMNS, _table(rows, shown), remarks=remarks, same="Modes have equal weights.")


def asymmetry(sources: Sources, entry: PaperFigure) -> Drawing:
    """Predicted against exact free-energy difference, and the error of each."""
    survey, rows = load_rows(sources, entry)
    figure, axes = panels(1, 2, (DOUBLE, 3.1))
    left, right = axes[0]
    found = {}
    for k, (name, framework) in enumerate(survey.frameworks.items()):
        pairs = [differences(rows, name, seed=seed)[:2] for seed in survey.seeds]
        found[name] = np.array([(determination(*pair), np.corrcoef(*pair)[0, 1] ** 2) for pair in pairs])
        exact, predicted, error = differences(rows, name)
        label = f"{framework.label}, $r^2$ = {found[name][:, 0].mean():.3f}"
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
    plan = survey.experiments["asymmetry"]
    findings = [
        Finding(
            f"free-energy difference, d = {plan.dim}, r² of {survey.frameworks[name].label}",
            entry.published.get(name, ""),
            f"{told(diagonal)} about the diagonal, {told(linear)} squared correlation",
            f"{determination(exact, sampled):.4f}",
            "unknown which of the two it is",
        )
        for name, (diagonal, linear) in ((name, r2.T) for name, r2 in found.items())
    ]
    lost = {name: 1 - r2[:, 0] for name, r2 in found.items()}
    remark = "Survey: NS best at unequal modes. Here, by 1 - r² about the diagonal: "
    remark += verdict(lost, "ns", labels_of(survey), "seed")
    return Drawing(
        figure,
        COLUMNS,
        _table(rows, ("delta_F", "delta_F_exact", "delta_F_floor", "kl_exact", "js_pca", "js_pca_floor")),
        findings,
        [remark],
        [
            "A mode's share is the mean of p(mode|x) over generated samples, exact for exact samples however modes overlap; how "
            "the survey counts is unknown. Error bars: one standard error of the sampling; the floor is as many exact samples.",
            "Samples are rotated to the training samples' principal axes first; the desk's settings are tuned on the mixture of "
            "seed 100, which judges nothing.",
        ],
        same=f"Two modes in {plan.dim} dimensions, ratios {', '.join(f'{r:g}' for r in plan.values)}.",
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
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    findings = []
    for name, framework in survey.frameworks.items():
        at, times, _ = series(rows, name, "milliseconds_per_sample", "dim")
        ours = f"{times[0]:.3g} ms (d = {at[0]:g}) to {times[-1]:.3g} ms (d = {at[-1]:g})"
        what, why = f"time per sample, {framework.label}", "no: a GPU, U-Nets of 17 M"
        findings.append(Finding(what, entry.published.get(name, ""), ours, "", why))
    return Drawing(figure, COLUMNS, _table(rows, tuple(words)), findings)


def differences(
    rows: Rows, framework: str, metric: str = "delta_F", seed: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact and predicted differences and the latter's standard errors, each ``(n,)``, over ratios and seeds, or of a seed."""
    rows = [row for row in rows if seed is None or int(row["seed"]) == seed]

    def of(wanted: str, column: str) -> dict[tuple[str, str], float]:
        chosen = (row for row in rows if row["framework"] == framework and row["metric"] == wanted)
        return {(row["ratio"], row["seed"]): float(row[column] or "nan") for row in chosen}

    exact, predicted, error = of("delta_F_exact", "value"), of(metric, "value"), of(metric, "stderr")
    return tuple(np.array([table[key] for key in exact]) for table in (exact, predicted, error))


def determination(exact: np.ndarray, predicted: np.ndarray) -> float:
    """r^2 about the diagonal: 1 minus the squared errors over the exact values' spread; negative below a constant's."""
    return float(1 - ((predicted - exact) ** 2).sum() / ((exact - exact.mean()) ** 2).sum())


def labels_of(survey: Survey) -> dict[str, str]:
    return {name: framework.label for name, framework in survey.frameworks.items()}


def last_scores(survey: Survey, rows: Rows, experiment: str, metric: str) -> dict[str, np.ndarray]:
    """A metric at an experiment's last point, ``(seeds,)`` of every framework."""
    plan, table = survey.experiments[experiment], {}
    for row in rows:
        if (row["experiment"], row["metric"]) == (experiment, metric) and float(row[plan.along]) == plan.values[-1]:
            table[row["framework"], int(row["seed"])] = float(row["value"])
    return {f: np.array([table[f, seed] for seed in survey.seeds]) for f in survey.frameworks}


def told(values: np.ndarray) -> str:
    """Mean over seeds ``(n,)`` with its 95 % interval, or the one seed's."""
    if len(values) == 1:
        return f"{values[0]:.3f} (one seed)"
    return f"{values.mean():.3f} ± {interval(values):.3f} (95 %, {len(values)} seeds)"


def interval(values: np.ndarray) -> float:
    """Half the 95 % interval of a mean by Student's t, of values ``(n,)``; infinite for one value."""
    n = len(values)
    return float(t.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5) if n > 1 else np.inf


def verdict(scores: dict[str, np.ndarray], expected: str, labels: dict[str, str], over: str) -> str:
    """What scores ``(n,)`` of frameworks, lower is better, say of the finding that ``expected`` is the best of the survey's.

    They are compared pair by pair: each value of one with the same seed's (or residue's, ``over``) of the other.
    """
    worse = {f: scores[f] - scores[expected] for f in SURVEYED if f != expected}
    means, halves = ({f: of(d) for f, d in worse.items()} for of in (np.mean, interval))
    if len(scores[expected]) < 2:
        return f"one {over} each does not decide it."
    against = [f for f in worse if means[f] + halves[f] < 0]
    pairs = ", ".join(f"{labels[f]} {means[f]:+.3f} ± {halves[f]:.3f}" for f in worse)
    pairs = f"difference from {labels[expected]}, 95 % over {over}s: {pairs}: "
    if against:
        return f"{pairs}contradicted, {' and '.join(labels[f] for f in against)} better."
    return pairs + ("agrees." if all(means[f] > halves[f] for f in worse) else "not decided.")


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
