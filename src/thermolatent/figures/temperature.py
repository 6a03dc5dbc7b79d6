"""Series against temperature, as figures of populations, observables and divergences draw them."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isfinite

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thermolatent.figures.style import (
    DOUBLE,
    SINGLE,
    look,
    panels,
)
from thermolatent.figures.tables import Series, Tables
from thermolatent.validate.settings import BASELINES, Asked

#: Columns of the CSV of a figure with series over seeds.
SERIES_COLUMNS = ("quantity", "series", "temperature", "median", "low", "high", "stderr", "seeds")


def others() -> list[str]:
    """The baselines without the floor and the reweighting."""
    return [name for name in BASELINES if name not in ("floor", "conditional")]


def population_of(study: Asked, tables: Tables, name: str, state: str) -> Series:
    """Population of one named state by a model or baseline."""
    return tables.density(name, state) if name in study.models else tables.population(name, state)


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


def panel_grid(count: int):
    """A figure with ``count`` panels against temperature, and its axes ``(rows, columns)``."""
    columns = min(count, 2 if count in (2, 4) else 3)
    rows = ceil(count / columns)
    return panels(rows, columns, (DOUBLE if columns > 1 else SINGLE, 0.85 + 1.75 * rows), sharex=True)


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


def series_rows(quantity: str, name: str, series: Series) -> Iterator[tuple]:
    """Rows of the CSV of one series, with :data:`SERIES_COLUMNS`."""
    for T, v in series.items():
        yield (quantity, name, T, v.median, v.low, v.high, v.stderr if v.stderr == v.stderr else "", v.seeds)


def spread(seeds: list[int]) -> str:
    """What the error bars are, for a caption."""
    return "range over seeds as bars and bands" if len(seeds) > 1 else "bars are 95 % intervals over MD walkers"


def legend(figure: Figure) -> None:
    """The legend of all panels below the figure."""
    found = {}
    for panel in figure.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        labels, handles = list(found), list(found.values())
        columns = 4 if figure.get_figwidth() > SINGLE else 2
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=2.2)
