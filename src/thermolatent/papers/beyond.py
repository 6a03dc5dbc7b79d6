"""What none of the papers has: when is a learned model worth it? Error against the share of frames that reweighting can use."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from matplotlib.lines import Line2D

from thermolatent.figures.style import DOUBLE, GREY, log_ticks, panels
from thermolatent.files.artifacts import load_json
from thermolatent.papers.drawing import Drawing, Sources
from thermolatent.tables import SCORE_COLUMNS, read_table

#: Reweighting whose effective sample fraction is the abscissa.
_REWEIGHTING = "conditional"
_ERRORS = {
    "population_max_error": "largest error of a named population",
    "js_plane": "Jensen-Shannon, fixed plane (nats)",
}
_LOOKS = {
    "informed": ("#0072B2", "o"),
    "not informed": ("#D55E00", "s"),
    "conditional": ("#009E73", "X"),
    "mbar": ("#E69F00", "v"),
    "which_t": ("#56B4E9", "P"),
    "nearest": ("#8C8C8C", "^"),
}
_WORDS = {
    "informed": "informed model",
    "not informed": "model, not informed",
    "conditional": "conditional reweighting",
    "mbar": "MBAR",
    "which_t": "which T (no energies)",
    "nearest": "nearest training T",
}
#: Kinds that are learned.
_LEARNED = ("informed", "not informed")


class Point(NamedTuple):
    """One error; ``kind`` is informed or not, or the name of a baseline. Medians over seeds."""

    study: str
    model: str
    kind: str
    temperature: float
    metric: str
    effective_fraction: float
    error: float
    floor: float
    seeds: int


COLUMNS = Point._fields


def error_against_overlap(sources: Sources) -> Drawing:
    """Every model and system whose scores lie in the results folder, at temperatures that nobody trained on."""
    found = sorted(Path(sources.results).glob("*/validate/scores.csv"))
    rows = [row for path in found for row in points(read_table(str(path), SCORE_COLUMNS), informed_models(path))]
    figure, axes = panels(1, 2, (DOUBLE, 3.2))
    for panel, (metric, label) in zip(axes[0], _ERRORS.items(), strict=True):
        own = [p for p in rows if p.metric == metric and p.effective_fraction > 0 and p.error > 0]
        for kind, (color, marker) in reversed(_LOOKS.items()):
            chosen = [p for p in own if p.kind == kind]
            panel.plot(
                [p.effective_fraction for p in chosen],
                [p.error for p in chosen],
                marker,
                color=color,
                markersize=4,
                alpha=0.75,
                markeredgewidth=0,
            )
        panel.plot([p.effective_fraction for p in own], [p.floor for p in own], "_", color=GREY, markersize=7)
        panel.set_xscale("log")
        panel.set_yscale("log")
        for axis in (panel.xaxis, panel.yaxis):
            log_ticks(axis, 20)
        panel.set_xlabel("effective sample fraction of conditional reweighting")
        panel.set_ylabel(label)
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="none", label=_WORDS.get(name, name))
        for name, (color, marker) in _LOOKS.items()
    ]
    handles.append(Line2D([], [], color=GREY, marker="_", linestyle="none", label="floor (MD half against half)"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    studies = sorted({p.study for p in rows})
    return Drawing(
        figure,
        COLUMNS,
        rows,
        "Nothing: no paper has it.",
        [f"Studies whose scores were there: {', '.join(studies)}. Medians over seeds, temperatures not trained on."],
        remarks=_remarks(rows),
    )


def informed_models(scores: Path) -> set[str]:
    """Names of the models that are trained on reweighted frames, as the study's results say beside its ``scores``."""
    study = load_json(str(scores.parents[1] / "study.json"), "study of the results")
    return {name for name, model in study["models"].items() if model["informed"]}


def points(scores: list[dict[str, str]], informed: set[str]) -> list[Point]:
    """One study's errors from its scores."""
    values: dict[tuple[str, str, float], list[float]] = {}
    for row in scores:
        if row["value"] and row["role"] != "train" and row["plane"] in ("", "fixed"):
            values.setdefault((row["model"], row["metric"], float(row["temperature"])), []).append(float(row["value"]))
    medians = {key: sorted(v)[len(v) // 2] for key, v in values.items()}
    found = []
    for (model, metric, T), error in medians.items():
        fraction = medians.get((_REWEIGHTING, "ess_fraction", T))
        if metric in _ERRORS and model != "floor" and fraction is not None:
            floor = medians.get(("floor", metric, T), float("nan"))
            seeds = len(values[model, metric, T])
            kind = model if model in _LOOKS else "informed" if model in informed else "not informed"
            found.append(Point(scores[0]["study"], model, kind, T, metric, fraction, error, floor, seeds))
    return found


def _remarks(rows: list[Point]) -> list[str]:
    """How often a learned model beats conditional reweighting, with many and with few effective frames."""
    errors = [p for p in rows if p.metric == "population_max_error"]
    reweighted = {(p.study, p.temperature): p.error for p in errors if p.kind == _REWEIGHTING}
    remarks = []
    for low, high, words in ((0.1, 1.1, "at least 10 %"), (0.0, 0.1, "below 10 %")):
        for kind in _LEARNED:
            pairs = [
                (p.error, reweighted[p.study, p.temperature])
                for p in errors
                if p.kind == kind and low <= p.effective_fraction < high and (p.study, p.temperature) in reweighted
            ]
            if pairs:
                better = sum(own < other for own, other in pairs)
                ratio = sorted(own / max(other, 1e-12) for own, other in pairs)[len(pairs) // 2]
                remarks.append(
                    f"Effective fraction {words}, {_WORDS[kind]}: a smaller population error than conditional reweighting in "
                    f"{better} of {len(pairs)} cases (study, model, temperature), in the median {ratio:.2g} times its error."
                )
    return remarks
