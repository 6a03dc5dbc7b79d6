"""The section ``validate`` of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from thermolatent.errors import did_you_mean
from thermolatent.files.paths import FrameFiles
from thermolatent.learn.settings import Composition
from thermolatent.parsing import Positive, Section
from thermolatent.represent.settings import Representation
from thermolatent.reweight.settings import Named
from thermolatent.states.settings import AnyStates
from thermolatent.systems.kinds import AnySystem
from thermolatent.temperatures import Temperatures

#: What ``validate.tolerance`` calls the named states together; observables it calls by their names.
POPULATIONS, DEFAULT_TOLERANCE = "populations", 0.05
#: Reserved model names: the baselines every model is scored against.
BASELINES = ("floor", "nearest", "mbar", "which_t", "conditional")


class Validate(Section):
    """How everything is judged, and what the named states are (docs/reference/metrics.md)."""

    bins: int = Field(60, ge=2, description="bins per axis of the divergences")
    bootstrap: int = Field(100, ge=2, description="bootstrap samples over walkers, or blocks of imported MD")
    states: AnyStates = Field(description="the named states")
    tolerance: dict[str, Positive] = Field(
        DEFAULT_TOLERANCE,
        validate_default=True,
        description="a population is trusted if its 95 % interval lies within so much of it; or 'populations' and "
        "observables by name, each with its own, in the observable's unit: these are judged as well",
    )
    baselines: list[Literal["nearest", "mbar", "which_t"]] = Field(
        ["nearest", "mbar"],
        description="what the tables compare with: nearest training temperature, MBAR, reweighting without energies",
    )
    melting: str | None = Field(None, description="named state whose population is fitted by a two-state melting curve")

    @field_validator("tolerance", mode="before", json_schema_input_type=Positive | dict[str, Positive])
    @classmethod
    def _of_populations(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {POPULATIONS: DEFAULT_TOLERANCE} | value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"is {value!r}; write a number, or {{{POPULATIONS}: {DEFAULT_TOLERANCE}, ...}}")
        return {POPULATIONS: value}

    @model_validator(mode="after")
    def _melting_is_a_state(self):
        if self.melting is not None and self.melting not in self.states.names:
            raise ValueError(f"melting: no state '{self.melting}', {did_you_mean(self.melting, self.states.names)}")
        return self


class Asked(Section):
    """A study as its answers are given: what is predicted, in what, and how it is judged."""

    name: str
    system: AnySystem
    temperatures: Temperatures
    temperature_range: tuple[float, float]
    representation: Representation
    models: dict[str, Composition]
    validate_: Validate

    @property
    def named(self) -> Named:
        """What states and independent pieces of the MD are found with."""
        return Named(states=self.validate_.states, system=self.system, lag=self.representation.lag)


class Settings(Asked):
    """What the stage validate reads; ``models`` has the one that is scored, or none for the baselines.

    Attributes
    ----------
    model: name of the model, or "baselines".
    samples: how many the model drew.
    """

    model: str
    samples: int
    seed: int


@dataclass(frozen=True)
class Inputs:
    """Files that the stage validate reads.

    Attributes
    ----------
    representation: file of the model, or of SPIB for the baselines.
    samples: of the model, by temperature.
    frames: at every temperature with MD, and protocols of that MD.
    """

    representation: str
    samples: dict[float, str]
    reweighting: str
    frames: dict[float, FrameFiles]
    protocols: dict[float, str]


@dataclass(frozen=True)
class Outputs:
    """Files that it writes; the baselines have no profiles."""

    scores: str
    populations: str
    profiles: str | None


class GatherSettings(Asked):
    """What the stage gather reads."""

    seeds: list[int]


@dataclass(frozen=True)
class GatherInputs:
    """Files that the stage gather reads: tables of every model and seed and of the baselines, the estimator, the profiles that
    the bins are taken from, and the training frames."""

    scores: tuple[str, ...]
    populations: tuple[str, ...]
    reweighting: str
    profiles: str
    frames: dict[float, FrameFiles]


@dataclass(frozen=True)
class GatherOutputs:
    """Files that it writes (docs/reference/files.md)."""

    scores: str
    populations: str
    predictions: str
    melting: str
    convergence: str
    metrics: str
    grid: str
    grid_observables: str
    grid_surfaces: str
