"""Divergences between a reference and a generated sample, as functions of binned probability mass.

Every mass vector ends with one **overflow cell** for the mass outside the bins. Without it a divergence does not depend on
that mass: with half of the samples 50 standard deviations away the published definition (:func:`kl_sym_paper`) gives its
noise floor, KL(ref||gen) with an overflow cell ln 2.

All functions take masses ``(..., cells)`` and return ``(...)``, so that bootstrap replicates are scored in one call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

#: Added to every mass before a Kullback-Leibler divergence, then renormalised.
EPSILON = 1e-10
#: Widening of the reference's range on either side, as a share of the range.
MARGIN = 0.05
#: Bins per axis of the papers' definition.
PAPER_BINS = 100


@dataclass(frozen=True, eq=False)
class Bins:
    """Equal bins of one or two coordinates plus one overflow cell.

    Attributes
    ----------
    edges: one ``(bins + 1,)`` array per coordinate.
    """

    edges: tuple[np.ndarray, ...]

    @classmethod
    def spanning(cls, points: list[np.ndarray], bins: int, periodic=None, margin: float = MARGIN) -> Bins:
        """Bins over the pooled range of several samples.

        Parameters
        ----------
        points: arrays ``(n, d)``; only the first two coordinates are binned.
        bins: per coordinate.
        periodic: per coordinate, whether it is an angle (rad); such a coordinate has edges from -pi to pi.
        margin: share of the range added on either side.
        """
        d = min(points[0].shape[-1], 2)
        low = np.min([p[:, :d].min(axis=0) for p in points], axis=0).astype(float)
        high = np.max([p[:, :d].max(axis=0) for p in points], axis=0).astype(float)
        pad = np.where(high > low, margin * (high - low), 0.5)
        low, high = low - pad, high + pad
        angle = np.zeros(d, bool) if periodic is None else np.asarray(periodic, bool)[:d]
        low, high = np.where(angle, -np.pi, low), np.where(angle, np.pi, high)
        return cls(tuple(np.linspace(low[k], high[k], bins + 1) for k in range(d)))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(e) - 1 for e in self.edges)

    @property
    def cells(self) -> int:
        """Number of cells, the overflow cell (the last) included."""
        return int(np.prod(self.shape)) + 1

    @property
    def area(self) -> float:
        """Length or area of one bin."""
        return float(np.prod([e[1] - e[0] for e in self.edges]))

    def assign(self, points: np.ndarray) -> np.ndarray:
        """Cell ``(n,)`` of each point ``(n, >= d)``; the uppermost edge belongs to the last bin."""
        cell = np.zeros(len(points), np.int64)
        outside = np.zeros(len(points), bool)
        for k, edges in enumerate(self.edges):
            x = np.asarray(points[:, k], np.float64)
            low, high, count = edges[0], edges[-1], len(edges) - 1
            outside |= ~((x >= low) & (x <= high))
            scaled = np.clip((x - low) * (count / (high - low)), 0, count - 1)
            cell = cell * count + np.where(outside, 0, scaled).astype(np.int64)
        cell[outside] = self.cells - 1
        return cell

    def mass(self, points: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Probability mass ``(cells,)`` of points ``(n, d)``, with weights ``(n,)`` or equal ones."""
        counts = np.bincount(self.assign(points), weights, minlength=self.cells)
        return counts / counts.sum()

    def on_grid(self, mass: np.ndarray) -> np.ndarray:
        """Mass ``(..., cells)`` as ``(..., *shape)``, without the overflow cell."""
        return mass[..., :-1].reshape(*mass.shape[:-1], *self.shape)


def _smoothed(mass: np.ndarray) -> np.ndarray:
    return (mass + EPSILON) / (1 + mass.shape[-1] * EPSILON)


def kl_ref_gen(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """KL(reference || generated) in nats of mass + 1e-10, renormalised."""
    return rel_entr(_smoothed(reference), _smoothed(generated)).sum(-1)


def kl_gen_ref(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """KL(generated || reference) in nats of mass + 1e-10, renormalised."""
    return kl_ref_gen(generated, reference)


def kl_sym(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Mean of the two Kullback-Leibler divergences, nats."""
    return (kl_ref_gen(reference, generated) + kl_gen_ref(reference, generated)) / 2


def js(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in nats, 0 to ln 2 (not its square root)."""
    middle = (reference + generated) / 2
    return (rel_entr(reference, middle).sum(-1) + rel_entr(generated, middle).sum(-1)) / 2


def coverage(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Generated mass inside the bins, 0 to 1."""
    return 1 - generated[..., -1]


def kl_sym_paper(reference: np.ndarray, generated: np.ndarray, area: float) -> np.ndarray:
    """The papers' symmetrised KL: density + 1e-10 times the bin area, mean of both directions, nats.

    Mass outside the bins is left out and the rest normalised, as in a histogram with ``density=True``. ``area`` is that of
    one bin.
    """

    def inside(mass):
        mass = mass[..., :-1]
        return mass / np.maximum(mass.sum(-1, keepdims=True), np.finfo(float).tiny) + EPSILON * area

    p, q = inside(reference), inside(generated)
    return ((p - q) * np.log(p / q)).sum(-1) / 2
