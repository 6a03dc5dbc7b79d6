"""A fresh SPIB: its scaler and, of a linear reduction, its projection, from moments of the training walkers' features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from thermolatent.represent.settings import Representation
from thermolatent.represent.spib import Spib
from thermolatent.rows import Rows, moments, scale, transformed


class Scaler(NamedTuple):
    """What features are brought to zero mean and unit variance by.

    Attributes
    ----------
    features: of all frames, ``(N, n_features)``.
    frames: numbers of those whose moments count, ``(m,)``.
    counts: how often each of these counts, ``(m,)``, or None for all alike.
    """

    features: Rows
    frames: np.ndarray
    counts: np.ndarray | None = None


def new_spib(settings: Representation, scaler: Scaler, n_states: int, weights: np.ndarray | None = None) -> Spib:
    """A fresh SPIB whose scaler is the pooled mean and standard deviation of the training walkers' features.

    ``weights (n_features, components)`` of the features: the encoder sees these combinations, with unit variance.
    """
    features, training_frames = scaler.features, torch.from_numpy(scaler.frames)
    spib = Spib(
        features.shape[1],
        settings.latent_dim,
        n_states,
        settings.encoder,
        settings.variance,
        settings.encoder_width,
        settings.decoder_width,
        None if weights is None else weights.shape[1],
    )
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
