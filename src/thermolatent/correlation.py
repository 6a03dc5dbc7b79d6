"""Autocorrelation and statistical inefficiency of time series, and the duration of visits of a state."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

#: Lags are summed up to the first negative correlation, but at least this many.
LEAST_LAGS = 3


def runs(groups: np.ndarray) -> list[slice]:
    """Slices of an array ``(N,)`` with constant value."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    return consecutive(np.diff([0, *edges.tolist(), len(groups)]))


def consecutive(lengths: Iterable[int]) -> list[slice]:
    """Consecutive slices of these lengths."""
    bounds = [0, *itertools.accumulate(int(n) for n in lengths)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]


def autocorrelation(series: list[np.ndarray]) -> np.ndarray:
    """Normalised autocorrelation of pieces ``(n,)`` of one stationary series at lags 1, 2, ... up to its first negative value.

    Pooled over the pieces about one mean; no lag crosses from one to another. Empty for a constant series.
    """
    mean = np.concatenate(series).mean()
    longest = max(len(s) for s in series)
    products, pairs = np.zeros(longest), np.zeros(longest)
    for s in series:
        n = len(s)
        spectrum = np.fft.rfft(s - mean, 2 * n)
        products[:n] += np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n]
        pairs[:n] += np.arange(n, 0, -1)
    variance = products[0] / pairs[0]
    if variance <= 1e-20 * max(1.0, mean**2):
        return np.empty(0)
    correlation = products[1:] / pairs[1:] / variance
    negative = np.flatnonzero(correlation[LEAST_LAGS:] <= 0)
    return correlation[: LEAST_LAGS + int(negative[0])] if len(negative) else correlation


def statistical_inefficiency(series: list[np.ndarray]) -> float:
    """g = 1 + 2 (sum of the autocorrelation), at least 1, of pieces as in :func:`autocorrelation`.

    Chodera and others, J. Chem. Theory Comput. 3, 26 (2007), eq. 26.
    """
    correlation = autocorrelation(series)
    lags = np.arange(1, len(correlation) + 1)
    return float(max(1.0, 1 + 2 * ((1 - lags / max(len(s) for s in series)) * correlation).sum()))


def memory(series: list[np.ndarray]) -> float:
    """Mean lag of the autocorrelation in frames: the correlation time of an exponential decay, more with a slow tail.

    The variance of means over blocks of L frames is too small by a fraction memory / L.
    """
    correlation = autocorrelation(series)
    total = correlation.sum()
    return float(max((np.arange(1, len(correlation) + 1) * correlation).sum() / total, 0.0)) if total > 0 else 0.0


def visits(inside: np.ndarray, pieces: list[slice]) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the visits of a state, ``(visits,)``, and whether each was both entered and left within its piece.

    Parameters
    ----------
    inside: whether each frame is in the state, ``(N,)`` bool.
    pieces: walkers, continuous in time.
    """
    lengths, whole = [], []
    for piece in pieces:
        own = np.concatenate([[False], inside[piece], [False]])
        entered, left = (np.flatnonzero(np.diff(own.astype(np.int8)) == sign) for sign in (1, -1))
        lengths.append(left - entered)
        whole.append((entered > 0) & (left < len(own) - 2))
    return np.concatenate(lengths), np.concatenate(whole)
