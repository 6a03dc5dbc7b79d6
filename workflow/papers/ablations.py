"""LaTF's ablations on the three-hole potential (arXiv:2507.03174): what changes when one choice of the recipe does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import divergences
from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources, paired, spread
from thermolatent.figures.style import DOUBLE, GREY, log_ticks, panels
from thermolatent.study.study import Study
from thermolatent.tables import read_table
from three_hole import mean_excess

_METRICS = {
    "held_out_cross_entropy": "held-out\ncross-entropy (nats)",
    "held_out_rate": "held-out rate\nE[ln q - ln r] (nats)",
    "against_exact": "symmetrised KL,\npapers' bins (nats)",
    "path": "straight paths above the\nlowest pass, mean (kT)",
}
_PATH = "path"


class Score(NamedTuple):
    """One number of one variant and seed."""

    model: str
    what: str
    states: int
    metric: str
    seed: int
    value: float


def recipe(sources: Sources, entry: PaperFigure) -> Drawing:
    """Held-out losses, divergence and heights of straight paths of each variant, beside the study's first model, by seed."""
    study, _ = sources.study(entry.divergences[0])
    reference = next(iter(study.models))
    labels = {model: what_differs(study, model, reference) for model in study.models}
    tables = [read_table(sources.paths.divergences(study.name, s), divergences.COLUMNS) for s in sources.seeds]
    scores = [*_losses([row for table in tables for row in table], labels), *_paths(sources, entry, study.name, labels)]
    floor = np.mean([float(row["floor_exact"]) for table in tables for row in table if row["model"] == reference])
    figure, axes = panels(1, len(_METRICS), (DOUBLE, 1.1 + 0.19 * len(labels)), sharey=True)
    for panel, (metric, words) in zip(axes[0], _METRICS.items(), strict=True):
        for at, model in enumerate(reversed(labels)):
            values = of(scores, model, metric)
            color = "#D55E00" if model == reference else "#0072B2"
            panel.plot([*values.values()], [at] * len(values), "o", color=color, alpha=0.8, markersize=3.5)
        panel.set(xlabel=words, ylim=(-0.6, len(labels) - 0.4))
        panel.grid(axis="y", color="0.92", linewidth=0.6)
    axes[0, 0].set(yticks=range(len(labels)), yticklabels=[*reversed(labels.values())])
    divergence = axes[0, list(_METRICS).index("against_exact")]
    divergence.axvline(floor, color=GREY, linewidth=0.9, linestyle="--", label="exact points (floor)")
    divergence.set_xscale("log")
    log_ticks(divergence.xaxis, 20)
    figure.legend(*divergence.get_legend_handles_labels(), loc="outside lower right")
    findings = [
        Finding(f"three-hole, {label}", "", _told(scores, model, reference), f"KL {floor:.4f}", "no number published")
        for model, label in labels.items()
    ]
    remark = (
        "In brackets the difference from the first row, seed by seed, with its 95 % interval; * where that excludes 0. "
        "Cross-entropies at another lag, and with other initial labels, are of other labels and not compared."
    )
    return Drawing(figure, Score._fields, scores, findings, [remark])


def what_differs(study: Study, model: str, reference: str) -> str:
    """The keys of a model that the reference has otherwise, in words."""
    own, known = (dict(_flat(_whole(study, name))) for name in (model, reference))
    if own["density", "kind"] != known["density", "kind"]:
        return own["density", "kind"]
    changed = {key[-1]: value for key, value in own.items() if value != known.get(key)}
    words = (f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in changed.items())
    return ", ".join(words) or "as published"


def of(scores: list[Score], model: str, metric: str) -> dict[int, float]:
    """The values of one metric of a model, by seed."""
    return {s.seed: s.value for s in scores if (s.model, s.metric) == (model, metric)}


def _losses(rows: list[dict[str, str]], labels: dict[str, str]) -> Iterator[Score]:
    for row in rows:
        for metric in _METRICS:
            if metric != _PATH and row["model"] in labels:
                numbers = (int(row["states"]), metric, int(row["seed"]), float(row[metric]))
                yield Score(row["model"], labels[row["model"]], *numbers)


def _paths(sources: Sources, entry: PaperFigure, study: str, labels: dict[str, str]) -> Iterator[Score]:
    for model in entry.paths:
        for seed in sources.seeds:
            excess = mean_excess(sources.base_paths(study, model, seed))
            yield Score(model, labels[model], 0, _PATH, seed, excess)


def _whole(study: Study, model: str) -> dict[str, Any]:
    """A model's keys, with all of its SPIB's."""
    representation = study.representation_of(model).model_dump(mode="json")
    return study.models[model].model_dump(mode="json") | {"representation": representation}


def _flat(content: dict[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in content.items():
        yield from _flat(value, *above, key) if isinstance(value, dict) else [((*above, key), value)]


def _told(scores: list[Score], model: str, reference: str) -> str:
    states = sorted({s.states for s in scores if s.model == model and s.states})
    told = [f"{'-'.join(map(str, states))} states"]
    names = dict(zip(_METRICS, ("cross-entropy", "rate", "KL", "paths"), strict=True))
    for metric, name in names.items():
        if values := of(scores, model, metric):
            text = f"{name} {spread((value, float('nan')) for value in values.values())}"
            if model != reference and len(values) > 1:
                known = of(scores, reference, metric)
                difference, half = paired([*values.values()], [known[seed] for seed in values])
                text += f" ({difference:+.4f} ± {half:.4f}{'*' if abs(difference) > half else ''})"
            told.append(text)
    return "; ".join(told)
