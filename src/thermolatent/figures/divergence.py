"""Divergence from the reference MD against temperature."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thermolatent.figures.style import (
    DOUBLE,
    GREY,
    LOG_FROM,
    SINGLE,
    logarithmic,
    look,
    panels,
    series_names,
    temperature_axis,
)
from thermolatent.figures.tables import Series, Tables
from thermolatent.figures.temperature import (
    SERIES_COLUMNS,
    curve,
    legend,
    only_outer_labels,
    plane_title,
    series_rows,
    spread,
)
from thermolatent.validate.settings import Asked

DATA = ("tables",)
COLUMNS = SERIES_COLUMNS
IN_SAMPLE = "In-sample: at a training temperature models and baselines have the frames they are judged by."


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Divergence from the reference MD",
        f"Jensen-Shannon divergence in each plane, medians; {spread(seeds)}. The floor is the divergence between halves of "
        f"the MD. {IN_SAMPLE}",
    )


def draw(study: Asked, tables: Tables) -> Figure:
    """Jensen-Shannon divergence from the reference MD in each plane, models and baselines, floor shaded."""
    found = [("js_plane", "fixed"), *(("js_latent", plane) for plane in tables.planes("js_latent"))]
    columns = min(len(found), 3)
    rows = ceil(len(found) / columns)
    figure, axes = panels(
        rows, columns, (DOUBLE if columns > 1 else SINGLE, 1.0 + 2.1 * rows), sharex=True, sharey=True
    )
    curves = {}
    for (metric, plane), panel in zip(found, axes.flat, strict=False):
        panel.set_title(plane_title(tables, plane))
        temperature_axis(panel, study)
        for name in series_names(study):
            curves[name, plane] = tables.score(name, metric, plane)
            curve(panel, study, name, curves[name, plane])
        curves["floor", plane] = tables.score("floor", metric, plane)
    values = [v.median for series in curves.values() for v in series.values() if v.median > 0]
    if values and max(values) > LOG_FROM * min(values):
        logarithmic(axes.flat[0])
        axes.flat[0].set_ylim(0.6 * min(values), 1.6 * max(values))
    else:
        axes.flat[0].set_ylim(bottom=0)
    for (_, plane), panel in zip(found, axes.flat, strict=False):
        _floor(panel, study, curves["floor", plane])
    only_outer_labels(axes, len(found), "Jensen-Shannon divergence (nats)")
    legend(figure)
    return figure


def _floor(panel: Axes, study: Asked, series: Series) -> None:
    """Shade from the bottom of the axis to the floor, over the whole width."""
    if not series:
        return
    T, values = list(series), [v.median for v in series.values()]
    low, high = panel.get_xlim()
    T, values = [low, *T, high], [values[0], *values, values[-1]]
    bottom = panel.get_ylim()[0]
    label = look(study, "floor").label
    panel.fill_between(T, bottom, values, color="0.85", linewidth=0, zorder=-0.5, label=label)
    panel.plot(T, values, color=GREY, linewidth=0.8, zorder=-0.4)
    panel.set_xlim(low, high)
    panel.set_ylim(bottom=bottom)


def rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    """Rows of the CSV."""
    for metric in ("js_plane", "js_latent"):
        for plane in tables.planes(metric):
            for name in series_names(study, floor=True):
                yield from series_rows(f"{metric} {plane}", name, tables.score(name, metric, plane))
