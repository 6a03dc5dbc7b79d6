"""Hard states of every reference frame, and what a population of them is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermolatent.validate.reference import Reference


def state_counts(labels: np.ndarray, groups: np.ndarray, n_groups: int, n_states: int, weights=None) -> np.ndarray:
    """Weighted counts ``(n_groups, n_states)`` of hard labels ``(n,)`` by walker ``(n,)``."""
    flat = np.bincount(groups * n_states + labels, weights, minlength=n_groups * n_states)
    return flat.reshape(n_groups, n_states)


@dataclass
class StateSet:
    """A hard assignment of every reference frame.

    Attributes
    ----------
    label: the ``states`` column of the populations: "named", "model", or "model_<name>" for a joint encoder.
    plane: the ``plane`` column of the scores that belong to it.
    names: one per state.
    labels: per temperature ``(walkers, frames)`` int.
    """

    label: str
    plane: str
    names: list[str]
    labels: dict[float, np.ndarray]

    def counts(self, temperature: float) -> np.ndarray:
        """Frames per walker and state ``(walkers, states)``."""
        labels = self.labels[temperature]
        walker = np.repeat(np.arange(len(labels)), labels.shape[1])
        return state_counts(labels.ravel(), walker, len(labels), len(self.names)).astype(float)

    def training_counts(self, reference: Reference, weights: np.ndarray) -> np.ndarray:
        """Weight per training walker and state ``(walkers, states)``."""
        labels = np.concatenate([self.labels[T].ravel() for T in reference.training])
        return state_counts(
            labels, reference.training_walkers, len(reference.training_strata), len(self.names), weights
        )


def population_error(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute difference of populations ``(..., states)``."""
    return np.abs(predicted - reference).mean(-1)


def population_max_error(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Largest absolute difference of populations ``(..., states)``."""
    return np.abs(predicted - reference).max(-1)


def delta_F_rmse(reference: np.ndarray, predicted: np.ndarray, smallest: float) -> np.ndarray:
    """Root mean square error, in kT, of the free-energy differences between all pairs of states.

    ``smallest`` is the population an empty state counts as (half a sample).
    """
    error = np.log(np.maximum(reference, smallest)) - np.log(np.maximum(predicted, smallest))
    pairs = np.triu_indices(error.shape[-1], k=1)
    return np.sqrt(((error[..., pairs[0]] - error[..., pairs[1]]) ** 2).mean(-1))
