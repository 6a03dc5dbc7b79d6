"""Uncertainty over independent pieces of MD: whole walkers, or blocks of imported MD, are resampled, because the frames of one
are correlated.

Of fewer than :data:`~thermolatent.reweight.design.LEAST_UNITS` pieces nothing tells how they scatter: errors are NaN then.
"""

from __future__ import annotations

import zlib

import numpy as np

from thermolatent.reweight.design import LEAST_UNITS


def stream(*labels) -> np.random.Generator:
    """A random stream of its own for everything that ``labels`` (numbers or words) name; same labels, same numbers."""
    return np.random.default_rng([zlib.crc32(str(label).encode()) for label in labels])


def multiplicities(weights: np.ndarray, strata: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """How often each unit occurs in each bootstrap replicate.

    Parameters
    ----------
    weights: what the frames of each unit weigh together, ``(units,)``.
    strata: ``(units,)`` int; units are drawn with replacement within their stratum (a temperature).
    replicates: number of bootstrap samples.

    Returns
    -------
    ``(replicates, units)`` counts; each stratum keeps its number of units. NaN where a stratum with any weight has too few.
    """
    strata = np.asarray(strata)
    counts = np.zeros((replicates, len(strata)))
    if min(np.count_nonzero(strata == s) for s in np.unique(strata[weights > 0])) < LEAST_UNITS:
        return np.full(counts.shape, np.nan)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=replicates)
    return counts


def bootstrap_masses(per_unit: np.ndarray, strata: np.ndarray, replicates: int, rng) -> np.ndarray:
    """Masses ``(replicates, cells)`` of resampled units from weighted histograms ``(units, cells)``; NaN of too few units."""
    masses = multiplicities(per_unit.sum(axis=1), strata, replicates, rng) @ per_unit
    # A replicate without any weight can only arise when one unit carries all of it: then that unit is the estimate.
    total = masses.sum(axis=1, keepdims=True)
    return np.where(total == 0, per_unit.sum(0) / per_unit.sum(), masses / np.where(total == 0, 1, total))


def resampled(masses: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Masses ``(..., cells)`` of ``n`` points drawn from each row of ``masses``."""
    masses = np.asarray(masses, np.float64)
    return rng.multinomial(n, masses / masses.sum(-1, keepdims=True)) / n


def effective_sample_size(weights: np.ndarray) -> float:
    """Kish's ``(sum w)^2 / sum w^2``."""
    weights = np.asarray(weights, np.float64)
    return float(weights.sum() ** 2 / (weights**2).sum())
