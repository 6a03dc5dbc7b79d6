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

#: Key of ``validate.tolerance`` for all named states; observables are keys by name.
POPULATIONS, DEFAULT_TOLERANCE = "populations", 0.05
#: Reserved model names: the baselines every model is scored against.
BASELINES = ("floor", "nearest", "mbar", "which_t", "conditional")


class Validate(Section):
    """Scores, verdicts and the named states (docs/reference/metrics.md)."""

    bins: int = Field(60, ge=2, description="bins per axis of the divergences")
    bootstrap: int = Field(100, ge=2, description="bootstrap samples over walkers, or blocks of imported MD")
    states: AnyStates = Field(description="the named states")
    tolerance: dict[str, Positive] = Field(
        DEFAULT_TOLERANCE,
        validate_default=True,
        description="a population is trusted if its 95 % interval is within this tolerance; or a mapping with 'populations' "
        "and observables by name, each with its tolerance in the observable's unit",
    )
    baselines: list[Literal["nearest", "mbar", "which_t"]] = Field(
        ["nearest", "mbar"],
        description="baselines of the tables: nearest training temperature, MBAR, reweighting without energies",
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
    """The parts of a study that predictions and scores depend on."""

    name: str
    system: AnySystem
    temperatures: Temperatures
    temperature_range: tuple[float, float]
    representation: Representation
    models: dict[str, Composition]
    validate_: Validate

    @property
    def unit(self) -> str:
        """Unit of a temperature in texts, after its number: " K", or "" in reduced units."""
        return " K" if self.system.temperature_unit == "kelvin" else ""

    @property
    def named(self) -> Named:
        """Settings for named states and independent pieces of the MD."""
        return Named(states=self.validate_.states, system=self.system, lag=self.representation.lag)


class Settings(Asked):
    """Settings of the stage validate; ``models`` has the scored model, or none for the baselines.

    Attributes
    ----------
    model: name of the model, or "baselines".
    samples: number of samples of the model.
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
    frames, protocols: at every temperature with MD.
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
    """Settings of the stage gather."""

    seeds: list[int]


@dataclass(frozen=True)
class GatherInputs:
    """Files that the stage gather reads: tables of every model and seed and of the baselines, the estimator, profiles with the
    bins, and the training frames."""

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
