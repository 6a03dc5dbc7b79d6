"""Weights of the training frames at any temperature, by a trained model.

A model knows p_T(z). For a frame that means

    w_n(T) = p_T(z_n) / p_data(z_n),        p_data(z) = sum_k (N_k / N) p_{T_k}(z),        z_n = mu(x_n),

exact for functions of z, and for others only as far as p(x|z) does not change with T (the papers' assumption). An
informed model does better: it knows the reduced potentials A(x, b) of the features and A(z, b) of the latent, each of which
gives weights of its own, and their quotient is how p(x|z) changes with temperature:

    w_n(T) = p_T(z_n) / p_data(z_n)  *  w^x_n(T) / w^z_n(T).

With it a weighted average is right for functions of the features too, while the weights' density of z stays the model's.
"""

from __future__ import annotations

import numpy as np

from thermolatent.densities.tabulated import LogDensity
from thermolatent.learn.dataset import TrainingData
from thermolatent.learn.model import Model
from thermolatent.learn.reweight import FrameWeights, LearnedWeights


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

    def __init__(self, model: Model, data: TrainingData, frame_weights: FrameWeights | None):
        self.latents = model.representation.encode(data.drawn_features())
        self.log_density = LogDensity(model, self.latents)
        share = np.log(np.asarray(data.counts) / sum(data.counts))
        at_training = np.stack([self.log_density(self.latents, T) for T in data.temperatures], axis=1)
        self._log_data = np.logaddexp.reduce(at_training + share, axis=1)
        self._frame_weights = frame_weights
        self._latent_weights = None
        if model.latent_potential is not None and frame_weights is not None:
            self._latent_weights = LearnedWeights(model.latent_potential, data, self.latents)

    def log_weights(self, temperature: float, kT: float) -> np.ndarray:
        """ln w_n(T), ``(N,)`` float64 in the one frame order, sum w = 1."""
        log_w = self.log_density(self.latents, temperature) - self._log_data
        if self._latent_weights is not None:
            log_w = log_w + self._frame_weights.log_weights(self._frame_weights.preferred, temperature)
            log_w = log_w - self._latent_weights.log_weights(1 / kT)
        return log_w - np.logaddexp.reduce(log_w)
