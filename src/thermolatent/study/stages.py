"""The stages in their order: their modules, and the granularity of their jobs.

The command line makes subcommands from this table. No heavy imports.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One stage.

    Parameters
    ----------
    module: with ``run(settings, inputs, outputs)``, and ``threads`` if it can use several.
    per: arguments that select one job, of its function in :mod:`thermolatent.study.jobs`.
    help: one line.
    """

    module: str
    per: tuple[str, ...]
    help: str

    def load(self) -> Callable[..., Any]:
        """Import and return ``run``."""
        return importlib.import_module(self.module).run


STAGES = {
    "reseed": Stage(
        "thermolatent.generate.reseeding", ("temperature",), "starts of the walkers at a reseeded temperature"
    ),
    "simulate": Stage("thermolatent.simulate.stage", ("temperature",), "MD at a temperature"),
    "temper": Stage("thermolatent.simulate.tempering", (), "MD at the reference temperatures by replica exchange"),
    "featurize": Stage("thermolatent.featurize.stage", ("temperature",), "features of its trajectories"),
    "represent": Stage("thermolatent.represent.stage", ("model", "seed"), "SPIB on the training temperatures"),
    "reweight": Stage(
        "thermolatent.reweight.stage", ("seed",), "the estimator of populations and frame weights at any temperature"
    ),
    "learn": Stage("thermolatent.learn.train", ("model", "seed"), "a model of p(z|T)"),
    "generate": Stage("thermolatent.generate.stage", ("model", "seed"), "ensembles at every temperature of the study"),
    "validate": Stage("thermolatent.validate.stage", ("model", "seed"), "scores of a model, or of the baselines"),
    "gather": Stage("thermolatent.validate.gather", ("seeds",), "the tables of all models, seeds and baselines"),
    "figures": Stage("thermolatent.figures.stage", ("seeds",), "every figure, PDF and PNG"),
    "report": Stage("thermolatent.report.stage", ("seeds",), "one HTML file that opens offline"),
}
