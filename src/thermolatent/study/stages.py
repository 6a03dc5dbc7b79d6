"""The stages, in their order: what runs each, once per what, and what it reads of a study.

The command line makes its subcommands of this table, the workflow the triggers of its rules. Imports nothing heavy.
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
    function: ``module:attribute`` of ``run(study, layout, ...)``.
    per: what one job is for, by the names of the function's arguments.
    reads: keys of the resolved study. A change of any other key does not repeat the stage; what reaches it through its
        input files is not listed.
    help: one line.
    plugins: packages whose registered plug-ins it gets as objects of the study, without importing them itself.
    """

    function: str
    per: tuple[str, ...]
    reads: tuple[str, ...]
    help: str
    plugins: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    def load(self) -> Callable[..., Any]:
        """Import and return the function."""
        return getattr(importlib.import_module(self.module), self.function.partition(":")[2])


STAGES = {
    "simulate": Stage(
        "thermolatent.simulate.stage:run",
        ("temperature",),
        ("system", "simulate"),
        "MD at a temperature",
    ),
    "temper": Stage(
        "thermolatent.simulate.tempering:run",
        (),
        ("system", "simulate", "temperatures.train", "temperatures.reference", "tempering"),
        "MD at the reference temperatures by replica exchange",
    ),
    "featurize": Stage(
        "thermolatent.featurize.stage:run",
        ("temperature",),
        ("system", "featurize"),
        "features of its trajectories",
        ("thermolatent.featurize",),
    ),
    "represent": Stage(
        "thermolatent.represent.stage:run",
        ("seed",),
        ("system.kind", "temperatures.train", "representation", "learn.device"),
        "SPIB on the training temperatures",
    ),
    "reweight": Stage(
        "thermolatent.reweight.stage:run",
        ("seed",),
        ("system.kind", "temperatures.train", "reweight", "validate.states"),
        "the estimator of populations and frame weights at any temperature",
        ("thermolatent.systems",),
    ),
    "learn": Stage(
        "thermolatent.learn.train:run",
        ("model", "seed"),
        (
            *("system.kind", "temperatures.train", "temperature_range"),
            *("representation", "learn", "models.{model}"),
        ),
        "a model of p(z|T)",
    ),
    "generate": Stage(
        "thermolatent.generate.stage:run",
        ("model", "seed"),
        (
            *("system.kind", "temperatures.train", "temperatures.generated", "temperature_range"),
            *("models.{model}.informed", "generate", "validate.states"),
        ),
        "ensembles at every temperature asked for",
        ("thermolatent.systems",),
    ),
    "validate": Stage(
        "thermolatent.validate.stage:run",
        ("model", "seed"),
        ("system", "temperatures", "representation", "models.{model}", "generate.samples", "validate"),
        "scores of a model, or of the baselines",
        ("thermolatent.systems",),
    ),
    "gather": Stage(
        "thermolatent.validate.gather:run",
        ("seeds",),
        ("system.kind", "temperatures", "temperature_range", "representation.lag", "models", "validate"),
        "the tables of all models, seeds and baselines",
    ),
    "figures": Stage(
        "thermolatent.figures.stage:run",
        ("seeds",),
        ("description", "system", "temperatures", "featurize", "validate", "models"),
        "every figure, PDF and PNG",
    ),
    "report": Stage(
        "thermolatent.report.stage:run",
        ("seeds",),
        (
            *("description", "system", "temperatures", "simulate", "featurize", "representation", "reweight", "learn"),
            *("models", "generate", "validate", "tempering"),
        ),
        "one HTML file that opens offline",
    ),
}
