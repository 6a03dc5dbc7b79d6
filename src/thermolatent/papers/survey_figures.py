"""Figures of the survey (arXiv:2411.09388) from the scores of its benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from thermolatent.errors import ArtifactError
from thermolatent.figures.style import DOUBLE, GREY, log_ticks, panels
from thermolatent.papers.drawing import Drawing, Finding, Sources
from thermolatent.papers.survey import COLUMNS
from thermolatent.papers.survey_settings import Survey, load_survey
from thermolatent.tables import read_table

Rows = list[dict[str, str]]
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#332288")
MARKERS = "osD^v"
_SAME = (
    "Mixtures of unit Gaussians with means from N(0, I); ninety per cent of the samples train, ten choose the state that is "
    "kept; one model per mixture."
)
_DIFFERENT = [
    "Networks: MLPs of at most a few 100,000 parameters; the survey has U-Nets of 17 million. Its training size, its number "
    "of steps and its equal training time are unknown: ours are in `survey.yaml`, equal numbers of steps for CFM and DDPM.",
    "Divergences are in nats. The survey's own, a sum of densities over bins of a PCA plane that lacks the bin area, stands in "
    "the CSV as `kl_survey` with its floor; its bins are unknown (here 100 per axis).",
    "Our DDPM has 100 levels. Times are CPU milliseconds of one thread, in batches; the survey's are of a GPU.",
]


def load_rows(sources: Sources, experiments: list[str], columns: tuple[str, ...] = COLUMNS) -> tuple[Survey, Rows]:
    """The survey's settings and all rows of these experiments, whose tables have ``columns``, every framework and seed."""
    survey = load_survey(sources.survey)
    rows: Rows = []
    for experiment in experiments:
        for framework in survey.frameworks:
            for seed in survey.seeds:
                path = sources.layout.survey(sources.survey, experiment, framework, seed)
                if not Path(path).is_file():
                    raise ArtifactError(
                        f"{path}: is missing; run thermolatent survey {experiment} --framework {framework} --seed {seed} "
                        f"--scale {sources.survey}"
                    )
                rows.extend(read_table(path, columns))
    return survey, rows


def accuracy(sources: Sources) -> Drawing:
    """Divergence in all dimensions, and in the plane of two principal components, against what makes a mixture hard."""
    names = ["dimension", "size", "modes"]
    survey, rows = load_rows(sources, names)
    figure, axes = panels(2, 3, (DOUBLE, 4.2))
    labels = {"dim": "dimension", "samples": "training samples", "modes": "modes"}
    for column, name in enumerate(names):
        plan = survey.experiments[name]
        own = [row for row in rows if row["experiment"] == name]
        for panel, metric in zip(axes[:, column], ("kl_exact", "js_pca"), strict=True):
            for k, framework in enumerate(survey.frameworks):
                _curve(panel, own, framework, metric, plan.along, k, survey.frameworks[framework].label)
            panel.set_xlabel(labels[plan.along])
            if plan.along == "samples":
                panel.set_xscale("log")
                log_ticks(panel.xaxis, 200)
            else:
                panel.set_xticks(plan.values)
        _floor(axes[1, column], own, plan.along)
        held = {"dim": f"d = {plan.dim}", "modes": f"{plan.modes} modes", "samples": f"{plan.samples} samples"}
        axes[0, column].set_title(", ".join(text for key, text in held.items() if key != plan.along))
    axes[0, 0].set_ylabel("KL(exact || model) (nats)")
    axes[1, 0].set_ylabel("JS, PCA plane (nats)")
    for panel in axes[0]:
        panel.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    for panel in axes[1]:
        panel.set_ylim(bottom=0)
    _legend(figure, axes[1, 0], 4)
    return Drawing(
        figure,
        COLUMNS,
        _table(rows, ("kl_exact", "js_pca", "js_pca_floor", "kl_survey", "kl_survey_floor", "mode_error")),
        _SAME + " Modes have equal weights.",
        _DIFFERENT,
        _accuracy_findings(survey, rows),
        _verdicts(survey, rows),
        _seconds(rows),
    )


def asymmetry(sources: Sources) -> Drawing:
    """Predicted against exact free-energy difference, and the error of each."""
    survey, rows = load_rows(sources, ["asymmetry"])
    figure, axes = panels(1, 2, (DOUBLE, 3.1))
    findings, found = [], {}
    for k, (name, framework) in enumerate(survey.frameworks.items()):
        exact, predicted, error = differences(rows, name)
        found[name] = determination(exact, predicted), float(np.corrcoef(exact, predicted)[0, 1] ** 2)
        label = f"{framework.label}, $r^2$ = {found[name][0]:.3f}"
        for panel, values in zip(axes[0], (predicted, predicted - exact), strict=True):
            panel.errorbar(exact, values, yerr=error, fmt=MARKERS[k], color=COLORS[k], label=label, elinewidth=0.8)
    exact, sampled, error = differences(rows, next(iter(survey.frameworks)), "delta_F_floor")
    left, right = axes[0]
    left.axline((0, 0), slope=1, color=GREY, linewidth=0.8, zorder=0, label="exact")
    right.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    right.errorbar(
        exact, sampled - exact, yerr=error, fmt="x", color=GREY, elinewidth=0.8, label="exact samples (floor)"
    )
    left.set_ylabel("predicted free-energy difference (kT)")
    right.set_ylabel("predicted minus exact (kT)")
    for panel in axes[0]:
        panel.set_xlabel("exact free-energy difference (kT)")
    left.legend(loc="upper left")
    right.legend(*[entries[-1:] for entries in right.get_legend_handles_labels()], loc="best")
    floor = determination(exact, sampled)
    published = {"ns": ".98", "cfm": ".89", "ddpm": ".85"}
    dim = survey.experiments["asymmetry"].dim
    for name, (diagonal, linear) in found.items():
        findings.append(
            Finding(
                f"free-energy difference, d = {dim}, r² of {survey.frameworks[name].label}",
                published.get(name, ""),
                f"{diagonal:.3f} about the diagonal, {linear:.3f} squared correlation",
                f"{floor:.4f}",
                "unknown which of the two it is",
            )
        )
    winner = max(found, key=lambda name: found[name][0])
    verdict = "it agrees" if winner == "ns" else "this contradicts it"
    label = survey.frameworks[winner].label
    remark = f"The survey finds NS best at unequal modes. Here the largest r² about the diagonal is that of {label}: {verdict}."
    remark += " With one seed a difference of a hundredth may be chance." if len(survey.seeds) == 1 else ""
    return Drawing(
        figure,
        COLUMNS,
        _table(rows, ("delta_F", "delta_F_exact", "delta_F_floor", "kl_exact", "js_pca", "js_pca_floor")),
        _SAME + f" Two modes in {dim} dimensions, ratios .001 to .5.",
        [
            *_DIFFERENT,
            "A mode's share is the mean of p(mode|x) over generated samples, exact for exact samples however modes overlap; "
            "how the survey counts is unknown. Error bars: one standard error of the sampling; the floor is as many exact "
            "samples.",
        ],
        findings,
        [remark],
        _seconds(rows),
    )


def cost(sources: Sources) -> Drawing:
    """Time per sample, parameters, training time against dimension."""
    survey, rows = load_rows(sources, ["dimension"])
    figure, axes = panels(1, 3, (DOUBLE, 2.5))
    words = {
        "milliseconds_per_sample": "CPU time per sample (ms)",
        "parameters": "parameters",
        "train_seconds": "training (CPU s)",
    }
    for panel, (metric, label) in zip(axes[0], words.items(), strict=True):
        for k, (name, framework) in enumerate(survey.frameworks.items()):
            _curve(panel, rows, name, metric, "dim", k, framework.label)
        panel.set_xlabel("dimension")
        panel.set_xticks(survey.experiments["dimension"].values)
        panel.set_ylabel(label)
        panel.set_yscale("log")
        log_ticks(panel.yaxis, 20)
    _legend(figure, axes[0, 0], 3)
    findings = []
    published = {
        "cfm": "4.8 ms",
        "ddpm": "26 ms",
        "ns": "5 ms (d = 10) to 56 ms (d = 100)",
    }
    for name, framework in survey.frameworks.items():
        at, times, _ = _series(rows, name, "milliseconds_per_sample", "dim")
        ours = f"{times[0]:.3g} ms (d = {at[0]:g}) to {times[-1]:.3g} ms (d = {at[-1]:g})"
        findings.append(
            Finding(
                f"time per sample, {framework.label}", published.get(name, ""), ours, "", "no: a GPU, U-Nets of 17 M"
            )
        )
    return Drawing(figure, COLUMNS, _table(rows, tuple(words)), _SAME, _DIFFERENT, findings, seconds=_seconds(rows))


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


def _verdicts(survey: Survey, rows: Rows) -> list[str]:
    """The survey's findings on accuracy, each beside ours."""
    claims = [
        ("CFM best in many dimensions and few modes", "cfm", "dimension", -1),
        ("DDPM best in few dimensions and many modes", "ddpm", "modes", -1),
    ]
    found = []
    for claim, expected, experiment, index in claims:
        plan = survey.experiments[experiment]
        own = [row for row in rows if row["experiment"] == experiment]
        scores = {}
        for name in survey.frameworks:
            _, values, errors = _series(own, name, "kl_exact", plan.along)
            scores[name] = values[index], errors[index]
        name, clear = best(scores)
        numbers = ", ".join(f"{survey.frameworks[n].label} {v:.3f} ± {e:.3f}" for n, (v, e) in scores.items())
        word = "agrees" if name == expected else "contradicts it"
        word = word if clear else "cannot be told apart within two standard errors"
        found.append(f"Survey: {claim}. Here, KL in nats at {plan.along} = {plan.values[index]:g}: {numbers}: {word}.")
    return found


def _accuracy_findings(survey: Survey, rows: Rows) -> list[Finding]:
    found = []
    for experiment in ("dimension", "modes"):
        plan = survey.experiments[experiment]
        own = [row for row in rows if row["experiment"] == experiment]
        for name, framework in survey.frameworks.items():
            at, values, errors = _series(own, name, "kl_exact", plan.along)
            ours = f"{values[-1]:.3f} ± {errors[-1]:.3f} nats"
            found.append(
                Finding(
                    f"KL, {framework.label}, {plan.along} = {at[-1]:g}",
                    "in a figure only",
                    ours,
                    "0",
                    "no: all dimensions, no bins",
                )
            )
    return found


def _series(rows: Rows, framework: str, metric: str, along: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _curve(panel: Axes, rows: Rows, framework: str, metric: str, along: str, k: int, label: str) -> None:
    at, values, errors = _series(rows, framework, metric, along)
    panel.errorbar(
        at, values, yerr=errors, color=COLORS[k], marker=MARKERS[k], label=label, elinewidth=0.8, linestyle="-"
    )


def _floor(panel: Axes, rows: Rows, along: str) -> None:
    at, values, _ = _series(rows, rows[0]["framework"], "js_pca_floor", along)
    panel.plot(at, values, color=GREY, linewidth=0.9, linestyle="--", label="exact samples (floor)")


def _legend(figure, panel: Axes, columns: int) -> None:
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def _table(rows: Rows, metrics: tuple[str, ...]) -> Iterator[list[str]]:
    yield from ([row[column] for column in COLUMNS] for row in rows if row["metric"] in metrics)


def _seconds(rows: Rows) -> float:
    """CPU seconds of training and sampling."""
    return sum(float(row["value"]) for row in rows if row["metric"] == "train_seconds")
