"""Where temperature changes the topology: which base density and which way of temperature break, and what intervals say."""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot, nan
from typing import NamedTuple

from matplotlib.lines import Line2D

from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources, spread
from thermolatent.figures.style import DOUBLE, GREY, log_ticks, look, panels
from thermolatent.figures.tables import Tables
from thermolatent.learn.settings import Composition
from thermolatent.reweight.verdict import TRUSTED
from thermolatent.validate.predictions import HEADLINE
from thermolatent.validate.settings import POPULATIONS, Asked
from unseen import ERRORS, error

_INFORMED = {True: ("o", "#0072B2", "informed"), False: ("s", "#D55E00", "not informed")}


class Judged(NamedTuple):
    """A predicted population with its interval and verdict, beside that of the reference MD.

    ``own`` is the density's own, whose distance from ``value`` is in the interval of an informed model; ``held``: whether
    prediction and MD agree within both 95 % intervals.
    """

    study: str
    predictor: str
    temperature: float
    state: str
    own: float
    value: float
    low: float
    high: float
    verdict: str
    md: float
    md_half: float

    @property
    def error(self) -> float:
        return abs(self.own - self.md)

    @property
    def held(self) -> bool:
        return abs(self.value - self.md) <= hypot((self.high - self.low) / 2, self.md_half)


def bases_and_ways(sources: Sources, entry: PaperFigure) -> Drawing:
    """The largest error at temperatures not trained at, of each base density and way of temperature, informed or not."""
    figure, axes = panels(len(ERRORS), len(entry.studies), (DOUBLE, 4.4), sharey=True)
    rows, told, remarks = [], [], []
    for column, name in zip(axes.T, entry.studies, strict=True):
        study, tables = sources.answers(name)
        kinds = list(dict.fromkeys(map(kind, study.models.values())))
        for panel, (metric, label) in zip(column, ERRORS.items(), strict=True):
            for model, spec in study.models.items():
                marker, color, _ = _INFORMED[spec.informed]
                values = worst(study, tables, model, metric)
                at = len(kinds) - 1 - kinds.index(kind(spec)) + (0.12 if spec.informed else -0.12)
                panel.plot(values, [at] * len(values), marker, color=color, markersize=4)
            for baseline, line in (("floor", "-"), ("conditional", "--")):
                own = look(study, baseline)
                for value in worst(study, tables, baseline, metric)[:1]:
                    panel.axvline(value, color=own.color, linestyle=line, linewidth=0.9)
            panel.set(yticks=range(len(kinds)), yticklabels=reversed(kinds), ylim=(-0.5, len(kinds) - 0.5))
            panel.set(xscale="log", xlabel=label)
            log_ticks(panel.xaxis, 20)
        column[list(ERRORS).index("population")].axvline(
            study.validate_.tolerance[POPULATIONS], color=GREY, linestyle=":", linewidth=0.9
        )
        column[0].set_title(study.description.partition(",")[0])
        rows += (found := list(judged(study, tables)))
        told += findings(study, tables)
        remarks += what_intervals_say(study, found)
    handles = [Line2D([], [], color=c, marker=m, linestyle="none", label=label) for m, c, label in _INFORMED.values()]
    handles += [
        Line2D([], [], color=own.color, linestyle=line, label=own.label)
        for own, line in ((look(study, "floor"), "-"), (look(study, "conditional"), "--"))
    ]
    handles.append(Line2D([], [], color=GREY, linestyle=":", label="tolerance"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return Drawing(figure, (*Judged._fields, "held"), ((*row, row.held) for row in rows), told, remarks)


def kind(spec: Composition) -> str:
    """Base density and way of temperature, in words."""
    return f"{getattr(spec.density, 'base', spec.density.kind)}, {' and '.join(spec.temperature)}"


def worst(study: Asked, tables: Tables, model: str, metric: str) -> list[float]:
    """The largest of an error over temperatures not trained at, seed by seed."""
    by_temperature = [error(study, tables, model, metric, T) for T in study.temperatures.predict]
    return [max(of_seed) for of_seed in zip(*filter(None, by_temperature), strict=True)]


def judged(study: Asked, tables: Tables) -> Iterable[Judged]:
    """Every predicted population at a temperature not trained at that has reference MD."""
    for predictor in (HEADLINE, *study.models):
        for T, states in tables.predictions(predictor).items():
            for state, p in states.items():
                md = tables.population("md", state)
                if T in study.temperatures.reference and T in md:
                    own = tables.density(predictor, state)[T].median if predictor in study.models else p.value
                    numbers = (own, p.value, p.low, p.high, p.verdict, md[T].median, md[T].half)
                    yield Judged(study.name, predictor, T, state, *numbers)


def what_intervals_say(study: Asked, found: list[Judged]) -> Iterable[str]:
    """Of the estimator, informed and other models: how many intervals hold the MD, and how many wrong values are trusted."""
    tolerance = study.validate_.tolerance[POPULATIONS]
    kinds = {"the estimator": {HEADLINE}}
    for informed, (_, _, words) in _INFORMED.items():
        kinds[f"models, {words}"] = {name for name, spec in study.models.items() if spec.informed == informed}
    for words, predictors in kinds.items():
        if own := [row for row in found if row.predictor in predictors]:
            off = [row for row in own if row.error > tolerance]
            yield (
                f"{study.name}, {words}: {sum(row.held for row in own)} of {len(own)} intervals hold the MD; {len(off)} values "
                f"are off by more than {tolerance:g}, of which {sum(row.held for row in off)} are held by their interval and "
                f"{sum(row.verdict == TRUSTED for row in off)} are called trusted; trusted in all: "
                f"{sum(row.verdict == TRUSTED for row in own)}."
            )


def findings(study: Asked, tables: Tables) -> list[Finding]:
    """The largest population error of the estimator and of each model; which of them break."""

    def errors(model: str) -> list[float]:
        return worst(study, tables, model, "population")

    def told(values: list[float]) -> str:
        return spread((value, nan) for value in values) if values else ""

    tolerance, found = study.validate_.tolerance[POPULATIONS], []
    for name in ("conditional", *study.models):
        broken = ", breaks" if min(errors(name)) > tolerance else ""
        what = f"{study.name}, {name}, largest population error at a T not trained at"
        found.append(Finding(what, "", told(errors(name)) + broken, told(errors("floor")), "no number published"))
    return found
