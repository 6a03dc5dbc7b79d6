"""The section ``reweight`` of a study."""

from __future__ import annotations

from pydantic import Field

from thermolatent.parsing import Positive, Section


class Reweight(Section):
    """Conditional reweighting: populations, averages and frame weights at any temperature, with error bars (docs/theory.md)."""

    heat_capacity: Positive | None = Field(
        None,
        description="how large a difference of heat capacities between conformations is plausible, in k; default: 5, or 0.7 "
        "per heavy atom of the solute if that is more",
    )
