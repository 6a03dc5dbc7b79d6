"""The key ``validate.states`` of a study."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from thermolatent.parsing import Name, Section


def _apart(points: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    for name, point in points.items():
        if (other := next(key for key in points if points[key] == point)) != name:
            raise ValueError(f"{name}: {list(point)} is the place of {other}, too; move one of them")
    return points


Points = Annotated[dict[Name, tuple[float, float]], AfterValidator(_apart)]


class NearestStates(Section):
    """Named states: the nearest of these points of the fixed plane."""

    kind: Literal["nearest"] = "nearest"
    centers: Points = Field(min_length=2, description="name of a state -> its point; angles in radians, lengths in nm")

    @property
    def names(self) -> list[str]:
        return list(self.centers)


class BasinStates(Section):
    """Named states: the minimum of the system's energy that steepest descent in the fixed plane reaches."""

    kind: Literal["basins"] = "basins"
    minima: Points = Field(min_length=2, description="name of a state -> its minimum")

    @property
    def names(self) -> list[str]:
        return list(self.minima)


#: The type of a study's field.
AnyStates = Annotated[NearestStates | BasinStates, Field(discriminator="kind")]
