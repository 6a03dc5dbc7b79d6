"""Weights of the training frames at any temperature, from a trained model.

A model of p_T(z) gives frame n the weight

    w_n(T) = p_T(z_n) / p_data(z_n),        p_data(z) = sum_k (N_k / N) p_{T_k}(z),        z_n = mu(x_n),

times how often the frame counts in the MD. For functions of z this is right; for others it assumes that p(x|z) does not depend
on T (the papers' assumption). It would be exact for functions of mu(x) with densities of mu(x); a model's densities are of z with
the encoder's noise (:mod:`thermolatent.represent.noise`), which blurs both p in the quotient, so that most of the error cancels:
docs/reference/densities.md has numbers.

A density is hardly constrained where it has little mass: for a frame far from all others ln p can be hundreds of nats too high at
a temperature without training data. So a weight is at most 1 / sqrt(N) (:func:`bounded`). The frame weights of an informed model
are those of conditional reweighting, which it was trained on; they are right for functions of the features.
"""

from __future__ import annotations

import logging
from functools import cached_property

import numpy as np

from thermolatent.densities.tabulated import LogDensity
from thermolatent.frames import Frames
from thermolatent.learn.model import Model
from thermolatent.mbar import effective_fraction, log_sum
from thermolatent.reweight.estimator import ConditionalReweighting

log = logging.getLogger(__name__)


class ModelWeights:
    """Frame weights of one model over the training frames.

    Parameters
    ----------
    reweighting: estimator of an informed model; None for other models.

    Attributes
    ----------
    latents: mu(x) of every training frame, ``(N, d)``.
    log_density: the model's ln p(z|T), tabulated over the latents if it is slow.
    """

    def __init__(self, model: Model, data: Frames, reweighting: ConditionalReweighting | None):
        self.latents = model.representation.encode(data.rows())
        self.log_density = LogDensity(model, self.latents)
        self._data, self._reweighting = data, reweighting

    @cached_property
    def _log_data(self) -> np.ndarray:
        """ln p_data(z) of every frame minus the logarithm of its count."""
        share = np.log(np.asarray(self._data.frames_at) / len(self._data))
        at_training = np.stack([self.log_density(self.latents, T) for T in self._data.temperatures], axis=1)
        log_data = log_sum(at_training + share)
        with np.errstate(divide="ignore"):
            return log_data - np.log(self._data.frame_counts) if self._data.weighted else log_data

    def log_weights(self, temperature: float) -> tuple[np.ndarray, float]:
        """ln w_n(T), ``(N,)`` float64 in training frame order, sum w = 1; and the effective fraction of the frames before
        :func:`bounded`, which is low for a wrong density."""
        if self._reweighting is not None:
            with np.errstate(divide="ignore"):  # counts may be 0
                log_w = np.log(self._reweighting.weights(temperature))
            return log_w, effective_fraction(log_w)
        log_w = self.log_density(self.latents, temperature) - self._log_data
        log_w -= log_sum(log_w)
        fraction = effective_fraction(log_w)
        log_w, moved = bounded(log_w)
        if moved > 0.01:
            log.warning(
                "T = %g: %.0f%% of the weight was on a few frames and has been moved: do not trust this density there",
                temperature,
                100 * moved,
            )
        return log_w, fraction


def bounded(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Log-weights ``(N,)`` of sum 1, each weight at most 1 / sqrt(N), and the share of the weight that was moved.

    Truncated importance sampling (Ionides, doi:10.1198/106186008X320456), with the bound relative to the sum of the truncated
    weights: a frame that had all the weight does not keep most of it.
    """
    most = np.sqrt(len(log_weights))
    if log_weights.max() <= -np.log(most):
        return log_weights, 0.0
    # With the k largest at the bound c and the sum R_k of the rest: k c + R_k = c sqrt(N). Take the least k with c >= the rest.
    order = np.argsort(-log_weights)
    largest = np.arange(1, min(int(most), len(order) - 1) + 1)
    rest = np.logaddexp.accumulate(log_weights[order[::-1]])[::-1]  # R_(k-1) at k - 1
    with np.errstate(divide="ignore"):
        bounds = rest[largest] - np.log(most - largest)
    k = int(np.argmax(log_weights[order[largest]] <= bounds))
    found = np.minimum(log_weights, bounds[k])
    found -= np.logaddexp.reduce(found)
    return found, float(np.maximum(np.exp(log_weights) - np.exp(found), 0).sum())
