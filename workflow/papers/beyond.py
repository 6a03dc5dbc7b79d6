"""What none of the papers has: when is a learned model worth it? Error against the share of frames that reweighting can use."""

from __future__ import annotations

from pathlib import Path
from statistics import median_high
from typing import NamedTuple

from matplotlib.lines import Line2D

from catalogue import PaperFigure
from drawing import Drawing, Sources
from thermolatent.figures.style import DOUBLE, GREY, log_ticks, panels
from thermolatent.files.artifacts import load_json
from thermolatent.tables import SCORE_COLUMNS, read_table

_ERRORS = {
    "population_max_error": "largest error of a named population",
    "js_plane": "Jensen-Shannon, fixed plane (nats)",
}
#: Colour, marker and legend entry of each kind; the first two are learned.
_LOOKS = {
    "informed": ("#0072B2", "o", "informed model"),
    "not informed": ("#D55E00", "s", "model, not informed"),
    "conditional": ("#009E73", "X", "conditional reweighting"),
    "mbar": ("#E69F00", "v", "MBAR"),
    "which_t": ("#56B4E9", "P", "which T (no energies)"),
    "nearest": ("#8C8C8C", "^", "nearest training T"),
}


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


def error_against_overlap(sources: Sources, entry: PaperFigure) -> Drawing:
    """Every model and system whose scores lie in the results folder, at temperatures that nobody trained on."""
    found = sorted(Path(sources.results).glob("*/validate/scores.csv"))
    rows = [row for path in found for row in points(read_table(str(path), SCORE_COLUMNS), informed_models(path))]
    figure, axes = panels(1, 2, (DOUBLE, 3.2))
    for panel, (metric, label) in zip(axes[0], _ERRORS.items(), strict=True):
        own = [p for p in rows if p.metric == metric and p.effective_fraction > 0 and p.error > 0]
        for kind, (color, marker, _) in reversed(_LOOKS.items()):
            at = [(p.effective_fraction, p.error) for p in own if p.kind == kind]
            look = {"color": color, "markersize": 4, "alpha": 0.75, "markeredgewidth": 0}
            panel.plot([x for x, _ in at], [y for _, y in at], marker, **look)
        panel.plot([p.effective_fraction for p in own], [p.floor for p in own], "_", color=GREY, markersize=7)
        panel.set(xscale="log", yscale="log", ylabel=label)
        panel.set_xlabel("effective sample fraction of conditional reweighting")
        for axis in (panel.xaxis, panel.yaxis):
            log_ticks(axis, 20)
    looks = [*_LOOKS.values(), (GREY, "_", "floor (MD half against half)")]
    handles = [Line2D([], [], color=c, marker=m, linestyle="none", label=label) for c, m, label in looks]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    studies = ", ".join(sorted({p.study for p in rows}))
    told = f"Studies whose scores were there: {studies}. Medians over seeds, temperatures not trained on."
    return Drawing(figure, Point._fields, rows, remarks=remarks(rows), different=[told])


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
    medians = {key: median_high(v) for key, v in values.items()}
    found = []
    for (model, metric, T), error in medians.items():
        fraction = medians.get(("conditional", "ess_fraction", T))
        if metric in _ERRORS and model != "floor" and fraction is not None:
            floor = medians.get(("floor", metric, T), float("nan"))
            kind = model if model in _LOOKS else "informed" if model in informed else "not informed"
            count = len(values[model, metric, T])
            found.append(Point(scores[0]["study"], model, kind, T, metric, fraction, error, floor, count))
    return found


def remarks(rows: list[Point]) -> list[str]:
    """How often a learned model beats conditional reweighting, with many and with few effective frames."""
    errors = [p for p in rows if p.metric == "population_max_error"]
    reweighted = {(p.study, p.temperature): p.error for p in errors if p.kind == "conditional"}
    told = []
    for low, high, words in ((0.1, 1.1, "at least 10 %"), (0.0, 0.1, "below 10 %")):
        for kind in list(_LOOKS)[:2]:
            own = [p for p in errors if p.kind == kind and low <= p.effective_fraction < high]
            pairs = [(p.error, reweighted[key]) for p in own if (key := (p.study, p.temperature)) in reweighted]
            if pairs:
                ratio = median_high(error / max(other, 1e-12) for error, other in pairs)
                told.append(
                    f"Effective fraction {words}, {_LOOKS[kind][2]}: a smaller population error than conditional reweighting in "
                    f"{sum(error < other for error, other in pairs)} of {len(pairs)} cases (study, model, temperature), in the "
                    f"median {ratio:.2g} times its error."
                )
    return told
