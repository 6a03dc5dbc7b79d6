"""What depends on temperature: populations and divergences."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isfinite

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thermolatent.config import Study
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

COLUMNS = ("quantity", "series", "temperature", "median", "low", "high", "stderr", "seeds")


def draw_populations(study: Study, tables: Tables) -> Figure:
    """Population of each named state: MD with error bars, models with their range over seeds, baselines."""
    figure, axes = _panel_each(study, tables.states(), tables.population)
    for panel in axes.flat[: len(tables.states())]:
        bottom, top = panel.get_ylim()
        panel.set_ylim(max(bottom, -0.02 * top), top)
    only_outer_labels(axes, len(tables.states()), "population")
    legend(figure, axes.flat[0])
    return figure


def draw_observables(study: Study, tables: Tables) -> Figure:
    """Mean of each observable, drawn as the populations are."""
    names = tables.observables()
    figure, axes = _panel_each(study, names, tables.observable)
    only_outer_labels(axes, len(names), "mean")
    legend(figure, axes.flat[0])
    return figure


def _panel_each(study: Study, titles: list[str], values: Callable[[str, str], Series]):
    """A panel per title with all series against temperature; ``values(model, title)``."""
    columns = min(len(titles), 2 if len(titles) in (2, 4) else 3)
    rows = ceil(len(titles) / columns)
    figure, axes = panels(rows, columns, (DOUBLE if columns > 1 else SINGLE, 0.85 + 1.75 * rows), sharex=True)
    for title, panel in zip(titles, axes.flat, strict=False):
        panel.set_title(title)
        temperature_axis(panel, study)
        for name in series_names(study):
            curve(panel, study, name, values(name, title))
        points(panel, study, "exact", values("exact", title))
        points(panel, study, "md", values("md", title))
    return figure, axes


def draw_divergence(study: Study, tables: Tables) -> Figure:
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
    legend(figure, axes.flat[0])
    return figure


def plane_title(tables: Tables, plane: str) -> str:
    """A plane of the scores in words."""
    if plane == "fixed":
        return f"fixed plane ({', '.join(tables.plane)})"
    own = plane.removeprefix("latent").removeprefix("_")
    return f"latent plane of {own}" if own else "latent plane"


def curve(panel: Axes, study: Study, name: str, series: Series) -> None:
    """Median over seeds with their range as a band and bars; one seed has its standard error as bars."""
    if not series:
        return
    own = look(study, name)
    T = list(series)
    values = list(series.values())
    middle = [v.median for v in values]
    several = max(v.seeds for v in values) > 1
    is_model = name in study.models
    if several:
        below, above = [v.median - v.low for v in values], [v.high - v.median for v in values]
        if is_model:
            panel.fill_between(
                T, [v.low for v in values], [v.high for v in values], color=own.color, alpha=0.18, linewidth=0
            )
    else:
        below = above = [v.stderr if isfinite(v.stderr) else 0.0 for v in values]
    panel.errorbar(
        T,
        middle,
        yerr=[below, above] if is_model else None,
        color=own.color,
        marker=own.marker,
        linestyle=own.line,
        linewidth=1.4 if is_model else 0.9,
        markersize=4 if is_model else 3.5,
        elinewidth=0.8,
        label=own.label,
        zorder=3 if is_model else 2,
    )


def points(panel: Axes, study: Study, name: str, series: Series) -> None:
    """MD or exact values: points with two standard errors, on top."""
    if not series:
        return
    own = look(study, name)
    size = {"markersize": 9, "markeredgewidth": 1.0} if name == "exact" else {"markersize": 3.5, "mfc": "white"}
    bars = [2 * v.stderr if isfinite(v.stderr) else 0.0 for v in series.values()]
    panel.errorbar(
        list(series),
        [v.median for v in series.values()],
        yerr=bars if any(bars) else None,
        color=own.color,
        marker=own.marker,
        linestyle="none",
        elinewidth=0.8,
        label=f"{own.label} (2 standard errors)" if any(bars) else own.label,
        zorder=4,
        **size,
    )


def _floor(panel: Axes, study: Study, series: Series) -> None:
    """Shaded from the bottom of the axis to the floor, widened by a little so that one temperature shows too."""
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


def only_outer_labels(axes, used: int, ylabel: str, xlabels: bool = True) -> None:
    """Hide panels beyond ``used``, label the y axis at the left, and (``xlabels``) the shared x axis at the bottom."""
    columns = axes.shape[1]
    for k, panel in enumerate(axes.flat):
        panel.set_visible(k < used)
        if k % columns == 0:
            panel.set_ylabel(ylabel)
        if xlabels and k + columns < used:
            panel.set_xlabel("")
        elif xlabels:
            panel.xaxis.set_tick_params(labelbottom=True)


def legend(figure: Figure, panel: Axes) -> None:
    """The entries of one panel below the figure."""
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        columns = 4 if figure.get_figwidth() > SINGLE else 2
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=2.2)
