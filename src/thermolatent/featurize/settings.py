"""The section ``featurize`` of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from thermolatent.featurize.base import Feature, NamedColumns, Particles
from thermolatent.featurize.kinds import AnyFeature
from thermolatent.files.paths import MdFiles
from thermolatent.parsing import Positive, Section


class Coupled(Section):
    """Bath degrees of freedom that are there in one state only: its heat capacity then differs from the others'."""

    column: str = Field(description="of the fixed plane, by name; the state is where it is large")
    at: float = Field(description="where the logistic switch of that column is 1/2")
    width: Positive = Field(description="of the switch")
    degrees: int = Field(ge=1, description="number of degrees of freedom")
    neutral: Positive = Field(description="temperature at which populations stay what they are without the coupling")


class Bath(Section):
    """A harmonic bath that stands for a solvent: its energy is drawn for each frame, exactly
    (benchmarks/results/extrapolation.md)."""

    degrees: int = Field(ge=0, description="degrees of freedom that depend on nothing")
    coupled: Coupled | None = Field(None, description="more degrees of freedom, which are there in one state only")


class Featurize(Section):
    """What the models see, and the fixed plane in which all of them are compared."""

    features: list[AnyFeature] = Field(min_length=1, description="features by name, or {kind: name, ...}")
    plane: list[AnyFeature] = Field(min_length=1, description="features with two columns in all: the model-free plane")
    observables: list[AnyFeature] = Field([], description="features whose means are predicted; angles as sin and cos")
    frames: int | None = Field(None, ge=2, description="of each walker, the first so many; default: all")
    training_frames: int | None = Field(
        None, ge=2, description="likewise at the training temperatures: less to learn from, as much to judge by"
    )
    bath: Bath | None = Field(None, description="energy of a harmonic bath, added to that of each frame")

    @property
    def all_features(self) -> list[Feature]:
        """Features, plane and observables."""
        return [*self.features, *self.plane, *self.observables]


class Settings(Section):
    """What the stage featurize reads.

    Attributes
    ----------
    system: its parameters, which the MD must have been run with.
    bare: what frames of a system without topology are; None for molecules, whose topology is a file.
    walkers, saved: walkers of the MD, and frames saved of each.
    frames: of each walker, the first so many are used.
    stride: of existing trajectories, every so many of their frames were taken; None for other MD.
    stretch: of existing replica exchange, frames between two exchanges.
    reseeded: whether a Markov model weights the frames.
    """

    featurize: Featurize
    system: dict[str, Any]
    bare: Particles | NamedColumns | None
    temperature: float = Field(exclude=True)
    walkers: int
    saved: int
    frames: int
    stride: int | None
    stretch: float | None
    reseeded: bool = False


@dataclass(frozen=True)
class Inputs:
    """Files that the stage featurize reads: the MD at one temperature, and structures that features compare with."""

    md: MdFiles
    structures: tuple[str, ...]
