"""A peptide from its sequence: an extended chain from internal coordinates, side chains and hydrogens by libraries."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openmm.app

#: One-letter codes.
ONE_LETTER = {
    **{"A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS"},
    **{"I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP"},
    **{"Y": "TYR", "V": "VAL"},
}
#: Residues that can be built: the standard ones and alpha-aminoisobutyric acid (CHARMM36 has parameters).
RESIDUES = {*ONE_LETTER.values(), "AIB"}

#: Backbone geometry: bond lengths (nm) and angles (degrees) of Engh and Huber, doi:10.1107/S0108767391001071.
_N_CA, _CA_C, _C_N, _C_O, _CA_CB = 0.1458, 0.1525, 0.1329, 0.1231, 0.153
_N_CA_C, _CA_C_N, _C_N_CA, _CA_C_O, _N_CA_CB = 111.2, 116.2, 121.7, 120.8, 110.4
#: Torsions (degrees) of the extended chain; proline's ring holds phi near -65.
_PHI, _PSI, _PHI_PROLINE = -135.0, 135.0, -65.0
#: Steps of the minimisation that takes the strain out of the built chain, without folding it.
_MINIMISE = 500

#: Where hydrogens of AIB go; OpenMM knows those of the other residues.
_AIB_HYDROGENS = """<Residues><Residue name="AIB"><H name="HN" parent="N"/>
<H name="HB11" parent="CB1"/><H name="HB12" parent="CB1"/><H name="HB13" parent="CB1"/>
<H name="HB21" parent="CB2"/><H name="HB22" parent="CB2"/><H name="HB23" parent="CB2"/></Residue></Residues>"""


def build_chain(
    residues: tuple[str, ...], capped: bool, pH: float, force_field: openmm.app.ForceField
) -> tuple[openmm.app.Topology, np.ndarray]:
    """Extended chain of three-letter ``residues`` with all atoms; positions ``(n, 3)`` in nm, the same in every process.

    ``capped`` adds ACE and NME; otherwise the termini are charged. ``force_field`` places hydrogens and takes the strain
    out, in vacuum.
    """
    from openmm import app, unit

    topology, positions = _complete(*_backbone(residues, capped))
    app.Modeller.loadHydrogenDefinitions(io.StringIO(_AIB_HYDROGENS))
    modeller = app.Modeller(topology, positions)
    with seeded():
        modeller.addHydrogens(force_field, pH=pH, platform=reference())
    start = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return modeller.topology, minimised(modeller.topology, start, force_field)


def minimised(topology: openmm.app.Topology, positions: np.ndarray, force_field: openmm.app.ForceField) -> np.ndarray:
    """Positions ``(n, 3)`` in nm after some steps of minimisation in vacuum, centred, rounded to 1e-4 nm."""
    import openmm as mm
    from openmm import app

    system = force_field.createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    context = mm.Context(system, mm.VerletIntegrator(0.001), reference())
    context.setPositions(positions)
    mm.LocalEnergyMinimizer.minimize(context, 10.0, _MINIMISE)
    found = context.getState(positions=True).getPositions(asNumpy=True)._value
    return np.round(found - found.mean(axis=0), 4)


def reference():
    """OpenMM's Reference platform: one thread, the same bits every time."""
    import openmm as mm

    return mm.Platform.getPlatformByName("Reference")


@contextlib.contextmanager
def seeded(seed: int = 1) -> Iterator[None]:
    """Python's global generator, of which OpenMM's Modeller draws, at a fixed seed; restored afterwards."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _complete(topology: openmm.app.Topology, positions: np.ndarray) -> tuple[openmm.app.Topology, object]:
    """Side chains and the last oxygen, by PDBFixer."""
    import pdbfixer
    from openmm import app, unit

    file = io.StringIO()
    app.PDBFile.writeFile(topology, positions * unit.nanometer, file)
    fixer = pdbfixer.PDBFixer(pdbfile=io.StringIO(file.getvalue()), platform=reference())
    fixer.topology, fixer.positions = topology, positions * unit.nanometer  # a PDB file would lose the bonds of AIB
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=1)
    return fixer.topology, fixer.positions


def _backbone(residues: tuple[str, ...], capped: bool) -> tuple[openmm.app.Topology, np.ndarray]:
    """N, CA, C, O of every residue (AIB: both methyls too), and the caps' heavy atoms."""
    from openmm import app

    topology = app.Topology()
    chain = topology.addChain("A")
    placed: list[np.ndarray] = []
    atoms: dict[str, openmm.app.topology.Atom] = {}

    def add(residue, name: str, where: np.ndarray, bonded: str | None) -> np.ndarray:
        atom = topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
        if bonded:
            topology.addBond(atoms[bonded], atom)
        atoms[name] = atom
        placed.append(where)
        return where

    # three points before the first residue stand for the one before: CA, C of it and psi between them
    ca, c = np.array([0.0, 0.0, 0.0]), np.array([_CA_C, 0.0, 0.0])
    n_before = _place(np.array([0.0, 1.0, 0.0]), c, ca, _N_CA, _N_CA_C, 0.0)
    psi = _PSI
    if capped:
        residue = topology.addResidue("ACE", chain)
        add(residue, "CH3", ca, None)
        add(residue, "C", c, "CH3")
        add(residue, "O", _place(n_before, ca, c, _C_O, _CA_C_O, psi + 180.0), "C")
    for name in residues:
        phi = _PHI_PROLINE if name == "PRO" else _PHI
        n = _place(n_before, ca, c, _C_N, _CA_C_N, psi)
        ca_next = _place(ca, c, n, _N_CA, _C_N_CA, 180.0)
        c_next = _place(c, n, ca_next, _CA_C, _N_CA_C, phi)
        residue = topology.addResidue(name, chain)
        add(residue, "N", n, "C" if "C" in atoms else None)
        add(residue, "CA", ca_next, "N")
        if name == "AIB":
            for methyl, side in (("CB1", 122.0), ("CB2", -122.0)):
                add(residue, methyl, _place(c_next, n, ca_next, _CA_CB, _N_CA_CB, side), "CA")
        add(residue, "C", c_next, "CA")
        n_before, ca, c, psi = n, ca_next, c_next, _PSI
        add(residue, "O", _place(n_before, ca, c, _C_O, _CA_C_O, psi + 180.0), "C")
    if capped:
        residue = topology.addResidue("NME", chain)
        n = add(residue, "N", _place(n_before, ca, c, _C_N, _CA_C_N, psi), "C")
        topology_c = _place(ca, c, n, _N_CA, _C_N_CA, 180.0)
        add(residue, "C", topology_c, "N")
    return topology, np.array(placed)


def _place(a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, torsion: float) -> np.ndarray:
    """The point d with |cd| = ``bond``, angle bcd and torsion abcd (degrees), doi:10.1002/jcc.20237."""
    angle, torsion = np.radians(angle), np.radians(torsion)
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    local = np.array([-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)])
    return c + bond * (local[0] * along + local[1] * np.cross(normal, along) + local[2] * normal)
