"""What the survey's benchmark does at each scale: ``survey.yaml`` beside this file, or one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from thermolatent.densities.specs import DENSITY_SPECS
from thermolatent.errors import ConfigError, did_you_mean
from thermolatent.parsing import Section, merge, parse, parse_one, read_yaml

#: The file that comes with the package.
DEFAULT = Path(__file__).with_name("survey.yaml")


class Framework(Section):
    """A density, and how it is optimised (:class:`thermolatent.densities.descent.FitSettings`)."""

    label: str
    density: dict[str, Any]
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)

    @field_validator("density", mode="after")
    @classmethod
    def _known(cls, value: dict[str, Any]) -> dict[str, Any]:
        return parse_one("density", DENSITY_SPECS, value).model_dump(mode="json")


class Experiment(Section):
    """Mixtures that differ in one thing."""

    along: Literal["dim", "modes", "samples", "ratio"] = Field(
        description="what differs; ratio: two modes, and the share of the smaller one"
    )
    values: list[float] = Field(min_length=1)
    dim: int = Field(10, ge=1)
    modes: int = Field(4, ge=1)
    samples: int = Field(20_000, ge=500, description="a tenth of them is held out")

    @model_validator(mode="after")
    def _possible(self):
        least = {"dim": 1, "modes": 1, "samples": 500, "ratio": 0}[self.along]
        for value in self.values:
            whole = self.along == "ratio" or value == int(value)
            if value < least or not whole or (self.along == "ratio" and not 0 < value <= 0.5):
                raise ValueError(f"values: {value:g} is no {self.along}; write e.g. {max(least, 0.1):g}")
        return self

    def at(self, value: float) -> tuple[int, int, int, float]:
        """dim, modes, samples and ratio (0 for equal modes) of one point."""
        chosen = {"dim": self.dim, "modes": self.modes, "samples": self.samples, "ratio": 0.0, self.along: value}
        modes = 2 if self.along == "ratio" else int(chosen["modes"])
        return int(chosen["dim"]), modes, int(chosen["samples"]), float(chosen["ratio"])


class TorsionData(Section):
    """Torsions from a study's MD, at its first training temperature."""

    study: str = Field(description="whose features are torsions")
    mirror: bool = Field(False, description="add every frame's mirror image: for a molecule that is achiral")


class Survey(Section):
    """The whole benchmark at one scale."""

    generated: int = Field(ge=100, description="samples drawn of each model, and of the exact mixture to compare with")
    likelihoods: int = Field(ge=10, description="points at which an ODE's ln p is computed; a flow's at all")
    evaluate_every: int = Field(ge=1, description="steps between looks at held-out samples, which choose what is kept")
    seeds: list[int] = Field(min_length=1)
    frameworks: dict[str, Framework] = Field(min_length=1)
    experiments: dict[str, Experiment] = Field(min_length=1)
    torsions: TorsionData


def load_survey(scale: str, path: str | Path = DEFAULT) -> Survey:
    """One scale of a survey file: its ``scales: <scale>`` over the rest. Raises :class:`ConfigError`."""
    path = Path(path)
    content = read_yaml(path)
    scales = content.pop("scales", None) or {}
    if scale not in scales:
        raise ConfigError(str(path), [("scales", f"has no '{scale}', {did_you_mean(scale, scales)}")])
    return parse(Survey, merge(content, scales[scale] or {}), str(path))
