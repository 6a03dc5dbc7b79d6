"""A new SPIB with scaler and, with a linear reduction, projection from moments of the training walkers' features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from thermolatent.represent.settings import Representation
from thermolatent.represent.spib import Spib, SpibSpec
from thermolatent.rows import Rows, moments, scale, transformed


class Scaler(NamedTuple):
    """Data whose moments scale the features to zero mean and unit variance.

    Attributes
    ----------
    features: of all frames, ``(N, n_features)``.
    frames: numbers of the frames that the moments are taken over, ``(m,)``.
    counts: how often each of these counts, ``(m,)``; None for equal counts.
    """

    features: Rows
    frames: np.ndarray
    counts: np.ndarray | None = None


def new_spib(settings: Representation, scaler: Scaler, n_states: int, weights: np.ndarray | None = None) -> Spib:
    """A new SPIB whose scaler is the pooled mean and standard deviation of the training walkers' features.

    With ``weights`` ``(n_features, components)`` the encoder's inputs are these linear combinations, with unit variance.
    """
    features, training_frames = scaler.features, torch.from_numpy(scaler.frames)
    sizes = settings.model_dump(include={"latent_dim", "encoder", "variance", "encoder_width", "decoder_width"})
    components = None if weights is None else weights.shape[1]
    spib = Spib(SpibSpec(n_features=features.shape[1], n_states=n_states, components=components, **sizes))
    mean, spread = scale(features, training_frames, scaler.counts)
    spib.feature_mean.copy_(mean)
    spib.feature_std.copy_(spread)
    if weights is not None:
        scaled = torch.from_numpy(weights) * spib.feature_std.double()[:, None]
        combined = transformed(
            features,
            lambda rows: (rows.double() - spib.feature_mean) / spib.feature_std @ scaled,
            torch.device("cpu"),
        )
        spread = moments(combined, training_frames, scaler.counts)[1]
        spib.projection.copy_(scaled / spread)
    return spib
