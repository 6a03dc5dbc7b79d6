"""Convergence: mean potential energies of walkers from different starts are compared."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

log = logging.getLogger(__name__)

#: Difference between two starts, in standard errors, above which a warning is given.
LIMIT = 4.0


def compare_starts(energies: np.ndarray, starts: list[str]) -> dict[str, Any]:
    """Largest difference of mean energy between groups of walkers with one start.

    Parameters
    ----------
    energies: ``(walkers, frames)`` in kJ/mol.
    starts: name of each walker's start.

    Returns
    -------
    dict with ``mean_energy`` and ``walkers`` per start, ``difference`` (kJ/mol), ``standard_errors`` (its ratio to the
    standard error from the spread of walker means within the groups, pooled; None where no group has two walkers)
    and ``between``, the pair of starts.
    """
    means = np.asarray(energies).mean(axis=1)
    groups = {name: means[[s == name for s in starts]] for name in dict.fromkeys(starts)}
    freedom = len(means) - len(groups)
    result = not_compared(starts) | {"mean_energy": {name: float(group.mean()) for name, group in groups.items()}}
    if freedom < 1 or len(groups) < 2:
        return result
    variance = sum(float(np.sum((group - group.mean()) ** 2)) for group in groups.values()) / freedom
    largest = -1.0
    names = list(groups)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            difference = abs(result["mean_energy"][first] - result["mean_energy"][second])
            error = np.sqrt(variance * (1 / len(groups[first]) + 1 / len(groups[second])))
            ratio = float(difference / error) if error > 0 else (0.0 if difference == 0 else float("inf"))
            if ratio > largest:
                largest = ratio
                result |= {"difference": difference, "standard_errors": ratio, "between": [first, second]}
    return result


def not_compared(starts: list[str]) -> dict[str, Any]:
    """The same of MD whose energies say nothing of its starts: there are none, frames do not count alike, or walkers were
    reseeded."""
    walkers = {name: starts.count(name) for name in dict.fromkeys(starts)}
    return {"mean_energy": {}, "walkers": walkers, "difference": 0.0, "standard_errors": None, "between": None}


def warn_if_unconverged(result: dict[str, Any], temperature: str) -> None:
    """Log one line: a warning above :data:`LIMIT` standard errors."""
    ratio = result["standard_errors"]
    if ratio is None:
        log.info("T=%s: one start only, or too few walkers, to compare starts", temperature)
    elif ratio > LIMIT:
        log.warning(
            "T=%s: walkers from %s and %s differ by %.3g kJ/mol in mean energy, %.1f standard errors: not converged; "
            "raise simulate.equilibration or simulate.frames",
            temperature,
            *result["between"],
            result["difference"],
            ratio,
        )
    else:
        log.info("T=%s: walkers from different starts agree within %.1f standard errors", temperature, ratio)
