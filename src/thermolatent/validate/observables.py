"""Means of observables at any temperature, from weighted frames, with their error over MD walkers."""

from __future__ import annotations

import numpy as np

from thermolatent.validate.uncertainty import walker_multiplicities


def weighted_mean(
    values: np.ndarray,
    weights: np.ndarray | None,
    walkers: np.ndarray,
    strata: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, its standard error, and the number of independent frames that would have that error, each ``(k,)``.

    Parameters
    ----------
    values: observables of each frame, ``(N, k)``.
    weights: ``(N,)``, or None for equal ones.
    walkers: walker of each frame, ``(N,)``.
    strata: temperature of each walker, ``(walkers,)``; walkers are drawn with replacement within it.
    replicates: bootstrap samples.

    Returns
    -------
    The last is the weighted variance over the squared error; NaN where the error is 0.
    """
    values = np.asarray(values, np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    n, k = len(strata), values.shape[1]
    mean = weights @ values / weights.sum()
    centred = values - mean  # so that large offsets lose no digits
    sums = np.stack([np.bincount(walkers, weights * centred[:, j], minlength=n) for j in range(k)], axis=1)
    total = np.bincount(walkers, weights, minlength=n)
    drawn = walker_multiplicities(strata, replicates, rng)
    norm = drawn @ total
    # As in bootstrap_masses: a replicate without any weight means that one walker carries all of it.
    means = np.where(norm[:, None] > 0, (drawn @ sums) / np.where(norm > 0, norm, 1)[:, None], 0.0)
    stderr = means.std(axis=0, ddof=1)
    variance = weights @ centred**2 / weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        independent = np.where(stderr > 0, variance / stderr**2, np.nan)
    return mean, stderr, independent
