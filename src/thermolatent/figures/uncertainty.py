"""Width of the intervals by cause."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from matplotlib.figure import Figure

from thermolatent.figures.style import GREY, look, temperature_axis
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import legend, only_outer_labels, panel_grid
from thermolatent.validate.settings import POPULATIONS, Asked

#: Parts of an interval of the reweighting: legend entry, colour, line.
CAUSES = {
    "sampling": ("sampling", "#56B4E9", "-"),
    "form": ("temperature form", "#E69F00", "--"),
    "visits": ("states seldom visited", GREY, ":"),
}
DATA = ("tables",)
COLUMNS = ("state", "temperature", "cause", "half of the interval")


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        "Intervals by cause",
        "Half of the 95 % interval of each population against temperature, in total and by each cause alone. Vertical lines: "
        "training temperatures. Dashed: the tolerance within which a population is trusted.",
    )


def assessable(tables: Tables) -> list[str]:
    """Named states whose populations have an interval, in the study's order."""
    known = tables.predictions().values()
    return [state for state in tables.states() if any(isfinite(of_state[state].half) for of_state in known)]


def draw(study: Asked, tables: Tables) -> Figure:
    """A panel per state: half of its 95 % interval against temperature, by cause, and the tolerance as a line."""
    states = assessable(tables)
    figure, axes = panel_grid(max(len(states), 1))
    models = [name for name in study.models if study.models[name].informed]
    for state, panel in zip(states, axes.flat, strict=False):
        panel.set_title(state)
        temperature_axis(panel, study)
        found = {T: of_state[state] for T, of_state in tables.predictions().items()}
        own = look(study, "reweighting")
        panel.plot(
            list(found), [p.half for p in found.values()], "o-", color=own.color, linewidth=1.6, label="all of it"
        )
        for cause, (label, color, line) in CAUSES.items():
            halves = [p.parts[cause] for p in found.values()]
            style = {"color": color, "linestyle": line, "linewidth": 1.1, "marker": ".", "markersize": 4}
            panel.plot(list(found), halves, **style, label=label)
        for name in models:
            added = {T: of_state[state].parts["model"] for T, of_state in tables.predictions(name).items()}
            one = look(study, name)
            panel.plot(
                *(list(added), list(added.values())),
                **{"color": one.color, "marker": one.marker, "linewidth": 0.8, "markersize": 3},
                label=f"model: {one.label}",
            )
        tolerance = study.validate_.tolerance[POPULATIONS]
        panel.axhline(tolerance, color=GREY, linewidth=0.8, linestyle=(0, (6, 2)), label=f"tolerance {tolerance:g}")
        panel.set_ylim(0, max(1.05 * panel.get_ylim()[1], 1.2 * tolerance))
    if not states:
        axes.flat[0].text(0.5, 0.5, "no state is assessable", ha="center", va="center")
        axes.flat[0].set_axis_off()
        return figure
    only_outer_labels(axes, len(states), "half of the interval")
    if unseen := [state for state in tables.states() if state not in states]:
        figure.suptitle(f"not assessable: {', '.join(unseen)}", fontsize=8)
    legend(figure)
    return figure


def rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    """Rows of the CSV: half of each interval, in total and by each cause alone."""
    informed = [name for name in study.models if study.models[name].informed]
    for state in assessable(tables):
        for T, of_state in tables.predictions().items():
            yield state, T, "all", of_state[state].half
            for cause in CAUSES:
                yield state, T, cause, of_state[state].parts[cause]
            for name in informed:
                yield state, T, f"model {name}", tables.predictions(name)[T][state].parts["model"]
