"""What the survey's benchmark does at each scale: ``survey.yaml`` beside this file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from catalogue import HERE
from thermolatent.densities.specs import AnyDensity
from thermolatent.errors import ConfigError, did_you_mean
from thermolatent.parsing import Section, merge, parse, read_yaml


class Framework(Section):
    """A density, and how it is optimised (:class:`thermolatent.densities.descent.FitSettings`)."""

    label: str
    density: AnyDensity
    steps: int
    batch_size: int
    learning_rate: float


class Experiment(Section):
    """Mixtures that differ in one thing; ``ratio``: two modes, and the share of the smaller one.

    Attributes
    ----------
    axes: ``principal``: samples are rotated to the training samples' principal axes first.
    frameworks: what this experiment's frameworks have instead of the benchmark's.
    """

    along: Literal["dim", "modes", "samples", "ratio"]
    values: list[float]
    dim: int = 10
    modes: int = 4
    samples: int = 20_000
    axes: Literal["given", "principal"] = "given"
    frameworks: dict[str, dict[str, Any]] = Field({})

    def at(self, value: float) -> dict[str, Any]:
        """dim, modes, samples and ratio (0 for equal modes) of one point."""
        modes = 2 if self.along == "ratio" else self.modes
        point = {"dim": self.dim, "modes": modes, "samples": self.samples, "ratio": 0.0}
        return point | {self.along: value if self.along == "ratio" else int(value)}


class TorsionData(Section):
    """Torsions from a study's MD at its first training temperature; ``mirror``: with every frame's mirror image, for a molecule
    that is achiral."""

    study: str
    mirror: bool = False


class Survey(Section):
    """The whole benchmark at one scale.

    Attributes
    ----------
    generated: samples drawn of each model, and of the exact mixture to compare with.
    likelihoods: points at which an ODE's ln p is computed; a flow's at all.
    evaluate_every: steps between looks at held-out samples, which choose what is kept.
    """

    generated: int
    likelihoods: int
    evaluate_every: int
    seeds: list[int]
    frameworks: dict[str, Framework]
    experiments: dict[str, Experiment]
    torsions: TorsionData

    def framework(self, experiment: str, name: str) -> Framework:
        """A framework as an experiment, or the torsions, has it. Raises :class:`ConfigError`."""
        own = self.experiments[experiment].frameworks if experiment in self.experiments else {}
        return parse(Framework, merge(self.frameworks[name].model_dump(), own.get(name, {})), f"{experiment}: {name}")


def load_survey(scale: str) -> Survey:
    """One scale of the file: its ``scales: <scale>`` over the rest. Raises :class:`ConfigError`."""
    path = HERE / "survey.yaml"
    content = read_yaml(path)
    scales = content.pop("scales")
    if scale not in scales:
        raise ConfigError(str(path), [("scales", f"has no '{scale}', {did_you_mean(scale, scales)}")])
    return parse(Survey, merge(content, scales[scale] or {}), str(path))
