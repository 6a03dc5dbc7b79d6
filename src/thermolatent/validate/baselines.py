"""What predictions are compared with: frame weights that anybody could have without this package."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from thermolatent.frames import Frames
from thermolatent.mbar import log_weights, solve_free_energies
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.stage import sample_of
from thermolatent.validate.settings import Asked

#: MBAR is solved on at most this many frames per temperature, evenly spaced: neighbours in time tell it nothing new.
_MBAR_FRAMES = 50_000


class Baselines:
    """Weights of the training frames by the baselines that a study asks for.

    Attributes
    ----------
    names: those of ``validate.baselines`` that the MD allows: without energies no "mbar".
    """

    def __init__(self, study: Asked, training: Frames):
        self._study, self._training = study, training
        self.names = [name for name in study.validate_.baselines if name != "mbar" or training.has_energies]

    def weights(self, name: str, temperature: float) -> np.ndarray:
        """Weights ``(N,)`` of sum 1 at one temperature, in training frame order."""
        if name == "nearest":
            return nearest_weights(self._training, temperature)
        if name == "which_t":
            return self._without_energies.weights(temperature)
        energies, at_training, f = self._mbar
        b = 1 / self._study.system.kT(temperature)
        training = self._training
        log_w = log_weights(energies * b, at_training, np.array(training.frames_at), f, training.counts_of())
        return np.exp(log_w)

    @cached_property
    def _mbar(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energies ``(N,)``, reduced potentials ``(N, K)`` and f_k ``(K,)``."""
        training = self._training
        energies = training.flat(training.energies)
        at_training = energies[:, None] * training.inverse_kT
        parts = []
        for k in range(len(training.kT)):
            rows = np.flatnonzero(training.temperature_index() == k)
            rows = rows[:: -(-len(rows) // _MBAR_FRAMES)]
            if training.weighted:  # pymbar knows no counts: a frame is there as often as it counts, to a whole number
                comb = (np.arange(len(rows)) + 0.5) / len(rows)
                edges = np.cumsum(training.frame_counts[rows])
                rows = rows[np.minimum(np.searchsorted(edges / edges[-1], comb), len(rows) - 1)]
            parts.append(rows)
        f = solve_free_energies(at_training[np.concatenate(parts)], np.array([len(part) for part in parts]))
        return energies, at_training, f

    @cached_property
    def _without_energies(self) -> ConditionalReweighting:
        return ConditionalReweighting().fit_sample(sample_of(self._study.named, self._training, None, energies=False))


def nearest_weights(training: Frames, temperature: float) -> np.ndarray:
    """Weights ``(N,)`` of the training temperature with the smallest ``|ln(T_k / T)|``: how often its frames count."""
    nearest = int(np.argmin([abs(np.log(T / temperature)) for T in training.temperatures]))
    weights = np.where(training.temperature_index() == nearest, training.frame_counts, 0.0)
    return weights / weights.sum()
