"""Convergence of the MD: running populations against simulated time at each training temperature."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isfinite

from matplotlib.figure import Figure

from thermolatent.figures.style import DOUBLE, SINGLE, panels
from thermolatent.figures.temperature import legend, only_outer_labels
from thermolatent.reweight.running import COLUMNS
from thermolatent.tables import read_table
from thermolatent.temperatures import format_temperature
from thermolatent.validate.settings import Asked

#: Colours of states, in the order of the study; after the last colour the line style changes.
STATE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LINES = ("-", "--", ":", "-.")

DATA = ("running",)

#: temperature -> state -> (time, share, standard error or NaN, time of the start-up).
Running = dict[float, dict[str, list[tuple[float, float, float, float]]]]


def load_running(path: str) -> Running:
    """Read ``running.csv``; raises :class:`ArtifactError`."""
    found: Running = {}
    for row in read_table(path, COLUMNS):
        point = (*map(float, (row["time"], row["share"], row["stderr"] or "nan", row["start_up"])),)
        found.setdefault(float(row["temperature"]), {}).setdefault(row["state"], []).append(point)
    return found


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Convergence of the MD",
        "Share of each named state in the MD at a training temperature up to a time, with its standard error; shaded: "
        "start-up, which is left out.",
    )


def draw(study: Asked, running: Running) -> Figure:
    """A panel per training temperature: each state's share up to a time with its standard error, start-up shaded."""
    columns = min(len(running), 2 if len(running) in (2, 4) else 3)
    grid = ceil(len(running) / columns)
    size = (DOUBLE if columns > 1 else SINGLE, 0.85 + 1.9 * grid)
    figure, axes = panels(grid, columns, size, sharex=True, sharey=True)
    scale, unit = time_unit(running) if study.unit else (1.0, "reduced units")
    for (T, states), panel in zip(sorted(running.items()), axes.flat, strict=False):
        panel.set_title(f"T = {format_temperature(T)}{study.unit}")
        for k, (state, points) in enumerate(states.items()):
            times, shares, errors, start_up = zip(*points, strict=True)
            lap, place = divmod(k, len(STATE_COLORS))
            own = {"color": STATE_COLORS[place], "linestyle": _LINES[lap % len(_LINES)]}
            times = [time / scale for time in times]
            panel.plot(times, shares, label=state, **own)
            low, high = (
                [p + side * (e if isfinite(e) else 0.0) for p, e in zip(shares, errors, strict=True)]
                for side in (-1, 1)
            )
            panel.fill_between(times, low, high, color=STATE_COLORS[place], alpha=0.2, linewidth=0)
        if start_up[0] > 0:
            panel.axvspan(0, start_up[0] / scale, color="0.9", linewidth=0, zorder=-1, label="start-up, left out")
        panel.set_xlabel(f"simulated time of a walker ({unit})")
    axes.flat[0].set_ylim(-0.02, min(1.02, axes.flat[0].get_ylim()[1]))
    axes.flat[0].set_xlim(left=0)
    only_outer_labels(axes, len(running), "share so far")
    legend(figure)
    return figure


def time_unit(running: Running) -> tuple[float, str]:
    """Unit of the time axis: its size in picoseconds, and its name."""
    longest = max(points[-1][0] for states in running.values() for points in states.values())
    return next(((size, name) for size, name in ((1e6, "µs"), (1e3, "ns")) if longest >= 2 * size), (1.0, "ps"))


def rows(study: Asked, running: Running) -> Iterator[tuple]:
    """Rows of the CSV, times in the study's unit."""
    for T, states in running.items():
        for state, points in states.items():
            for time, share, error, start_up in points:
                yield T, state, time, share, error if isfinite(error) else "", start_up
