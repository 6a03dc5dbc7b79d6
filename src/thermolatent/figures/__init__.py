"""Figures and the report: from scores, populations and generated files, never from models.

:func:`figure_names` says what a study draws without importing matplotlib, so that the workflow can declare it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thermolatent.figures.settings import Settings


def figure_names(study: Settings) -> list[str]:
    """Names of every figure of a study, each of which exists as ``<name>.pdf`` and ``<name>.png``.

    The training temperatures have MD, so ``divergence`` exists also where nothing else does; ``calibration`` needs MD at a
    predicted one.
    """
    per_model = [f"{kind}_{model}" for model in study.models for kind in ("surfaces", "marginals")]
    observables = ["observables"] if study.featurize.observables else []
    melting = ["melting"] if study.validate_.melting else []
    calibration = ["calibration"] if study.temperatures.reference else []
    return [
        *per_model,
        "populations",
        "uncertainty",
        *calibration,
        *observables,
        *melting,
        "convergence",
        "divergence",
        "history",
    ]
