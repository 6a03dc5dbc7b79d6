"""Weights of the training frames at any temperature, by a trained model.

A model knows p_T(z). For a frame that means

    w_n(T) = p_T(z_n) / p_data(z_n),        p_data(z) = sum_k (N_k / N) p_{T_k}(z),        z_n = mu(x_n),

times how often the frame counts in the MD; exact for functions of z, and for others only as far as p(x|z) does not change
with T (the papers' assumption). An informed model does better: it knows the reduced potentials A(x, b) of the features and,
fitted to it, A(z, b) of the latent, each of which gives weights of its own, and their quotient is how p(x|z) changes with
temperature:

    w_n(T) = p_T(z_n) / p_data(z_n)  *  w^x_n(T) / w^z_n(T).

With it a weighted average is right for functions of the features too, while the weights' density of z stays the model's.

A density is hardly constrained where it has next to no mass: at a temperature it was not trained at, its ln p of a frame far
from all others can be hundreds of nats too high, and that frame would then stand for the whole ensemble. An informed model
has been told otherwise: no frame gets more than :data:`MOST_EXCESS` times the weight that reweighting gives it. And of any
model no frame's weight exceeds 1 / sqrt(N) (:func:`bounded`).
"""

from __future__ import annotations

import logging

import numpy as np

from thermolatent.densities.reweighting import effective_fraction
from thermolatent.densities.tabulated import LogDensity
from thermolatent.frames import Frames
from thermolatent.learn.model import Model
from thermolatent.learn.reweight import FrameWeights, LearnedWeights

log = logging.getLogger(__name__)

#: p_T(z) / p_data(z) of an informed model, in what its A(z, b) says it is. On LJ7 and three-hole, where frames count, it is
#: within a factor of 2.3 for 99 % of the ensemble; what is far beyond are frames far from all others, at up to e^37.
MOST_EXCESS = 3.0


class ModelWeights:
    """Frame weights of one model over the training frames.

    Parameters
    ----------
    frame_weights: reweighting on the features, for an informed model; else None.

    Attributes
    ----------
    latents: mu(x) of every training frame, ``(N, d)``.
    log_density: the model's ln p(z|T), tabulated over them if it is slow.
    """

    def __init__(self, model: Model, data: Frames, frame_weights: FrameWeights | None):
        self.latents = model.representation.encode(data.rows())
        self.log_density = LogDensity(model, self.latents)
        share = np.log(np.asarray(data.frames_at) / len(data))
        at_training = np.stack([self.log_density(self.latents, T) for T in data.temperatures], axis=1)
        self._log_data = np.logaddexp.reduce(at_training + share, axis=1)
        with np.errstate(divide="ignore"):
            self._log_counts = np.log(data.counts_of()) if data.weighted else 0.0
        self._frame_weights = frame_weights
        self._latent_weights = None
        if model.latent_potential is not None and frame_weights is not None:
            self._latent_weights = LearnedWeights(model.latent_potential, data, self.latents)

    def log_weights(self, temperature: float, kT: float) -> tuple[np.ndarray, float]:
        """ln w_n(T), ``(N,)`` float64 in the one frame order, sum w = 1; and the share of the frames that counted before
        :func:`bounded`, which tells of a density gone wrong."""
        log_w = (
            self.log_density(self.latents, temperature) - self._log_data - np.log(len(self.latents)) + self._log_counts
        )
        if self._latent_weights is not None:
            with np.errstate(invalid="ignore"):  # of a frame that does not count both are -inf, and it stays at that
                excess = np.minimum(log_w - self._latent_weights.log_weights(1 / kT), np.log(MOST_EXCESS))
            excess[np.isnan(excess)] = 0.0
            log_w = excess + self._frame_weights.log_weights(self._frame_weights.preferred, temperature)
        log_w -= np.logaddexp.reduce(log_w)
        fraction = effective_fraction(log_w)
        log_w, moved = bounded(log_w)
        if moved > 0.01:
            log.warning(
                "T = %g: %.0f%% of the weight lay on a few frames and was taken from them: do not trust this density there",
                temperature,
                100 * moved,
            )
        return log_w, fraction


def bounded(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Log-weights ``(N,)`` of sum 1 of which none exceeds 1 / sqrt(N), and the share of the weight that changed hands.

    Truncated importance sampling (Ionides, doi:10.1198/106186008X320456), with the bound relative to the sum of what remains:
    a frame that had all the weight does not keep most of it. Where none exceeds it, nothing changes.
    """
    most = np.sqrt(len(log_weights))
    if log_weights.max() <= -np.log(most):
        return log_weights, 0.0
    # Of the k largest at the bound c and the rest, of sum R_k: k c + R_k = c sqrt(N). The least k whose c holds for the rest.
    order = np.argsort(-log_weights)
    largest = np.arange(1, min(int(most), len(order) - 1) + 1)
    rest = np.logaddexp.accumulate(log_weights[order[::-1]])[::-1]  # R_(k-1) at k - 1
    with np.errstate(divide="ignore"):
        bounds = rest[largest] - np.log(most - largest)
    k = int(np.argmax(log_weights[order[largest]] <= bounds))
    found = np.minimum(log_weights, bounds[k])
    found -= np.logaddexp.reduce(found)
    return found, float(np.maximum(np.exp(log_weights) - np.exp(found), 0).sum())
