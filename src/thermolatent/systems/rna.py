"""A single strand of RNA from its sequence, built without any download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.systems.solvated import Solvated
from thermolatent.systems.strand import RNA_BASES, build_strand

if TYPE_CHECKING:
    import openmm.app

#: Force fields that come with OL3 (doi:10.1021/ct200162x).
_WITH_RNA = ("amber14", "amber19")


class Rna(Solvated):
    """D-ribose, OH at both ends, starting from an A-form strand that pairs with nothing."""

    kind: Literal["rna"] = "rna"
    sequence: str = Field(description="letters from 5' to 3' (ggcGCAAgcc); small and capital ones mean the same")

    @property
    def letters(self) -> str:
        """The sequence in capital letters."""
        return self.sequence.strip().upper()

    @model_validator(mode="after")
    def _can_be_built(self):
        if len(self.letters) < 2:
            raise ValueError("sequence: has fewer than two bases; write e.g. ggcGCAAgcc")
        if unknown := [letter for letter in self.letters if letter not in RNA_BASES]:
            more = "; T is DNA's, write U" if unknown[0] == "T" else ""
            raise ValueError(f"sequence: unknown base '{unknown[0]}'; known: {', '.join(RNA_BASES)}{more}")
        if self.force_field not in _WITH_RNA:
            raise ValueError(f"force_field: {self.force_field} cannot build RNA; write {' or '.join(_WITH_RNA)}")
        return self

    def _solute(self, force_field) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        topology, positions = build_strand(self.letters, self.pH, force_field)
        return topology, {"extended": positions}
