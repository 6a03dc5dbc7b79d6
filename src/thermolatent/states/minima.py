"""Minima of the free energy over the fixed plane of finished MD, as a proposal for named states.

The pooled frames of all training temperatures are counted in bins, smoothed, and merged by persistence: going up from the lowest
bin, two basins that meet are one if the shallower is less deep than a threshold (Chazal and others, J. ACM 60, 41, 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

#: Width of the smoothing, bins.
SMOOTHING = 1.0
#: A basin with a smaller share of the frames is not proposed.
LEAST_SHARE = 0.005


@dataclass(frozen=True)
class Minimum:
    """A basin: its lowest point in the plane, its depth below the lowest pass to a deeper one (kT, infinite for the deepest),
    and its share of the frames."""

    point: tuple[float, float]
    depth: float
    share: float


def minima(
    counts: np.ndarray, edges: Sequence[np.ndarray], periodic: Sequence[bool], depth: float = 1.0
) -> list[Minimum]:
    """Basins at least ``depth`` kT deep, the most populated first.

    Parameters
    ----------
    counts: frames in the bins of the plane, ``(n, m)``.
    edges: of the bins, ``(n + 1,)`` and ``(m + 1,)``.
    periodic: which coordinates are angles.
    """
    mode = ["wrap" if p else "constant" for p in periodic]
    density = gaussian_filter(np.asarray(counts, float), SMOOTHING, mode=mode)
    basin, depths = _merged(density, periodic, depth)
    total = counts.sum()
    found = []
    for root, own_depth in depths.items():
        share = float(counts.ravel()[basin == root].sum() / total)
        i, j = np.unravel_index(root, counts.shape)
        point = tuple(float((e[k] + e[k + 1]) / 2) for e, k in zip(edges, (i, j), strict=True))
        if share >= LEAST_SHARE:
            found.append(Minimum(point, own_depth, share))
    return sorted(found, key=lambda m: -m.share)


def _merged(density: np.ndarray, periodic: Sequence[bool], depth: float) -> tuple[np.ndarray, dict[int, float]]:
    """The basin (its highest bin) of each bin, ``(bins,)``, -1 where nothing is; and the depth of each basin."""
    flat = density.ravel()
    basin = np.full(flat.size, -1)
    parent: dict[int, int] = {}
    depths: dict[int, float] = {}

    def root(bin_: int) -> int:
        while parent[bin_] != bin_:
            bin_ = parent[bin_]
        return bin_

    for own in np.argsort(-flat, kind="stable"):
        if flat[own] <= 0:
            break
        around = {root(basin[n]) for n in _neighbours(own, density.shape, periodic) if basin[n] >= 0}
        if not around:
            basin[own], parent[own], depths[own] = own, own, np.inf
            continue
        highest = max(around, key=lambda b: flat[b])
        basin[own] = highest
        for other in around - {highest}:
            passed = float(np.log(flat[other] / flat[own]))
            if passed < depth:  # a ripple of the deeper basin
                parent[other] = highest
                del depths[other]
            elif depths[other] == np.inf:
                depths[other] = passed
    return np.array([root(b) if b >= 0 else -1 for b in basin]), depths


def _neighbours(own: int, shape: tuple[int, int], periodic: Sequence[bool]) -> list[int]:
    """The up to eight bins around a bin."""
    i, j = divmod(int(own), shape[1])
    found = []
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            place = [i + di, j + dj]
            for k in (0, 1):
                if periodic[k]:
                    place[k] %= shape[k]
            if (di or dj) and all(0 <= place[k] < shape[k] for k in (0, 1)):
                found.append(place[0] * shape[1] + place[1])
    return found
