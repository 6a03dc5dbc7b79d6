"""Errors of populations against a reference."""

from __future__ import annotations

import numpy as np


def population_error(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute difference of populations ``(..., states)``."""
    return np.abs(predicted - reference).mean(-1)


def population_max_error(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Largest absolute difference of populations ``(..., states)``."""
    return np.abs(predicted - reference).max(-1)


def delta_F_rmse(reference: np.ndarray, predicted: np.ndarray, smallest: float) -> np.ndarray:
    """Root mean square error, in kT, of the free-energy differences between all pairs of states.

    ``smallest``: population of an empty state (half a sample).
    """
    error = np.log(np.maximum(reference, smallest)) - np.log(np.maximum(predicted, smallest))
    pairs = np.triu_indices(error.shape[-1], k=1)
    return np.sqrt(((error[..., pairs[0]] - error[..., pairs[1]]) ** 2).mean(-1))
