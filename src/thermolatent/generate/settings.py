"""The section ``generate`` of a study."""

from __future__ import annotations

from pydantic import Field

from thermolatent.parsing import Section


class Generate(Section):
    """What is made at every temperature asked for."""

    samples: int = Field(100_000, ge=1, description="samples per temperature")
    structures: int = Field(500, ge=0, description="frames of the resampled trajectory per temperature; 0 for none")
    grid: int = Field(25, ge=2, description="temperatures of the free-energy surfaces over the learning range")
