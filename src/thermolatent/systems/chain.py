"""A peptide from its sequence: an extended chain by internal coordinates, templates for side chains, hydrogens by OpenMM.

PDBFixer's own placement of missing atoms is not used: it turns some residues into their mirror images.
"""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openmm
    import openmm.app
    from openmm import unit

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
#: Torsions (degrees) C-N-CA-CB of an L residue, and of the two methyls of AIB.
_C_BETA = -122.0
_METHYLS = {"CB1": 122.0, "CB2": -122.0}
#: Steps of the minimisation that removes strain of the built chain, without folding it.
_MINIMISE = 500

#: Where hydrogens of AIB go; OpenMM knows those of the other residues.
_AIB_HYDROGENS = """<Residues><Residue name="AIB"><H name="HN" parent="N"/>
<H name="HB11" parent="CB1"/><H name="HB12" parent="CB1"/><H name="HB13" parent="CB1"/>
<H name="HB21" parent="CB2"/><H name="HB22" parent="CB2"/><H name="HB23" parent="CB2"/></Residue></Residues>"""


def build_chain(
    residues: tuple[str, ...], capped: bool, pH: float, force_field: openmm.app.ForceField
) -> tuple[openmm.app.Topology, np.ndarray]:
    """Extended chain of three-letter ``residues`` with all atoms; positions ``(n, 3)`` in nm, the same in every process.

    ``capped`` adds ACE and NME; otherwise the termini are charged. ``force_field`` places hydrogens and removes
    strain, in vacuum.
    """
    topology, positions = protonated(*_heavy_atoms(residues, capped), pH, force_field)
    return topology, minimised(topology, positions, force_field)


def protonated(
    topology: openmm.app.Topology,
    positions,
    pH: float,
    force_field: openmm.app.ForceField,
    variants: list[str | None] | None = None,
) -> tuple[openmm.app.Topology, np.ndarray]:
    """The structure with the hydrogens it has at ``pH``, or in the ``variants`` (HIP, ASH, ...) of residues that have one;
    positions ``(n, 3)`` in nm."""
    from openmm import app, unit

    app.Modeller.loadHydrogenDefinitions(io.StringIO(_AIB_HYDROGENS))
    modeller = app.Modeller(topology, positions)
    with seeded():
        modeller.addHydrogens(force_field, pH=pH, variants=variants, platform=reference())
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer))


def minimised(
    topology: openmm.app.Topology, positions: np.ndarray, force_field: openmm.app.ForceField, charged: bool = True
) -> np.ndarray:
    """Positions ``(n, 3)`` in nm after some steps of minimisation in vacuum, centred, rounded to 1e-4 nm.

    Not ``charged``: without electrostatics, for many charges of one sign without screening.
    """
    import openmm as mm
    from openmm import app

    system = force_field.createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    if not charged:
        discharge(system)
    context = mm.Context(system, mm.VerletIntegrator(0.001), reference())
    context.setPositions(positions)
    mm.LocalEnergyMinimizer.minimize(context, 10.0, _MINIMISE)
    found = context.getState(positions=True).getPositions(asNumpy=True)._value
    return np.round(found - found.mean(axis=0), 4)


def discharge(system: openmm.System) -> None:
    """Set all charges of the System's NonbondedForce to 0."""
    import openmm as mm

    for force in (f for f in system.getForces() if isinstance(f, mm.NonbondedForce)):
        for i in range(force.getNumParticles()):
            _, sigma, epsilon = force.getParticleParameters(i)
            force.setParticleParameters(i, 0.0, sigma, epsilon)
        for i in range(force.getNumExceptions()):
            first, second, _, sigma, epsilon = force.getExceptionParameters(i)
            force.setExceptionParameters(i, first, second, 0.0, sigma, epsilon)


def reference():
    """OpenMM's Reference platform: one thread, bitwise reproducible."""
    import openmm as mm

    return mm.Platform.getPlatformByName("Reference")


@contextlib.contextmanager
def seeded(seed: int = 1) -> Iterator[None]:
    """Python's global random generator, which OpenMM's Modeller uses, with a fixed seed; restored afterwards."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _heavy_atoms(residues: tuple[str, ...], capped: bool) -> tuple[openmm.app.Topology, unit.Quantity]:
    """Everything but hydrogens, with bonds: backbone and caps by torsions, each side chain as PDBFixer's template has it."""
    from openmm import app, unit

    topology = app.Topology()
    chain = topology.addChain("A")
    placed: list[np.ndarray] = []
    atoms: dict[str, openmm.app.topology.Atom] = {}

    def add(residue, name: str, where: np.ndarray, *bonded: str) -> None:
        atom = topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
        for other in bonded:
            topology.addBond(atoms[other], atom)
        atoms[name] = atom
        placed.append(where)

    # N, CA and C of a residue before the first: the cap, or nothing but a frame to start from
    ca, c = np.array([0.0, 0.0, 0.0]), np.array([_CA_C, 0.0, 0.0])
    n = place(np.array([0.0, 1.0, 0.0]), c, ca, _N_CA, _N_CA_C, 0.0)
    if capped:
        residue = topology.addResidue("ACE", chain)
        add(residue, "CH3", ca)
        add(residue, "C", c, "CH3")
        add(residue, "O", place(n, ca, c, _C_O, _CA_C_O, _PSI + 180.0), "C")
    for name in residues:
        before = (n, ca, c)
        n = place(*before, _C_N, _CA_C_N, _PSI)
        ca = place(*before[1:], n, _N_CA, _C_N_CA, 180.0)
        c = place(before[2], n, ca, _CA_C, _N_CA_C, _PHI_PROLINE if name == "PRO" else _PHI)
        residue = topology.addResidue(name, chain)
        add(residue, "N", n, *(["C"] if "C" in atoms else []))
        add(residue, "CA", ca, "N")
        add(residue, "C", c, "CA")
        add(residue, "O", place(n, ca, c, _C_O, _CA_C_O, _PSI + 180.0), "C")
        for atom, where, bonded in _side_chain(name, n, ca, c):
            add(residue, atom, where, *bonded)
    if capped:
        residue = topology.addResidue("NME", chain)
        last = place(n, ca, c, _C_N, _CA_C_N, _PSI)
        add(residue, "N", last, "C")
        add(residue, "C", place(ca, c, last, _N_CA, _C_N_CA, 180.0), "N")
    else:
        add(residue, "OXT", place(n, ca, c, _C_O, _CA_C_O, _PSI), "C")
    return topology, np.array(placed) * unit.nanometer


def _side_chain(
    name: str, n: np.ndarray, ca: np.ndarray, c: np.ndarray
) -> Iterator[tuple[str, np.ndarray, tuple[str, ...]]]:
    """Name, position and bonds to earlier atoms of each side-chain atom on a backbone."""
    import pdbfixer
    from openmm import app, unit

    if name == "AIB":
        yield from ((methyl, place(c, n, ca, _CA_CB, _N_CA_CB, turn), ("CA",)) for methyl, turn in _METHYLS.items())
        return
    template = app.PDBFile(str(Path(pdbfixer.__file__).with_name("templates") / f"{name}.pdb"))
    positions = np.array(template.positions.value_in_unit(unit.nanometer))
    index = {atom.name: atom.index for atom in template.topology.atoms()}
    own, target = frame(*positions[[index["N"], index["CA"], index["C"]]]), frame(n, ca, c)
    bonds = [(first.name, second.name) for first, second in template.topology.bonds()]
    placed = ["N", "CA", "C", "O"]
    for atom in [atom for atom in index if atom not in (*placed, "OXT")]:
        partners = tuple(a if b == atom else b for a, b in bonds if atom in (a, b))
        where = ca + (positions[index[atom]] - positions[index["CA"]]) @ own.T @ target
        yield atom, where, tuple(partner for partner in partners if partner in placed)
        placed.append(atom)


def c_beta(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Where CB of an L residue is."""
    return place(c, n, ca, _CA_CB, _N_CA_CB, _C_BETA)


def frame(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Right-handed orthonormal axes, one per row, fixed to the backbone at CA."""
    first = (c - ca) / np.linalg.norm(c - ca)
    third = np.cross(first, n - ca)
    third /= np.linalg.norm(third)
    return np.stack([first, np.cross(third, first), third])


def place(a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, torsion: float) -> np.ndarray:
    """The point d with |cd| = ``bond``, angle bcd and torsion abcd (degrees), doi:10.1002/jcc.20237."""
    angle, torsion = np.radians(angle), np.radians(torsion)
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    local = np.array([-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)])
    return c + bond * (local[0] * along + local[1] * np.cross(normal, along) + local[2] * normal)
