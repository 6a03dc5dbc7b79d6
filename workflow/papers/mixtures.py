"""Gaussian mixtures of the survey (arXiv:2411.09388), and scores of samples against their exact densities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, logsumexp

from thermolatent.validate.divergence import EPSILON, PAPER_BINS, Bins, js

#: Bins per axis of the Jensen-Shannon divergence.
BINS = 60


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

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` independent points ``(n, d)`` float64."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.means[component] + rng.standard_normal((n, self.means.shape[1]))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """ln p ``(n,)`` in nats at points ``(n, d)``."""
        return logsumexp(self._components(x), axis=1) - self.means.shape[1] / 2 * np.log(2 * np.pi)

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


def sample_scores(
    mixture: GaussianMixture, reference: np.ndarray, floor: np.ndarray, generated: np.ndarray
) -> Iterator[tuple[str, float, float]]:
    """Divergences in the reference's principal plane and errors of the modes' shares, as (metric, value, standard error or NaN);
    two modes have a free-energy difference too.

    Parameters
    ----------
    mixture: the truth.
    reference: exact samples ``(n, d)``.
    floor: as many further exact samples, which score what a perfect model would (``<metric>_floor``).
    """
    project = principal_plane(reference)
    plane = project(reference)
    bins, paper_bins = Bins.spanning([plane], BINS), Bins.spanning([plane], PAPER_BINS, margin=0.0)
    for suffix, points in (("", generated), ("_floor", floor)):
        masses = [bins.mass(p) for p in (plane, project(points))]
        yield f"js_pca{suffix}", float(js(*masses)), np.nan
        yield f"kl_survey{suffix}", kl_survey(paper_bins, plane, project(points)), np.nan
        shares = mixture.memberships(points)
        mean, error = shares.mean(0), shares.std(0, ddof=1) / np.sqrt(len(points))
        yield f"mode_error{suffix}", float(np.abs(mean - mixture.weights).mean()), np.nan
        if len(mean) == 2:
            # Less than half a sample cannot be told from none.
            least = np.maximum(mean, 0.5 / len(points))
            yield f"delta_F{suffix}", float(np.log(least[0] / least[1])), float(error[1] / least[1] / least[0])


def kl_exact(mixture: GaussianMixture, points: np.ndarray, log_prob: np.ndarray) -> tuple[float, float]:
    """KL(exact || model) in nats in all dimensions and its standard error, from the model's ln p ``(n,)`` at exact samples
    ``(n, d)``: no bins, and 0 for a perfect model."""
    excess = mixture.log_prob(points) - log_prob
    return float(excess.mean()), float(excess.std(ddof=1) / np.sqrt(len(excess)))


def kl_survey(bins: Bins, reference: np.ndarray, generated: np.ndarray) -> float:
    """The survey's: a sum over bins of *densities*, p ln(p / q), which lacks the bin area and so is no nats."""
    p, q = (bins.mass(points)[:-1] for points in (reference, generated))
    p, q = (m / max(m.sum(), 1e-300) / bins.area + EPSILON for m in (p, q))
    return float((p * np.log(p / q)).sum())


def principal_axes(reference: np.ndarray) -> np.ndarray:
    """The axes ``(d, d)`` of a sample ``(n, d)`` as columns, that of the largest spread first; a rotation or reflection."""
    return np.linalg.eigh(np.cov(reference.T))[1][:, ::-1]


def principal_plane(reference: np.ndarray):
    """The projection ``(n, d)`` to ``(n, 2)`` on the reference's two leading principal components."""
    centre, axes = reference.mean(0), principal_axes(reference)[:, :2]
    return lambda x: (np.asarray(x, np.float64) - centre) @ axes
