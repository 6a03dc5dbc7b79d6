"""Baselines for the predictions: frame weights by standard methods."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from thermolatent.frames import Frames
from thermolatent.mbar import log_weights, solve_free_energies
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.stage import sample_of
from thermolatent.sampling import Sampler
from thermolatent.validate.settings import Asked

#: MBAR is solved on at most this many frames per temperature, evenly spaced: neighbours in time are correlated.
_MBAR_FRAMES = 50_000


class Baselines:
    """Weights of the training frames by the baselines of a study.

    Attributes
    ----------
    names: ``validate.baselines``, without "mbar" if the MD has no energies.
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
            # pymbar has no counts: frames are repeated as often as they count.
            parts.append(rows[Sampler(len(rows), training.counts_of(rows)).thinned(len(rows)).numpy()])
        f = solve_free_energies(at_training[np.concatenate(parts)], np.array([len(part) for part in parts]))
        return energies, at_training, f

    @cached_property
    def _without_energies(self) -> ConditionalReweighting:
        return ConditionalReweighting().fit_sample(sample_of(self._study.named, self._training, None, energies=False))


def nearest_weights(training: Frames, temperature: float) -> np.ndarray:
    """Weights ``(N,)``: the counts of the frames at the training temperature with the smallest ``|ln(T_k / T)|``."""
    nearest = int(np.argmin([abs(np.log(T / temperature)) for T in training.temperatures]))
    weights = np.where(training.temperature_index() == nearest, training.frame_counts, 0.0)
    return weights / weights.sum()
