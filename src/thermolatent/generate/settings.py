"""The section ``generate`` of a study."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from thermolatent.files.paths import FrameFiles
from thermolatent.parsing import Section
from thermolatent.reweight import settings as _reweight
from thermolatent.states.settings import AnyStates
from thermolatent.systems.kinds import AnySystem


class Generate(Section):
    """The ensembles at the study's temperatures."""

    samples: int = Field(100_000, ge=1, description="samples per temperature")
    structures: int = Field(500, ge=0, description="frames of the resampled trajectory at each temperature; 0 for none")
    grid: int = Field(25, ge=2, description="temperatures of the free-energy surfaces over the learning range")


class Settings(Section):
    """Settings of the stage generate.

    Attributes
    ----------
    temperatures: of the ensembles.
    temperature_range: the learning range, over which surfaces are computed.
    """

    generate: Generate
    states: AnyStates
    system: AnySystem
    temperatures: list[float]
    temperature_range: tuple[float, float]
    T_ref: float
    seed: int


class ReseedSettings(Section):
    """Settings of the stage reseed. Starts are drawn once: nothing but the system and the walkers repeats that."""

    system: AnySystem
    walkers: int
    temperature: float = Field(exclude=True)
    seed: int = Field(exclude=True)
    estimator: _reweight.Settings = Field(exclude=True)


@dataclass(frozen=True)
class ReseedInputs:
    """Files that the stage reseed reads: frames and trajectories of the training temperatures that are not reseeded."""

    frames: dict[float, FrameFiles]
    trajectories: dict[float, tuple[str, ...]]


@dataclass(frozen=True)
class Inputs:
    """Files that the stage generate reads: model, training frames and their MD, and the estimator for an informed model."""

    model: str
    reweighting: str | None
    frames: dict[float, FrameFiles]
    topology: str
    trajectories: dict[float, tuple[str, ...]]


@dataclass(frozen=True)
class Outputs:
    """Files that it writes: by temperature samples, structures and medoids (empty with ``structures: 0``), surfaces over the
    learning range, and a list of all these."""

    samples: dict[float, str]
    structures: dict[float, str]
    medoids: dict[float, str]
    surfaces: str
    listing: str
