"""Chignolin CLN025 (YYDPETGTWY, doi:10.1021/ja8030533): 166 atoms that fold to a hairpin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from thermolatent.systems.chain import minimised, protonated
from thermolatent.systems.files import DATA
from thermolatent.systems.peptide import Peptide

if TYPE_CHECKING:
    import openmm.app


class Chignolin(Peptide):
    """Amber ff14SB in GBn2 by default; starts folded and extended.

    The folded structure is built by the project (``tools/fold_chignolin.py``), not an experimental one.
    """

    kind: Literal["chignolin"] = "chignolin"
    sequence: Literal["YYDPETGTWY"] = "YYDPETGTWY"
    termini: Literal["charged"] = "charged"
    box_shape: Literal["cube", "dodecahedron"] = "dodecahedron"

    def _solute(self, force_field) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        from openmm import app

        topology, starts = super()._solute(force_field)
        shipped = app.PDBFile(str(DATA / "chignolin_folded.pdb"))
        heavy = app.Modeller(shipped.topology, shipped.positions)
        heavy.delete([atom for atom in heavy.topology.atoms() if atom.element == app.element.hydrogen])
        _, positions = protonated(heavy.topology, heavy.positions, self.pH, force_field)
        return topology, {"folded": minimised(topology, positions, force_field), **starts}
