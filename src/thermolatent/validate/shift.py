"""Test of an assumption of frame weights: p(x|z) does not depend on temperature.

If it holds, the mean of any observable at given z is the same in the MD at T and in the training frames. The observables
here are the coordinates of the fixed plane.
"""

from __future__ import annotations

import numpy as np

from thermolatent.validate.sliced import standardize
from thermolatent.validate.view import View


def conditional_shift(fixed: View, latent: View, temperature: float) -> float:
    """Root mean square shift of the fixed plane's mean at given z, in reference standard deviations.

    The shift is the difference between the reference at ``temperature`` and all training frames in a latent bin; the mean is
    over bins, weighted by the reference's mass. The square is the product of two differences from disjoint halves of the
    units, so that sampling noise does not bias it; negative values are set to 0. NaN if no bin is visited by both halves of
    both.
    """
    reference, bins = fixed.reference, latent.bins
    counts = fixed.counts(temperature)
    transform = standardize(fixed.points[temperature].reshape(-1, 2), fixed.periodic, counts)

    def sums(temperatures: list[float], first: bool) -> np.ndarray:
        """Counts and summed coordinates per bin ``(cells - 1, 1 + columns)`` over one half of the units."""
        total = 0
        for T in temperatures:
            half = reference.half[T] if first else ~reference.half[T]
            columns = transform(fixed.points[T][half])
            cells, each = bins.assign(latent.points[T][half]), reference.counts[T][half]
            weights = [each, *(each * column for column in columns.T)]
            total = total + np.stack([np.bincount(cells, w, minlength=bins.cells) for w in weights], axis=1)[:-1]
        return total

    differences, filled, mass = [], True, 0
    for first in (True, False):
        at_T, training = sums([temperature], first), sums(fixed.training.temperatures, first)
        mass, filled = mass + at_T[:, 0], filled & (at_T[:, 0] > 0) & (training[:, 0] > 0)
        differences.append([s[:, 1:] / np.where(s[:, :1] > 0, s[:, :1], 1) for s in (at_T, training)])
    if not filled.any():
        return float("nan")
    (a, train_a), (b, train_b) = differences
    product = ((a - train_a) * (b - train_b)).mean(axis=1)[filled]
    return float(np.sqrt(max(np.average(product, weights=mass[filled]), 0.0)))
