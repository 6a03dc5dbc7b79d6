"""Hard states of frames: one label per frame, and the weight of each unit of MD in each state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermolatent.frames import Frames


def state_counts(labels: np.ndarray, groups: np.ndarray, n_groups: int, n_states: int, weights=None) -> np.ndarray:
    """Weighted counts ``(n_groups, n_states)`` of hard labels ``(n,)`` by unit ``(n,)``."""
    flat = np.bincount(groups * n_states + labels, weights, minlength=n_groups * n_states)
    return flat.reshape(n_groups, n_states)


@dataclass
class StateSet:
    """A hard assignment of the frames at every simulated temperature.

    Attributes
    ----------
    label: the ``states`` column of the populations: "named", "model", or "model_<name>" for a latent of its own.
    plane: the ``plane`` column of its scores.
    names: one per state.
    labels: per temperature ``(walkers, frames)`` int.
    """

    label: str
    plane: str
    names: list[str]
    labels: dict[float, np.ndarray]

    def by_unit_at(self, frames: Frames, temperature: float) -> np.ndarray:
        """Total count of the frames of each unit in each state at one temperature, ``(units, states)``."""
        unit, counts = frames.unit_at(temperature).ravel(), frames.counts[temperature].ravel()
        return state_counts(self.labels[temperature].ravel(), unit, int(unit.max()) + 1, len(self.names), counts)

    def by_unit(self, training: Frames, weights: np.ndarray) -> np.ndarray:
        """Weight per unit and state ``(units, states)`` of the training frames with weights ``(N,)``."""
        labels = training.flat(self.labels)
        return state_counts(labels, training.units, len(training.strata), len(self.names), weights)
