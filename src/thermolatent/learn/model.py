"""A trained model: a representation and a density of its latent, in one file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from thermolatent.densities.base import Density
from thermolatent.densities.fit import FittedDensity, build_density
from thermolatent.files.artifacts import load_model, prefixed, require_suffix, save_model, stripped
from thermolatent.represent.representation import TrainedSpib, restore_spib, spib_tensors
from thermolatent.represent.spib import Spib


class Model(FittedDensity):
    """p(z|T) together with the encoder that defines z. Temperatures are in the study's unit.

    Parameters
    ----------
    spib: the representation, trained jointly with the density or by the stage represent.
    about: as in :class:`FittedDensity`.
    """

    def __init__(self, spib: Spib, density: Density, about: dict[str, Any]):
        super().__init__(density, about)
        self.representation = TrainedSpib(spib)

    def save(self, path: str | Path) -> None:
        """Write weights, scaler and spec into one safetensors file."""
        spib = self.representation.spib
        spec = {**self.about, "spib": asdict(spib.spec)}
        tensors = spib_tensors(spib) | prefixed("density.", self.density.state_dict())
        save_model(path, "model", spec, tensors)

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read a model file; raises ArtifactError for a missing, broken or outdated one."""
        return cls._restored(*load_model(path, "model"))

    @classmethod
    def _restored(cls, spec: dict[str, Any], tensors: dict[str, Any]) -> Model:
        spib = restore_spib(spec, tensors)
        density = build_density(spec["density"], spib.latent_dim, spec["temperature"], spec["theta_range"])
        density.load_state_dict(stripped("density.", tensors))
        return cls(spib, density, {k: v for k, v in spec.items() if k != "spib"})


def save_density(path: str | Path, fitted: FittedDensity) -> None:
    """Write the result of :func:`thermolatent.densities.fit.fit_density` into one safetensors file.

    Raises :class:`ThermolatentError` for a name that does not end in ``.safetensors``.
    """
    require_suffix(path, ".safetensors")
    save_model(path, "density", fitted.about, prefixed("density.", fitted.density.state_dict()))


def load_density(path: str | Path) -> FittedDensity:
    """Read a fitted density, or the :class:`Model` of a study; raises ArtifactError as :meth:`Model.load`."""
    spec, tensors = load_model(path, "model", "density")
    if "spib" in spec:
        return Model._restored(spec, tensors)
    density = build_density(spec["density"], spec["dim"], spec["temperature"], spec["theta_range"])
    density.load_state_dict(stripped("density.", tensors))
    return FittedDensity(density, spec)
