"""Calibration of the intervals against reference MD."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, isfinite

from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thermolatent.figures.style import GREY, SINGLE, log_ticks, panels
from thermolatent.figures.tables import Prediction, Tables
from thermolatent.temperatures import format_temperature
from thermolatent.validate.predictions import POPULATION
from thermolatent.validate.settings import Asked

DATA = ("tables",)
COLUMNS = ("state", "temperature", "role", "prediction", "half", "MD", "MD half", "difference")
#: Minimum of differences on a logarithmic axis.
_LEAST = 1e-4
_SHAPES = "os^vDPXhp*"


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Calibration of the intervals",
        "Difference of the reweighting from reference MD, against half of its 95 % interval; bars are the interval of the "
        "MD. Below the diagonal the MD is inside of the interval.",
    )


def calibration(
    study: Asked, tables: Tables, quantity: str = POPULATION
) -> list[tuple[str, float, Prediction, float, float]]:
    """(state or observable, temperature, prediction, MD, half of the MD's interval) at reference temperatures, where both have
    an interval."""
    found, known = [], tables.predictions(quantity=quantity)
    for name in next(iter(known.values()), {}):
        md = (tables.population if quantity == POPULATION else tables.observable)("md", name)
        for T, of_name in known.items():
            if T in study.temperatures.reference and T in md and isfinite(md[T].half) and isfinite(of_name[name].half):
                found.append((name, T, of_name[name], md[T].median, md[T].half))
    return found


def rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    """Rows of the CSV."""
    for state, T, p, md, md_half in calibration(study, tables):
        yield state, T, study.temperatures.role(T), p.value, p.half, md, md_half, abs(p.value - md)


def within(p: Prediction, md: float, md_half: float) -> bool:
    """Whether prediction and MD agree within both intervals."""
    return abs(p.value - md) <= hypot(p.half, md_half)


def draw(study: Asked, tables: Tables) -> Figure:
    """Difference of the reweighting from reference MD against half of its interval, which holds below the diagonal."""
    found = calibration(study, tables)
    asked, named = sorted({T for _, T, *_ in found}), [s for s in tables.states() if any(s == f[0] for f in found)]
    figure, axes = panels(1, 1, (SINGLE, 2.8 + 0.14 * max(len(asked), len(named))))
    panel = axes.flat[0]
    if not found:
        panel.text(0.5, 0.5, "no assessable state at a temperature with MD", ha="center", va="center")
        panel.set_axis_off()
        return figure
    colors = {s: to_hex(colormaps["viridis"](0.9 * k / max(len(named) - 1, 1))) for k, s in enumerate(named)}
    markers = {T: _SHAPES[k % len(_SHAPES)] for k, T in enumerate(asked)}
    errors = [max(abs(p.value - md), _LEAST) for _, _, p, md, _ in found]
    halves = [max(p.half, _LEAST) for _, _, p, _, _ in found]
    low, high = min(errors) / 1.6, max(*errors, *halves) * 1.6
    narrow, wide = min(halves) / 1.6, max(halves) * 1.6
    for (state, T, _, _, md_half), error, half in zip(found, errors, halves, strict=True):
        style = {"color": colors[state], "marker": markers[T], "markersize": 4.5, "elinewidth": 0.6, "capsize": 0}
        panel.errorbar([half], [error], yerr=[[error - max(error - md_half, low)], [md_half]], **style)
    ends = min(low, narrow), max(high, wide)
    panel.plot(ends, ends, color="black", linewidth=0.8, zorder=0)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(narrow, wide)
    panel.set_ylim(low, high)
    for axis in (panel.xaxis, panel.yaxis):
        log_ticks(axis, 40)
    panel.set_xlabel("half of the 95 % interval")
    panel.set_ylabel("difference from the MD")
    held = sum(within(p, md, md_half) for _, _, p, md, md_half in found)
    panel.set_title(f"{held} of {len(found)} within the interval and the MD's own")
    states = [Line2D([], [], color=color, linewidth=4, label=state) for state, color in colors.items()]
    dots = [
        Line2D([], [], color=GREY, marker=marker, linestyle="none", label=f"T = {format_temperature(T)}{study.unit}")
        for T, marker in markers.items()
    ]
    figure.legend(
        handles=_columns(states, dots), loc="outside lower center", ncols=2, columnspacing=2.5, handlelength=1.2
    )
    return figure


def _columns(left: list[Line2D], right: list[Line2D]) -> list[Line2D]:
    """Entries of a legend of two columns, the shorter one filled with empty entries."""
    lines = max(len(left), len(right))
    empty = Line2D([], [], linestyle="none", label="")
    return [entry for column in (left, right) for entry in column + [empty] * (lines - len(column))]
