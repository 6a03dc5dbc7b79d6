"""The RNA hairpin ggcGCAAgcc: three pairs of G and C and a GNRA tetraloop, 325 atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from thermolatent.systems.files import DATA
from thermolatent.systems.molecule import Surroundings
from thermolatent.systems.rna import Rna

if TYPE_CHECKING:
    import openmm.app


class RnaTetraloop(Rna):
    """Amber OL3 in explicit TIP3P with potassium chloride by default; starts folded and extended.

    The folded structure is built by the project (``tools/fold_rna_tetraloop.py``), not an experimental one.
    """

    kind: Literal["rna_tetraloop"] = "rna_tetraloop"
    sequence: Literal["ggcGCAAgcc"] = "ggcGCAAgcc"
    solvent: Surroundings = Field("explicit", description="vacuum, implicit or explicit")
    cation: Literal["Na+", "K+"] = Field("K+", description="explicit")
    box_shape: Literal["cube", "dodecahedron"] = Field("dodecahedron", description="explicit")

    def _solute(self, force_field) -> tuple[openmm.app.Topology, dict[str, np.ndarray]]:
        from openmm import app, unit

        topology, starts = super()._solute(force_field)
        shipped = app.PDBFile(str(DATA / "rna_tetraloop_folded.pdb"))  # minimised in OL3, hydrogens and all
        folded = np.array(shipped.positions.value_in_unit(unit.nanometer))
        return topology, {"folded": folded - folded.mean(axis=0), **starts}
