"""The key ``validate.states`` of a study: what the named states are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from thermolatent.parsing import Name, Section


class NearestStates(Section):
    """Named states: the nearest of these points of the fixed plane."""

    kind: Literal["nearest"] = "nearest"
    centers: dict[Name, tuple[float, float]] = Field(min_length=2, description="name of a state -> its point")

    @property
    def names(self) -> list[str]:
        return list(self.centers)


class BasinStates(Section):
    """Named states: the minimum of the system's energy that steepest descent in the fixed plane reaches."""

    kind: Literal["basins"] = "basins"
    minima: dict[Name, tuple[float, float]] = Field(min_length=2, description="name of a state -> its minimum")

    @property
    def names(self) -> list[str]:
        return list(self.minima)


#: The type of a study's field.
AnyStates = Annotated[NearestStates | BasinStates, Field(discriminator="kind")]
