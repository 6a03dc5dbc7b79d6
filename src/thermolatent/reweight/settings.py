"""The section ``reweight`` of a study."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from thermolatent.files.paths import FrameFiles
from thermolatent.parsing import Positive, Section
from thermolatent.states.settings import AnyStates
from thermolatent.systems.kinds import AnySystem


class Reweight(Section):
    """Conditional reweighting: populations, averages and frame weights at any temperature, with error bars (docs/theory.md)."""

    heat_capacity: Positive | None = Field(
        None,
        description="how large a difference of heat capacities between conformations is plausible, in k; default: 5, or 0.7 "
        "per heavy atom of the solute if that is more",
    )


class Named(Section):
    """What named states and independent pieces of MD are found with; ``lag`` is the representation's."""

    states: AnyStates
    system: AnySystem
    lag: int


class Settings(Named):
    """What the stage reweight reads."""

    reweight: Reweight


@dataclass(frozen=True)
class Inputs:
    """Files that the stage reweight reads.

    Attributes
    ----------
    frames: at the training temperatures.
    protocols: what is told of the MD there.
    exchanged: of replica exchange from elsewhere, the frames at all its temperatures, which say how long blocks must be.
    spib: whose memberships join the basis.
    """

    frames: dict[float, FrameFiles]
    protocols: dict[float, str]
    exchanged: dict[float, FrameFiles]
    spib: str


@dataclass(frozen=True)
class Outputs:
    """Files that it writes: the estimator, and the share of each named state up to a time."""

    model: str
    running: str
