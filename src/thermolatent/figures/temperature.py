"""Populations, observables and divergences against temperature."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isfinite

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
from thermolatent.validate.settings import BASELINES, Asked

COLUMNS = ("quantity", "series", "temperature", "median", "low", "high", "stderr", "seeds")
POPULATION_COLUMNS = ("state", "series", "temperature", "value", "low", "high")


def draw_populations(study: Asked, tables: Tables) -> Figure:
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
    legend(figure, axes.flat[0])
    return figure


def others() -> list[str]:
    """The baselines without the floor and the reweighting."""
    return [name for name in BASELINES if name not in ("floor", "conditional")]


def population_of(study: Asked, tables: Tables, name: str, state: str) -> Series:
    """Population of one named state by a model or baseline."""
    return tables.density(name, state) if name in study.models else tables.population(name, state)


def population_rows(study: Asked, tables: Tables) -> Iterator[tuple]:
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


def answer_band(panel: Axes, study: Asked, tables: Tables, state: str) -> None:
    """The reweighting's values with their 95 % intervals as a band."""
    found = {T: of_state[state] for T, of_state in tables.predictions().items()}
    T, own = list(found), look(study, "reweighting")
    band = [[getattr(p, end) for p in found.values()] for end in ("low", "high")]
    values = [p.value for p in found.values()]
    panel.plot(T, values, color=own.color, marker=own.marker, linestyle="-", markersize=3.5, label=own.label, zorder=3)
    panel.fill_between(T, *band, color=own.color, alpha=0.22, linewidth=0, label="its 95 % interval")


def thin_line(panel: Axes, study: Asked, name: str, series: Series) -> None:
    """Medians over seeds, below everything else."""
    if series:
        own = look(study, name)
        line = {"color": own.color, "marker": own.marker, "linestyle": own.line, "linewidth": 0.8, "markersize": 3}
        panel.plot(list(series), [v.median for v in series.values()], **line, label=own.label, zorder=2)


def draw_observables(study: Asked, tables: Tables) -> Figure:
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
    legend(figure, axes.flat[0])
    return figure


def panel_grid(count: int):
    """A figure with ``count`` panels against temperature, and its axes ``(rows, columns)``."""
    columns = min(count, 2 if count in (2, 4) else 3)
    rows = ceil(count / columns)
    return panels(rows, columns, (DOUBLE if columns > 1 else SINGLE, 0.85 + 1.75 * rows), sharex=True)


def draw_divergence(study: Asked, tables: Tables) -> Figure:
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
    """Title of a plane of the scores."""
    if plane == "fixed":
        return f"fixed plane ({', '.join(tables.plane)})"
    own = plane.removeprefix("latent").removeprefix("_")
    return f"latent plane of {own}" if own else "latent plane"


def curve(panel: Axes, study: Asked, name: str, series: Series) -> None:
    """Median over seeds with their range as a band and bars; with one seed its 95 % interval as bars."""
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
        below = above = [v.half if isfinite(v.half) else 0.0 for v in values]
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


def points(panel: Axes, study: Asked, name: str, series: Series) -> None:
    """MD or exact values: points with their 95 % intervals, on top."""
    if not series:
        return
    own = look(study, name)
    size = {"markersize": 9, "markeredgewidth": 1.0} if name == "exact" else {"markersize": 3.5, "mfc": "white"}
    bars = [v.half if isfinite(v.half) else 0.0 for v in series.values()]
    panel.errorbar(
        list(series),
        [v.median for v in series.values()],
        yerr=bars if any(bars) else None,
        color=own.color,
        marker=own.marker,
        linestyle="none",
        elinewidth=0.8,
        label=f"{own.label} (95 % interval)" if any(bars) else own.label,
        zorder=4,
        **size,
    )


def measured(panel: Axes, study: Asked, tables: Tables, quantity: str) -> None:
    """Measured values of a quantity."""
    for label, series in tables.experiments(quantity).items():
        points(panel, study, label, series)


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


def only_outer_labels(axes, used: int, ylabel: str) -> None:
    """Hide panels beyond ``used``; label the y axes at the left and the shared x axes at the bottom."""
    columns = axes.shape[1]
    for k, panel in enumerate(axes.flat):
        panel.set_visible(k < used)
        if k % columns == 0:
            panel.set_ylabel(ylabel)
        if k + columns < used:
            panel.set_xlabel("")
        else:
            panel.xaxis.set_tick_params(labelbottom=True)


def legend(figure: Figure, panel: Axes) -> None:
    """The legend of one panel below the figure."""
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        columns = 4 if figure.get_figwidth() > SINGLE else 2
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=2.2)
