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
        description="plausible difference of heat capacities between conformations, in k; default: 5, or 0.7 per heavy atom "
        "of the solute if that is more",
    )


class Named(Section):
    """Settings for named states and independent pieces of MD; ``lag`` is that of the representation."""

    states: AnyStates
    system: AnySystem
    lag: int


class Settings(Named):
    """Settings of the stage reweight."""

    reweight: Reweight


@dataclass(frozen=True)
class Inputs:
    """Files that the stage reweight reads.

    Attributes
    ----------
    frames: at the training temperatures.
    protocols: of the MD there.
    exchanged: of imported replica exchange, the frames at all its temperatures, which determine the length of blocks.
    spib: SPIB, whose memberships join the basis.
    """

    frames: dict[float, FrameFiles]
    protocols: dict[float, str]
    exchanged: dict[float, FrameFiles]
    spib: str


@dataclass(frozen=True)
class Outputs:
    """Files that it writes: the estimator and the running populations."""

    model: str
    running: str
