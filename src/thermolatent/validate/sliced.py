"""Sliced Wasserstein distance: a divergence without bins."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thermolatent.reweight.design import LEAST_UNITS

#: Number of projections in three or more dimensions; half of them, equally spaced, in a plane.
PROJECTIONS = 32
#: Maximum number of points per sample; larger samples are thinned by a seeded draw.
MAX_POINTS = 25_000
#: Groups of walkers left out in turn for the standard error.
GROUPS = 8


def directions(d: int, seed: int = 0, count: int = PROJECTIONS) -> np.ndarray:
    """Unit vectors: ``(1, 1)`` for d = 1, ``(count // 2, 2)`` equally spaced for d = 2, else ``(count, d)`` random."""
    rng = np.random.default_rng(seed)
    if d == 1:
        return np.ones((1, 1))
    if d == 2:
        angle = np.pi * (np.arange(count // 2) + rng.random()) / (count // 2)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vectors = rng.normal(size=(count, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def standardize(reference: np.ndarray, periodic=None, counts: np.ndarray | None = None):
    """A function that scales points ``(n, d)`` to units of the reference's standard deviation.

    An angle becomes its cosine and sine, in units of their joint standard deviation. ``counts`` ``(n,)``: how often each
    point of the reference counts; once each by default.
    """
    periodic = [False] * reference.shape[1] if periodic is None else list(periodic)
    scales = []
    for k, angle in enumerate(periodic):
        x = np.asarray(reference[:, k], float)
        parts = [np.cos(x), np.sin(x)] if angle else [x]
        scale = np.sqrt(sum(_variance(part, counts) for part in parts))
        scales.append(scale if scale > 0 else 1.0)

    def transform(points: np.ndarray) -> np.ndarray:
        columns = []
        for k, angle in enumerate(periodic):
            x = np.asarray(points[:, k], float)
            columns += [np.cos(x) / scales[k], np.sin(x) / scales[k]] if angle else [x / scales[k]]
        return np.stack(columns, axis=1)

    return transform


def _variance(x: np.ndarray, counts: np.ndarray | None) -> float:
    return x.var() if counts is None else np.cov(x, aweights=counts, ddof=0)


def _wasserstein(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared 2-Wasserstein distances ``(projections,)`` of sorted samples ``(projections, n)``, any two sizes."""
    n, m = x.shape[1], y.shape[1]
    if n == m:
        return ((x - y) ** 2).mean(axis=1)
    i, j, width = _pieces(n, m)
    return (x[:, i] - y[:, j]) ** 2 @ width


@lru_cache(maxsize=32)
def _pieces(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intervals, between consecutive multiples of 1/n and 1/m, with constant quantile functions: indices and widths."""
    # A stable sort merges two sorted sequences; a level in both of them gives an interval without width.
    levels = np.sort(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]), kind="stable")
    return (levels - 1) // m, (levels - 1) // n, np.diff(levels, prepend=0) / (n * m)


def sliced_w2(reference: np.ndarray, generated: np.ndarray, seed: int = 0, count: int = PROJECTIONS) -> float:
    """Sliced 2-Wasserstein distance of points ``(n, d)`` and ``(m, d)``, in their unit.

    Root mean square over directions of the one-dimensional distances; a shift by s in d dimensions gives s / sqrt(d).
    """
    return sliced_w2_with_error(reference, generated, None, None, seed, count)[0]


def sliced_w2_with_error(reference, generated, reference_groups, generated_groups, seed=0, count=PROJECTIONS):
    """Distance and its standard error by a delete-one-group jackknife.

    ``*_groups`` ``(n,)``: unit of each point (units are pooled into :data:`GROUPS` groups), or None for independent points.
    Without ``reference_groups``, or with too few units, the error is NaN.
    """
    axes = directions(reference.shape[1], seed, count)
    projected = [axes @ np.asarray(points, float).T for points in (reference, generated)]
    if reference_groups is None:
        return float(np.sqrt(_wasserstein(*(np.sort(p, axis=1) for p in projected)).mean())), float("nan")
    units = [
        np.arange(len(points)) if groups is None else np.unique(groups, return_inverse=True)[1]
        for points, groups in ((reference, reference_groups), (generated, generated_groups))
    ]
    groups = min(GROUPS, *(int(u.max()) + 1 for u in units))
    order = [np.argsort(p, axis=1) for p in projected]
    points = [np.take_along_axis(p, o, axis=1) for p, o in zip(projected, order, strict=True)]
    value = float(np.sqrt(_wasserstein(*points).mean()))
    if groups < LEAST_UNITS:
        return value, float("nan")
    # Leaving points out preserves the order, so the replicates need no second sort.
    member = [(u % groups).astype(np.int8)[o] for u, o in zip(units, order, strict=True)]
    left_out = [
        np.sqrt(_wasserstein(*(p[m != g].reshape(len(axes), -1) for p, m in zip(points, member, strict=True))).mean())
        for g in range(groups)
    ]
    return value, float(np.sqrt((groups - 1) * np.var(left_out)))
