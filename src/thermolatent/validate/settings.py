"""The section ``validate`` of a study."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thermolatent.errors import did_you_mean
from thermolatent.parsing import Positive, Section
from thermolatent.states.settings import BasinStates, NearestStates

#: Reserved model names: the baselines every model is scored against.
BASELINES = ("floor", "nearest", "mbar", "which_t", "conditional")


class Validate(Section):
    """How everything is judged, and what the named states are (docs/metrics.md)."""

    bins: int = Field(60, ge=2, description="bins per axis of the divergences")
    bootstrap: int = Field(100, ge=2, description="bootstrap samples over walkers")
    states: Annotated[NearestStates | BasinStates, Field(discriminator="kind", description="the named states")]
    tolerance: Positive = Field(
        0.05, description="a population is trusted if its 95 % interval lies within so much of it"
    )
    baselines: list[Literal["nearest", "mbar", "which_t"]] = Field(
        ["nearest", "mbar"],
        description="what the tables compare with: nearest training temperature, MBAR, reweighting without energies",
    )
    melting: str | None = Field(None, description="named state whose population is fitted by a two-state melting curve")

    @model_validator(mode="after")
    def _melting_is_a_state(self):
        if self.melting is not None and self.melting not in self.states.names:
            raise ValueError(f"melting: no state '{self.melting}', {did_you_mean(self.melting, self.states.names)}")
        return self
