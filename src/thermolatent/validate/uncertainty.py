"""Uncertainty over MD walkers: whole walkers are resampled, because frames of one walker are correlated."""

from __future__ import annotations

import zlib

import numpy as np


def stream(*labels) -> np.random.Generator:
    """A random stream of its own for everything that ``labels`` (numbers or words) name; same labels, same numbers."""
    return np.random.default_rng([zlib.crc32(str(label).encode()) for label in labels])


def walker_multiplicities(strata: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """How often each walker occurs in each bootstrap replicate.

    Parameters
    ----------
    strata: ``(walkers,)`` int; walkers are drawn with replacement within their stratum (a temperature).
    replicates: number of bootstrap samples.

    Returns
    -------
    ``(replicates, walkers)`` counts; each stratum keeps its number of walkers.
    """
    strata = np.asarray(strata)
    counts = np.zeros((replicates, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=replicates)
    return counts


def bootstrap_masses(per_walker: np.ndarray, strata: np.ndarray, replicates: int, rng) -> np.ndarray:
    """Masses ``(replicates, cells)`` of resampled walkers from weighted histograms ``(walkers, cells)``."""
    masses = walker_multiplicities(strata, replicates, rng) @ per_walker
    # A replicate without any weight can only arise when one walker carries all of it: then that walker is the estimate.
    total = masses.sum(axis=1, keepdims=True)
    return np.where(total > 0, masses / np.where(total > 0, total, 1), per_walker.sum(0) / per_walker.sum())


def resampled(masses: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Masses ``(..., cells)`` of ``n`` points drawn from each row of ``masses``."""
    masses = np.asarray(masses, np.float64)
    return rng.multinomial(n, masses / masses.sum(-1, keepdims=True)) / n


def effective_sample_size(weights: np.ndarray) -> float:
    """Kish's ``(sum w)^2 / sum w^2``."""
    weights = np.asarray(weights, np.float64)
    return float(weights.sum() ** 2 / (weights**2).sum())
