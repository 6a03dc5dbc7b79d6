"""Bootstrap over independent pieces of MD: whole walkers, or blocks of imported MD, since frames are correlated.

With fewer than :data:`~thermolatent.reweight.design.LEAST_UNITS` pieces errors are NaN.
"""

from __future__ import annotations

import zlib

import numpy as np

from thermolatent.reweight.design import LEAST_UNITS


def stream(*labels) -> np.random.Generator:
    """A random generator seeded by ``labels`` (numbers or words)."""
    return np.random.default_rng([zlib.crc32(str(label).encode()) for label in labels])


def multiplicities(weights: np.ndarray, strata: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """How often each unit occurs in each bootstrap replicate, ``(replicates, units)``.

    NaN if a stratum with any weight has too few units.

    Parameters
    ----------
    weights: total weight of the frames of each unit, ``(units,)``.
    strata: ``(units,)`` int; units are drawn with replacement within their stratum (a temperature).
    replicates: number of bootstrap samples.
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
    """Masses ``(replicates, cells)`` of resampled units from weighted histograms ``(units, cells)``; NaN for too few units."""
    masses = multiplicities(per_unit.sum(axis=1), strata, replicates, rng) @ per_unit
    # Replicates without any weight occur only if one unit has all of it, and is the estimate.
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
