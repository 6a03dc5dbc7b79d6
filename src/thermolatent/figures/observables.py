"""Means of the observables against temperature."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from thermolatent.figures.style import series_names, temperature_axis
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import (
    SERIES_COLUMNS,
    curve,
    legend,
    measured,
    only_outer_labels,
    panel_grid,
    points,
    series_rows,
    spread,
)
from thermolatent.validate.settings import Asked

DATA = ("tables",)
COLUMNS = SERIES_COLUMNS


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Observables",
        f"Means against temperature; {spread(seeds)}. By frame weights: exact for functions of the features; for others the mean "
        "at given features is assumed not to change with temperature.",
    )


def draw(study: Asked, tables: Tables) -> Figure:
    """Mean of each observable: models, baselines and MD."""
    observables = tables.observables()
    figure, axes = panel_grid(len(observables))
    for observable, panel in zip(observables, axes.flat, strict=False):
        panel.set_title(observable)
        temperature_axis(panel, study, measured=True)
        for name in series_names(study):
            curve(panel, study, name, tables.observable(name, observable))
        points(panel, study, "md", tables.observable("md", observable))
        measured(panel, study, tables, observable)
    only_outer_labels(axes, len(observables), "mean")
    legend(figure)
    return figure


def rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    """Rows of the CSV."""
    for observable in tables.observables():
        for name in ("md", *series_names(study)):
            yield from series_rows(observable, name, tables.observable(name, observable))
