"""A peptide from its sequence, built without any download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.errors import did_you_mean
from thermolatent.systems.chain import ONE_LETTER, RESIDUES, build_chain
from thermolatent.systems.solvated import Solvated

if TYPE_CHECKING:
    import openmm.app


class Peptide(Solvated):
    """L residues, all peptide bonds trans, starting from an extended chain."""

    kind: Literal["peptide"] = "peptide"
    sequence: str = Field(description="one-letter codes (YYDPETGTWY), or three-letter codes with dashes (ALA-AIB-ALA)")
    termini: Literal["charged", "capped"] = Field("charged", description="capped: ACE before, NME behind")

    @property
    def residues(self) -> tuple[str, ...]:
        """Three-letter codes."""
        if "-" in self.sequence:
            return tuple(code.strip().upper() for code in self.sequence.split("-"))
        return tuple(ONE_LETTER.get(letter, letter) for letter in self.sequence.strip().upper())

    @model_validator(mode="after")
    def _can_be_built(self):
        if not self.residues:
            raise ValueError("sequence: is empty; write e.g. YYDPETGTWY")
        if unknown := [code for code in self.residues if code not in RESIDUES]:
            known = RESIDUES if "-" in self.sequence else ONE_LETTER
            raise ValueError(f"sequence: unknown residue '{unknown[0]}', {did_you_mean(unknown[0], known)}")
        if "AIB" in self.residues and self.force_field != "charmm36":
            raise ValueError(f"force_field: {self.force_field} has no AIB; write charmm36")
        if self.termini == "charged" and "AIB" in (self.residues[0], self.residues[-1]):
            raise ValueError("termini: charmm36 has no charged AIB; write capped")
        return self

    def _solute(self, force_field) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        topology, positions = build_chain(self.residues, self.termini == "capped", self.pH, force_field)
        return topology, {"extended": positions}
