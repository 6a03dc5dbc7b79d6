"""Populations of the named states against temperature."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from matplotlib.figure import Figure

from thermolatent.figures.style import temperature_axis
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import (
    answer_band,
    legend,
    measured,
    only_outer_labels,
    others,
    panel_grid,
    points,
    population_of,
    thin_line,
)
from thermolatent.validate.settings import Asked

DATA = ("tables",)
COLUMNS = ("state", "series", "temperature", "value", "low", "high")


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Populations of the named states",
        "Against temperature: the reweighting, its 95 % interval as a band, and the MD with its interval. Thin lines: "
        "baselines and models (informed ones by their samples). Grey marks: measured values, or those of other simulations. "
        "A state that is not assessable has no band.",
    )


def draw(study: Asked, tables: Tables) -> Figure:
    """Population of each named state: reweighting and MD with 95 % intervals, models and baselines."""
    states = tables.states()
    figure, axes = panel_grid(len(states))
    for state, panel in zip(states, axes.flat, strict=False):
        panel.set_title(state)
        temperature_axis(panel, study, measured=True)
        for name in (*others(), *study.models):
            thin_line(panel, study, name, population_of(study, tables, name, state))
        answer_band(panel, study, tables, state)
        points(panel, study, "exact", tables.population("exact", state))
        points(panel, study, "md", tables.population("md", state))
        measured(panel, study, tables, state)
        bottom, top = panel.get_ylim()
        panel.set_ylim(max(bottom, -0.02 * top), min(top, 1.02))
    only_outer_labels(axes, len(states), "population")
    legend(figure)
    return figure


def rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    """Rows of the CSV: with 95 % intervals of the reweighting and the MD, and ranges over seeds of the others."""
    for state in tables.states():
        for T, of_state in tables.predictions().items():
            p = of_state[state]
            yield state, "reweighting", T, *("" if v != v else v for v in (p.value, p.low, p.high))
        for name in ("md", "exact"):
            for T, v in tables.population(name, state).items():
                half = v.half if isfinite(v.half) else 0.0
                yield state, name, T, v.median, v.median - half, v.median + half
        for name in (*others(), *study.models):
            for T, v in population_of(study, tables, name, state).items():
                yield state, name, T, v.median, v.low, v.high
        for label, series in tables.experiments(state).items():
            for T, v in series.items():
                yield (
                    state,
                    label,
                    T,
                    v.median,
                    *(("", "") if v.half != v.half else (v.median - v.half, v.median + v.half)),
                )
