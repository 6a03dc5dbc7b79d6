"""A trained model: a representation and a density of its latent, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermolatent.artifacts import load_model, prefixed, save_model, stripped
from thermolatent.densities import DENSITIES, DENSITY_SPECS
from thermolatent.densities.base import Density
from thermolatent.densities.reweighting import ReducedPotential
from thermolatent.learn.representation import Representation, restore_spib, spib_tensors
from thermolatent.learn.spib import Spib

_CHUNK = 100_000


def build_density(spec: dict[str, Any], dim: int, temperature: list[str], theta_range: tuple[float, float]) -> Density:
    """A fresh density from its spec as a mapping (``kind`` and parameters)."""
    return DENSITIES[spec["kind"]](DENSITY_SPECS[spec["kind"]](**spec), dim, temperature, tuple(theta_range))


class Model:
    """p(z|T) together with the encoder that defines z. Temperatures are in the study's unit.

    Parameters
    ----------
    spib: the representation, trained jointly or taken over from pretrain.
    density: the density model.
    about: the density's spec, ``temperature``, ``theta_range``, ``T_ref``, ``seed``, ... as saved in the file.
    latent_potential: A(z, b) of an informed model, fitted to mu(x); see :func:`thermolatent.generate.weights.frame_log_weights`.
    """

    def __init__(
        self, spib: Spib, density: Density, about: dict[str, Any], latent_potential: ReducedPotential | None = None
    ):
        self.representation = Representation(spib)
        self.density = density.eval()
        self.about = about
        self.latent_potential = latent_potential

    def save(self, path: str | Path) -> None:
        """Write weights, scaler and spec into one safetensors file."""
        spib = self.representation.spib
        spec = {**self.about, "spib": spib.spec}
        tensors = spib_tensors(spib) | prefixed("density.", self.density.state_dict())
        if self.latent_potential is not None:
            spec["latent_potential"] = self.latent_potential.spec
            tensors |= prefixed("latent_potential.", self.latent_potential.state_dict())
        save_model(path, "model", spec, tensors)

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read a model file; raises ArtifactError for a missing, broken or outdated one."""
        spec, tensors = load_model(path, "model")
        spib = restore_spib(spec, tensors)
        density = build_density(spec["density"], spib.latent_dim, spec["temperature"], spec["theta_range"])
        density.load_state_dict(stripped("density.", tensors))
        latent_potential = None
        if shape := spec.pop("latent_potential", None):
            latent_potential = ReducedPotential(**shape)
            latent_potential.load_state_dict(stripped("latent_potential.", tensors))
        return cls(spib, density, {k: v for k, v in spec.items() if k != "spib"}, latent_potential)

    def theta(self, temperature: float) -> float:
        return temperature / self.about["T_ref"]

    def sample(self, n: int, temperature: float, seed: int) -> np.ndarray:
        """Exactly ``n`` latents ``(n, d)`` float32 at ``temperature``; non-finite ones are left in, for the caller to count."""
        generator = torch.Generator().manual_seed(seed)
        return self.density.sample(n, self.theta(temperature), generator).float().numpy()

    @torch.no_grad()
    def log_prob(self, z: np.ndarray, temperature: float) -> np.ndarray:
        """ln r(z|T) in nats, ``(n,)`` float64, for latents ``(n, d)``."""
        flat = torch.from_numpy(np.array(z, np.float32))
        theta = self.theta(temperature)
        parts = [self.density.log_prob(p, torch.full((len(p),), theta)) for p in flat.split(_CHUNK)]
        return torch.cat(parts).double().numpy()

    def sample_base(self, n: int, temperature: float, seed: int) -> np.ndarray | None:
        """``n`` samples ``(n, d)`` of the density's base at ``temperature``; None where a density has no base."""
        if not hasattr(self.density, "sample_base"):
            return None
        generator = torch.Generator().manual_seed(seed)
        return self.density.sample_base(n, self.theta(temperature), generator).float().numpy()
