"""A trained representation for the later stages: numpy in, numpy out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_model, prefixed, stripped
from thermolatent.represent.spib import Spib, SpibSpec
from thermolatent.rows import Rows, over_blocks


class TrainedSpib:
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

    def _chunked(self, function, rows: np.ndarray | Rows) -> np.ndarray:
        with torch.no_grad():
            result = over_blocks(function, rows).numpy()
        return result.reshape(*rows.shape[:-1], *result.shape[1:])

    def encode(self, features: np.ndarray | Rows) -> np.ndarray:
        """Latent means mu(x) of features ``(..., n_features)`` in their own unit, ``(..., d)`` float32."""
        if features.shape[-1] != self.spib.spec.n_features:
            raise ArtifactError(
                f"the representation was trained on {self.spib.spec.n_features} features, these frames have "
                f"{features.shape[-1]}; run represent again"
            )
        return self._chunked(lambda f: self.spib.encoder(self.spib.standardise(f)), features)

    def sigmas(self, features: np.ndarray) -> np.ndarray:
        """Sigma of q(z|x) of each frame, ``(..., d)`` float32."""
        if not isinstance(self.spib.log_sigma, torch.nn.Module):
            return np.broadcast_to(self.sigma, (*features.shape[:-1], self.latent_dim))

        def sigma(f: torch.Tensor) -> torch.Tensor:
            mean, log_sigma = self.spib.posterior(self.spib.standardise(f))
            return log_sigma.exp().expand_as(mean)

        return self._chunked(sigma, features)

    @property
    def sigma(self) -> np.ndarray:
        """Sigma of a global variance, ``(d,)``."""
        return self.spib.log_sigma.detach().exp().expand(self.latent_dim).numpy().copy()

    def noised(self, mu: np.ndarray, sigma: np.ndarray, seed: int) -> np.ndarray:
        """z = mu + sigma eps, ``(..., d)``: r(z|T) is its density."""
        return mu + sigma * np.random.default_rng(seed).standard_normal(mu.shape, dtype=np.float32)

    def states(self, mu: np.ndarray) -> np.ndarray:
        """Hard state of each latent mean, ``(...,)`` int."""
        return self._chunked(lambda z: self.spib.decoder(z).argmax(1), mu)

    def state_probabilities(self, z: np.ndarray) -> np.ndarray:
        """p(y|z), ``(..., n_states)`` float32."""
        return self._chunked(lambda z: torch.softmax(self.spib.decoder(z), 1), z)


@torch.no_grad()
def posterior(spib: Spib, x: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and sigma of q(z|x) of every frame, each ``(N, d)``, from standardised features."""

    def both(block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_sigma = spib.posterior(block)
        return mean, log_sigma.exp().expand_as(mean)

    if isinstance(x, torch.Tensor):
        return both(x)
    mean, sigma = over_blocks(lambda block: torch.stack(both(block), dim=1), x).unbind(1)
    return mean.contiguous(), sigma.contiguous()


def load_representation(path: str | Path) -> TrainedSpib:
    """Read the representation of a ``spib`` file, or of a ``model`` file."""
    spec, tensors = load_model(path, "spib", "model")
    return TrainedSpib(restore_spib(spec, tensors))


def spib_tensors(spib: Spib) -> dict[str, torch.Tensor]:
    """The tensors of a representation by their names in files."""
    return prefixed("spib.", spib.state_dict())


def restore_spib(spec: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Spib:
    """Rebuild the SPIB of a file."""
    spib = Spib(SpibSpec(**spec["spib"]))
    spib.load_state_dict(stripped("spib.", tensors))
    return spib
