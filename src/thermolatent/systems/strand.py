"""A single strand of RNA from its sequence: an A-form helix by the torsions of its backbone, sugars and bases from templates.

The templates are PDBFixer's nucleotides, whose sugars are C3'-endo, as they are in the A-form.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.systems.chain import frame, minimised, place, protonated

if TYPE_CHECKING:
    import openmm.app

#: Letters of the bases, which are the residues' names too.
RNA_BASES = "ACGU"

#: Torsions (degrees) of A-RNA (doi:10.1093/nar/gkh379), changed by up to 2 degrees so that the helix turns by 32.7 degrees and
#: rises by 0.28 nm a residue; delta is the templates'.
_ALPHA, _BETA, _GAMMA, _EPSILON, _ZETA, _CHI = -66.0, 175.0, 56.0, -152.0, -71.0, -161.0
#: Bond lengths (nm) and angles (degrees) of the backbone, doi:10.1107/S0907444996001160.
_O3_P, _P_O5, _O5_C5, _C5_C4, _C4_C3, _P_OP = 0.1607, 0.1593, 0.1420, 0.1510, 0.1524, 0.1485
_C3_O3_P, _O3_P_O5, _P_O5_C5, _O5_C5_C4, _C5_C4_C3, _O5_P_OP = 119.7, 104.0, 120.9, 111.7, 116.0, 108.0
#: Torsions about O5'-P of the two terminal oxygens, relative to O3'.
_FREE_OXYGENS = {"OP1": -115.5, "OP2": 115.5}


def build_strand(letters: str, pH: float, force_field: openmm.app.ForceField) -> tuple[openmm.app.Topology, np.ndarray]:
    """A-form strand of ``letters`` with all atoms and OH at both ends; positions ``(n, 3)`` in nm, bitwise reproducible.

    ``force_field`` places hydrogens and removes strain, in vacuum without charges, since the phosphates repel each other.
    """
    from openmm import unit

    topology, positions = heavy_strand(letters)
    topology, positions = protonated(topology, positions * unit.nanometer, pH, force_field)
    return topology, minimised(topology, positions, force_field, charged=False)


def heavy_strand(letters: str) -> tuple[openmm.app.Topology, np.ndarray]:
    """Everything but hydrogens, with bonds; positions ``(n, 3)`` in nm."""
    from openmm import app

    topology = app.Topology()
    chain = topology.addChain("A")
    placed: list[np.ndarray] = []
    before: dict[str, np.ndarray] = {}
    last = None
    for letter in letters:
        before, bonds = _nucleotide(letter, before)
        residue = topology.addResidue(letter, chain)
        atoms = {name: topology.addAtom(name, app.Element.getBySymbol(name[0]), residue) for name in before}
        placed += before.values()
        for first, second in bonds:
            if first in atoms and second in atoms:
                topology.addBond(atoms[first], atoms[second])
        if last is not None:
            topology.addBond(last, atoms["P"])
        last = atoms["O3'"]
    return topology, np.array(placed)


def _nucleotide(letter: str, before: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
    """Positions of its atoms behind the residue ``before``, whose are given, and bonds; the first one has no phosphate."""
    import pdbfixer
    from openmm import app, unit

    template = app.PDBFile(str(Path(pdbfixer.__file__).with_name("templates") / f"{letter}.pdb"))
    positions = np.array(template.positions.value_in_unit(unit.nanometer))
    own = {atom.name: positions[atom.index] for atom in template.topology.atoms()}
    at: dict[str, np.ndarray] = {}
    if before:
        c4, c3, o3 = (before[name] for name in ("C4'", "C3'", "O3'"))
        p = place(c4, c3, o3, _O3_P, _C3_O3_P, _EPSILON)
        o5 = place(c3, o3, p, _P_O5, _O3_P_O5, _ZETA)
        c5 = place(o3, p, o5, _O5_C5, _P_O5_C5, _ALPHA)
        at |= {"P": p}
        at |= {name: place(c5, o5, p, _P_OP, _O5_P_OP, _ALPHA + turn) for name, turn in _FREE_OXYGENS.items()}
    else:
        p, o5, c5 = np.array([0.0, _P_O5, 0.0]), np.zeros(3), np.array([_O5_C5, 0.0, 0.0])
    c4 = place(p, o5, c5, _C5_C4, _O5_C5_C4, _BETA)
    c3 = place(o5, c5, c4, _C4_C3, _C5_C4_C3, _GAMMA)
    turn = frame(*(own[name] for name in ("C5'", "C4'", "C3'"))).T @ frame(c5, c4, c3)
    at |= {"O5'": o5, "C5'": c5}
    rest = [name for name in own if name not in ("P", "OP1", "OP2", *at)]
    at |= {name: c4 + (own[name] - own["C4'"]) @ turn for name in rest}
    nitrogen, carbon = ("N9", "C4") if letter in "AG" else ("N1", "C2")
    base = [name for name in rest if "'" not in name and name != nitrogen]
    # the base, turned about its bond to the sugar
    o4, c1, n = (at[name] for name in ("O4'", "C1'", nitrogen))
    turned = place(o4, c1, n, 0.1, 120.0, _CHI)
    turn = frame(c1, n, at[carbon]).T @ frame(c1, n, turned)
    return at | {name: n + (at[name] - n) @ turn for name in base}, [
        (first.name, second.name) for first, second in template.topology.bonds()
    ]
