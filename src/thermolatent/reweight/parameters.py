"""Where each parameter of the estimator lies in the vector theta."""

from __future__ import annotations

import numpy as np

from thermolatent.reweight.design import Design, Half
from thermolatent.reweight.temperature_basis import FUNCTIONS


class Parameters:
    """Weights of e, c, d of all D columns; intercepts a_k, k > 0, of each half; energy offsets U0_k if there are energies."""

    def __init__(self, design: Design, n_temperatures: int, energies: bool):
        self.design, self.K, self.energies = design, n_temperatures, energies
        self.n_weights = FUNCTIONS * design.size
        self._offsets = self.n_weights + len(design.halves) * (self.K - 1)
        self.size = self._offsets + (self.K if energies else 0)

    def weights(self, theta: np.ndarray, half: Half) -> np.ndarray:
        """Weights of e, c, d of one half's columns, ``(C, 3)``."""
        return theta[: self.n_weights].reshape(FUNCTIONS, -1)[:, half.places].T

    def intercepts(self, theta: np.ndarray, h: int) -> np.ndarray:
        """a_k of half ``h``, ``(K,)``, the first 0."""
        return np.concatenate([[0.0], theta[self.intercept_places(h)]])

    def intercept_places(self, h: int) -> np.ndarray:
        """Indices of a_k, k > 0, of half ``h``, ``(K - 1,)``."""
        first = self.n_weights + h * (self.K - 1)
        return np.arange(first, first + self.K - 1)

    def places(self, h: int) -> np.ndarray:
        """Indices of what the weights of half ``h`` depend on: e, c, d of its columns, then its intercepts."""
        return np.concatenate([self._weight_places(h), self.intercept_places(h)])

    def energy_places(self, h: int, k: int) -> np.ndarray:
        """Indices of what the energies of half ``h`` at temperature ``k`` depend on: e, c, d of its columns, then U0_k."""
        return np.concatenate([self._weight_places(h), [self._offsets + k]])

    def _weight_places(self, h: int) -> np.ndarray:
        columns = self.design.halves[h].places
        return np.concatenate([j * self.design.size + columns for j in range(FUNCTIONS)])
