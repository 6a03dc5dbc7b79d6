"""Which figures there are, and which results each is drawn from. Imports nothing heavy: the workflow plans with it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PaperFigure:
    """One figure, ``results/paper/<name>.{pdf,png,csv,md}``.

    Parameters
    ----------
    paper: ``latf``, ``dspib``, ``survey``, or ``beyond`` for what none of them has.
    function: ``module:attribute`` of ``draw(sources) -> Drawing``.
    title: what it shows, and which figure of the paper that is.
    studies: their scores, profiles and generated files are read.
    paths: models of the first study of which interpolation paths are needed.
    divergences: whether the first study's divergences from exact points are needed.
    experiments: of the survey's benchmark.
    gpu: whether its study's MD is for a GPU: then the targets make it only where that MD is there already.
    """

    paper: str
    function: str
    title: str
    studies: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    divergences: bool = False
    experiments: tuple[str, ...] = ()
    gpu: bool = False

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    def load(self) -> Callable[..., Any]:
        """Import and return the function."""
        return getattr(importlib.import_module(self.module), self.function.partition(":")[2])


_HERE = "thermolatent.papers"
FIGURES = {
    "survey_accuracy": PaperFigure(
        "survey",
        f"{_HERE}.survey_figures:accuracy",
        "Gaussian mixtures: accuracy against dimension, training size and number of modes",
        experiments=("dimension", "size", "modes"),
    ),
    "survey_asymmetry": PaperFigure(
        "survey",
        f"{_HERE}.survey_figures:asymmetry",
        "Two modes of unequal population: predicted against exact free-energy difference",
        experiments=("asymmetry",),
    ),
    "survey_cost": PaperFigure(
        "survey",
        f"{_HERE}.survey_figures:cost",
        "Time per sample, number of parameters and training time against dimension",
        experiments=("dimension",),
    ),
}
PAPERS = ("latf", "dspib", "survey", "beyond")


def studies() -> list[str]:
    """Names of every study that a figure reads and that needs no GPU."""
    return list(dict.fromkeys(name for figure in FIGURES.values() if not figure.gpu for name in figure.studies))
