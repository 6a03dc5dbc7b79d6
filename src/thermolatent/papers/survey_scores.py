"""Scores of a generated sample against an exact Gaussian mixture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from thermolatent.papers.mixtures import GaussianMixture
from thermolatent.validate.divergence import PAPER_BINS, Bins, js

#: Bins per axis of the Jensen-Shannon divergence.
BINS = 60
#: What the survey adds to each bin's density.
_EPSILON = 1e-10


class Scored:
    """Scores by name, as (metric, value, standard error or NaN), of samples against one exact reference sample.

    Parameters
    ----------
    mixture: the truth.
    reference: exact samples ``(n, d)``.
    floor: as many further exact samples, which score what a perfect model would.
    """

    def __init__(self, mixture: GaussianMixture, reference: np.ndarray, floor: np.ndarray):
        self.mixture = mixture
        self._project = principal_plane(reference)
        self._plane = self._project(reference)
        self._bins = Bins.spanning([self._plane], BINS)
        self._paper_bins = Bins.spanning([self._plane], PAPER_BINS, margin=0.0)
        self._floor = floor

    def of_samples(self, generated: np.ndarray) -> Iterator[tuple[str, float, float]]:
        """Divergences in the plane and errors of the modes' shares, each with its floor; two modes have a difference too."""
        for suffix, points in (("", generated), ("_floor", self._floor)):
            plane = self._project(points)
            masses = [self._bins.mass(p) for p in (self._plane, plane)]
            yield f"js_pca{suffix}", float(js(*masses)), np.nan
            yield f"kl_survey{suffix}", self._kl_survey(plane), np.nan
            shares = self.mixture.memberships(points)
            mean, error = shares.mean(0), shares.std(0, ddof=1) / np.sqrt(len(points))
            yield f"mode_error{suffix}", float(np.abs(mean - self.mixture.weights).mean()), np.nan
            if len(mean) == 2:
                # Less than half a sample cannot be told from none.
                least = np.maximum(mean, 0.5 / len(points))
                yield f"delta_F{suffix}", float(np.log(least[0] / least[1])), float(error[1] / least[1] / least[0])

    def of_log_prob(self, points: np.ndarray, log_prob: np.ndarray) -> Iterator[tuple[str, float, float]]:
        """KL(exact || model) in nats in all dimensions, from the model's ln p ``(n,)`` at exact samples ``(n, d)``.

        No bins, and 0 for a perfect model.
        """
        excess = self.mixture.log_prob(points) - log_prob
        yield "kl_exact", float(excess.mean()), float(excess.std(ddof=1) / np.sqrt(len(excess)))

    def _kl_survey(self, plane: np.ndarray) -> float:
        """The survey's: a sum over bins of *densities*, p ln(p / q), which lacks the bin area and so is no nats.

        Its bins are unknown; here 100 per axis between the reference's extremes.
        """
        bins = self._paper_bins
        p, q = (bins.mass(points)[:-1] for points in (self._plane, plane))
        p, q = (m / max(m.sum(), 1e-300) / bins.area + _EPSILON for m in (p, q))
        return float((p * np.log(p / q)).sum())


def principal_plane(reference: np.ndarray):
    """The projection ``(n, d)`` to ``(n, 2)`` on the reference's two leading principal components."""
    centre = reference.mean(0)
    axes = np.linalg.eigh(np.cov(reference.T))[1][:, ::-1][:, :2]
    return lambda x: (np.asarray(x, np.float64) - centre) @ axes
