"""Free energies from binned mass, in kT of the temperature itself."""

from __future__ import annotations

import numpy as np

#: Free energies are compared where the reference lies below this, kT.
CUTOFF = 4.0


def free_energy(mass: np.ndarray) -> np.ndarray:
    """``-ln mass`` with minimum 0 along the last axis, NaN where empty; mass ``(..., bins)``."""
    with np.errstate(divide="ignore"):
        F = np.where(mass > 0, -np.log(mass), np.nan)
    empty = np.isnan(F).all(axis=-1, keepdims=True)
    return F - np.where(empty, 0, np.nanmin(np.where(empty, 0, F), axis=-1, keepdims=True))


def free_energy_error(mass: np.ndarray, replicates: np.ndarray) -> np.ndarray:
    """Standard error ``(bins,)`` of F in kT, to first order in the mass; NaN where empty.

    Parameters
    ----------
    mass: ``(bins,)``.
    replicates: ``(n, bins)`` bootstrap masses.
    """
    return np.where(mass > 0, replicates.std(axis=0) / np.where(mass > 0, mass, 1), np.nan)


def align(F: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """``F`` shifted so that its mean difference from ``reference`` is 0 where both are finite."""
    both = np.isfinite(F) & np.isfinite(reference)
    return F - (F[both] - reference[both]).mean() if both.any() else F


def free_energy_rmse(
    reference: np.ndarray, generated: np.ndarray, smallest: float, cutoff: float = CUTOFF
) -> np.ndarray:
    """Root mean square error of F in kT over the bins where the reference's F is below ``cutoff``.

    Parameters
    ----------
    reference, generated: mass ``(..., bins)`` without the overflow cell.
    smallest: mass of an empty generated bin, half a sample: empty bins are not left out.

    Both F are aligned by their mean over those bins.
    """
    reference, generated = np.broadcast_arrays(reference, generated)
    inside = reference > reference.max(-1, keepdims=True) * np.exp(-cutoff)
    # Outside, where the reference may be empty, the ratio is set to 1 and not counted.
    p = np.where(inside, reference, 1)
    q = np.where(inside, np.maximum(generated, smallest), 1)
    error, count = np.log(p / q), inside.sum(-1)
    error = np.where(inside, error - error.sum(-1, keepdims=True) / count[..., None], 0)
    return np.sqrt((error**2).sum(-1) / count)
