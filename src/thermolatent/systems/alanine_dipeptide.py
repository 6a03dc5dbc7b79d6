"""Alanine dipeptide, ACE-ALA-NME: 22 atoms, two torsions, the first molecule of the field."""

from __future__ import annotations

from typing import Literal

from thermolatent.systems.force_fields import Implicit
from thermolatent.systems.peptide import Peptide


class AlanineDipeptide(Peptide):
    """One L alanine between caps. Amber ff14SB by default, in vacuum, implicit solvent (OBC2) or explicit TIP3P."""

    kind: Literal["alanine_dipeptide"] = "alanine_dipeptide"
    sequence: Literal["A"] = "A"
    termini: Literal["capped"] = "capped"
    implicit: Implicit = "obc2"
