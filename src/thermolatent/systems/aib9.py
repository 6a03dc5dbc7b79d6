"""Aib9, ACE-(AIB)9-NME: 129 atoms, an achiral helix whose two hands are equally probable."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thermolatent.systems.molecule import Surroundings
from thermolatent.systems.peptide import Peptide


class Aib9(Peptide):
    """CHARMM36, which has alpha-aminoisobutyric acid, in explicit TIP3P by default."""

    kind: Literal["aib9"] = "aib9"
    sequence: Literal["AIB-AIB-AIB-AIB-AIB-AIB-AIB-AIB-AIB"] = "AIB-AIB-AIB-AIB-AIB-AIB-AIB-AIB-AIB"
    termini: Literal["capped"] = "capped"
    force_field: Literal["charmm36"] = "charmm36"
    solvent: Surroundings = Field("explicit", description="vacuum, implicit or explicit")
    box_shape: Literal["cube", "dodecahedron"] = "dodecahedron"
