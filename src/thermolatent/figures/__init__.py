"""Figures, drawn from scores, populations and generated files.

This table does not import matplotlib, so that the workflow can declare the figures. The module of a figure has

* ``DATA``: names of what it shows, attributes of :class:`thermolatent.figures.data.Data`;
* ``draw(study, *data)``: the figure;
* ``COLUMNS`` and ``rows(study, *data)``: its numbers, for the CSV;
* ``caption(study, seeds, model)``: its title and caption in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from thermolatent.figures.settings import Settings


class Entry(NamedTuple):
    """A figure: its module, for which studies there is one, and whether it is drawn on request only (``thermolatent figure``)."""

    module: str
    of: Callable[[Settings], object] = lambda study: True
    asked: bool = False


#: Module of each figure that there is of every model; they are drawn on request.
FIGURES_OF_A_MODEL = {
    "surfaces": "thermolatent.figures.surfaces",
    "marginals": "thermolatent.figures.marginals",
}
#: All others, in the order of the report.
FIGURES = {
    "populations": Entry("thermolatent.figures.populations"),
    "uncertainty": Entry("thermolatent.figures.uncertainty"),
    "calibration": Entry("thermolatent.figures.calibration", lambda study: study.temperatures.reference),
    "observables": Entry("thermolatent.figures.observables", lambda study: study.featurize.observables),
    "melting": Entry("thermolatent.figures.melting", lambda study: study.validate_.melting),
    "convergence": Entry("thermolatent.figures.convergence"),
    "divergence": Entry("thermolatent.figures.divergence", asked=True),
    "history": Entry("thermolatent.figures.history", asked=True),
}


class Drawn(NamedTuple):
    """A figure of a study, written as ``<name>.pdf``, ``.png`` and ``.csv``; ``model`` is empty for one of all models."""

    name: str
    module: str
    model: str = ""


def figures_of(study: Settings, asked: bool = False) -> Iterator[Drawn]:
    """The figures of a study that the workflow draws; ``asked``: and those that are drawn on request."""
    for name, entry in FIGURES.items():
        if entry.of(study) and (asked or not entry.asked):
            yield Drawn(name, entry.module)
    for model in study.models if asked else ():
        yield from (Drawn(f"{name}_{model}", module, model) for name, module in FIGURES_OF_A_MODEL.items())
