"""Gaussian mixtures of the survey (arXiv:2411.09388): exact densities, exact free-energy differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, logsumexp


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Gaussians of unit covariance.

    Attributes
    ----------
    means: ``(K, d)``.
    weights: ``(K,)``, positive, of sum 1.
    """

    means: np.ndarray
    weights: np.ndarray

    @classmethod
    def drawn(cls, dim: int, weights: np.ndarray, rng: np.random.Generator) -> GaussianMixture:
        """Means from N(0, I_d), as the survey draws them."""
        return cls(rng.standard_normal((len(weights), dim)), np.asarray(weights, float))

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` independent points ``(n, d)`` float64."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.means[component] + rng.standard_normal((n, self.dim))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """ln p ``(n,)`` in nats at points ``(n, d)``."""
        return logsumexp(self._components(x), axis=1) - self.dim / 2 * np.log(2 * np.pi)

    def memberships(self, x: np.ndarray) -> np.ndarray:
        """p(mode|x) ``(n, K)``. Their mean over exact samples is exactly ``weights``, however the modes overlap."""
        return np.exp(log_softmax(self._components(x), axis=1))

    @property
    def free_energy_difference(self) -> float:
        """F of the second mode minus F of the first, kT: ln(w_1 / w_2)."""
        return float(np.log(self.weights[0] / self.weights[1]))

    def _components(self, x: np.ndarray) -> np.ndarray:
        """ln(w_k) - |x - m_k|^2 / 2, ``(n, K)``."""
        x = np.asarray(x, np.float64)
        square = (x * x).sum(1)[:, None] - 2 * x @ self.means.T + (self.means * self.means).sum(1)
        return np.log(self.weights) - square / 2
