"""Figures, drawn from scores, populations and generated files.

:func:`figure_names` does not import matplotlib, so that the workflow can declare the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thermolatent.figures.settings import Settings


def figure_names(study: Settings) -> list[str]:
    """Names of the figures of a study, written as ``<name>.pdf`` and ``<name>.png``; ``calibration`` needs reference MD."""
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
