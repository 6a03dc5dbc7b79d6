"""The sections ``simulate`` and ``tempering`` of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from thermolatent.files.paths import MdFiles
from thermolatent.parsing import Positive, Section
from thermolatent.systems.kinds import AnySystem

#: One trajectory file per walker: more would flood a file system.
MAX_WALKERS = 64


class Simulate(Section):
    """Langevin dynamics (LangevinMiddleIntegrator). ``simulate: {from: other}`` takes over another study's MD."""

    source: str = Field("", description="set by 'from': the study whose trajectories these are; empty for its own")
    walkers: int = Field(32, ge=2, le=MAX_WALKERS, description="independent copies in one Context, one trajectory each")
    frames: int = Field(ge=2, description="saved frames per walker")
    frames_at: dict[Positive, Annotated[int, Field(ge=2)]] = Field(
        {}, description="temperature -> frames per walker, where it is not 'frames'"
    )
    save_every: int = Field(100, ge=1, description="steps between saved frames")
    equilibration: int = Field(0, ge=0, description="steps before the first saved frame")
    time_step: Positive = Field(description="ps (reduced: sigma sqrt(m/epsilon))")
    friction: Positive = Field(1.0, description="1/ps")
    pressure: Positive | None = Field(None, description="bar; explicit solvent only, energies are then U + pV")
    volume: Positive | None = Field(
        None, description="nm^3; explicit solvent without pressure: one for all temperatures"
    )
    seed: int = Field(1, ge=1, description="seed of the dynamics; each temperature derives its own")
    platform: Literal["auto", "Reference", "CPU", "OpenCL", "CUDA", "HIP"] = Field(
        "auto", description="OpenMM platform; auto takes the fastest measured for the system"
    )
    precision: Literal["single", "mixed", "double"] = Field("mixed", description="GPU platforms only")
    # Excluded: no frame that is there depends on it, so finished MD is the same with either.
    any_openmm: bool = Field(
        False, exclude=True, description="unfinished MD goes on with another version of OpenMM than it began with"
    )

    def at(self, temperature: float) -> Simulate:
        """The section as it holds at one temperature."""
        frames = self.frames_at.get(temperature, self.frames)
        return self.model_copy(update={"frames": frames, "frames_at": {}})

    @property
    def of_one_length(self) -> Simulate:
        """The section without ``frames_at``."""
        return self.model_copy(update={"frames_at": {}})


class Tempering(Section):
    """Replica exchange for reference temperatures: one job in place of one each. ``tempering: true`` takes the defaults."""

    temperatures: list[Positive] = Field([], description="reference temperatures that are run so; default: all of them")
    rungs: list[Positive] = Field(
        [], description="temperatures of the ladder beside those and the training ones; their frames are not kept"
    )


class Settings(Section):
    """What the stage simulate reads. The temperature is in the paths of its files."""

    system: AnySystem
    simulate: Simulate
    temperature: float = Field(exclude=True)


@dataclass(frozen=True)
class Inputs:
    """Files that the stage simulate reads.

    Attributes
    ----------
    files: of the system.
    starts: of a reseeded temperature, the frames from which its walkers start (:mod:`thermolatent.generate.reseeding`).
    """

    files: tuple[str, ...] = ()
    starts: str | None = None


class TemperSettings(Section):
    """What the stage temper reads.

    Attributes
    ----------
    kept: temperatures whose frames are kept.
    ladder: of all rungs, ascending.
    """

    system: AnySystem
    simulate: Simulate
    kept: list[float]
    ladder: list[float]


@dataclass(frozen=True)
class TemperOutputs:
    """Files of the stage temper: the MD by temperature, a list of all its files, and where an unfinished run is."""

    md: dict[float, MdFiles]
    listing: str
    folder: str
