"""A trained representation as the later stages use it: numpy in, numpy out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermolatent.artifacts import load_model, prefixed, stripped
from thermolatent.errors import ArtifactError
from thermolatent.learn.spib import Spib

_CHUNK = 200_000


class Representation:
    """Encoder and states of a trained SPIB.

    Attributes
    ----------
    latent_dim: d.
    n_states: number of states, numbered by falling population at T_ref.
    """

    def __init__(self, spib: Spib):
        self.spib = spib.eval()
        self.latent_dim = spib.latent_dim
        self.n_states = spib.n_states

    def _chunked(self, function, rows: np.ndarray) -> np.ndarray:
        flat = rows.reshape(-1, rows.shape[-1])
        with torch.no_grad():
            parts = [
                function(torch.from_numpy(np.array(flat[i : i + _CHUNK], dtype=np.float32))).numpy()
                for i in range(0, len(flat), _CHUNK)
            ]
        result = np.concatenate(parts)
        return result.reshape(*rows.shape[:-1], *result.shape[1:])

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Latent means mu(x): ``(..., n_features)`` as measured to ``(..., d)`` float32."""
        if features.shape[-1] != self.spib.spec["n_features"]:
            raise ArtifactError(
                f"the representation was trained on {self.spib.spec['n_features']} features, these frames have "
                f"{features.shape[-1]}; run pretrain again"
            )
        return self._chunked(lambda f: self.spib.encoder(self.spib.standardise(f)), features)

    def sigmas(self, features: np.ndarray) -> np.ndarray:
        """Noise sigma of q(z|x) of each frame, ``(..., d)`` float32."""

        def sigma(f: torch.Tensor) -> torch.Tensor:
            mean, log_sigma = self.spib.posterior(self.spib.standardise(f))
            return log_sigma.exp().expand_as(mean)

        return self._chunked(sigma, features)

    @property
    def sigma(self) -> np.ndarray:
        """The one sigma of a global variance, ``(d,)``."""
        return self.spib.log_sigma.detach().exp().expand(self.latent_dim).numpy().copy()

    def noised(self, mu: np.ndarray, seed: int, features: np.ndarray | None = None) -> np.ndarray:
        """z = mu + sigma eps, what r(z|T) models; ``features`` are needed where sigma depends on them."""
        noise = np.random.default_rng(seed).standard_normal(mu.shape, dtype=np.float32)
        if isinstance(self.spib.log_sigma, torch.nn.Module):
            if features is None:
                raise ValueError("sigma depends on the features; pass them")
            return mu + self.sigmas(features) * noise
        return mu + self.sigma * noise

    def states(self, mu: np.ndarray) -> np.ndarray:
        """Hard state of each latent mean, ``(...,)`` int."""
        return self._chunked(lambda z: self.spib.decoder(z).argmax(1), mu)

    def state_probabilities(self, z: np.ndarray) -> np.ndarray:
        """p(y|z), ``(..., n_states)`` float32."""
        return self._chunked(lambda z: torch.softmax(self.spib.decoder(z), 1), z)


def load_representation(path: str | Path) -> Representation:
    """Read the representation of a ``spib`` file or of a ``model`` file (which carries its own)."""
    spec, tensors = load_model(path, "spib", "model")
    return Representation(restore_spib(spec, tensors))


def spib_tensors(spib: Spib) -> dict[str, torch.Tensor]:
    """The representation's tensors under the names they have in every file."""
    return prefixed("spib.", spib.state_dict())


def restore_spib(spec: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Spib:
    """Rebuild the SPIB that a model file carries."""
    spib = Spib(**spec["spib"])
    spib.load_state_dict(stripped("spib.", tensors))
    return spib
