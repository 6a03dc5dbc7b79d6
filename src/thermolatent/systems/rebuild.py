"""Missing heavy atoms of a structure, by PDBFixer, with L chirality and trans peptide bonds.

PDBFixer places a missing CB without regard to chirality. Residues that come out mirrored lose their side chain, get CB where
an L residue has it, and are completed again. Its force field holds a peptide bond cis as well as trans; those of new residues
that come out cis are turned by short MD in that force field, with torsions added.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.systems.chain import c_beta, reference

if TYPE_CHECKING:
    import openmm.app
    import pdbfixer

#: Volume (nm^3) spanned by the bonds of a centre below which its chirality is unclear; 0.0026 for a tetrahedral one.
_FLAT = 0.001
#: Strength k (kJ/mol) of k (1 + cos omega), which leaves no minimum at cis, and of chirality; steps of MD with them.
_HOLD, _STEPS = 200.0, 2000
#: Random seeds of that MD; the first that works is taken.
_SEEDS = range(1, 6)
_BACKBONE = ("N", "CA", "C", "O", "OXT")
#: Centres of chirality: residue (or any) -> the centre and three neighbours, counter-clockwise seen from outside.
_CENTRES = {"": ("CA", "N", "C", "CB"), "ILE": ("CB", "CA", "CG1", "CG2"), "THR": ("CB", "CA", "OG1", "CG2")}


def add_missing_atoms(fixer: pdbfixer.PDBFixer) -> None:
    """Complete ``fixer``, whose ``missingResidues`` are set. D residues and cis peptide bonds of the file are kept.

    Raises :class:`ThermolatentError` if a residue cannot be rebuilt.
    """
    _refuse_traces(fixer)
    old, mirrored = {_key(residue) for residue in fixer.topology.residues()}, set(map(_key, _mirrored(fixer)))
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=1)
    if turned := [residue for residue in _mirrored(fixer) if _key(residue) not in mirrored]:
        _turn(fixer, turned)
        fixer.missingResidues = {}
        fixer.findMissingAtoms()
        fixer.addMissingAtoms(seed=1)

    def wrong() -> list[tuple[openmm.app.topology.Residue, str]]:
        hands = [(residue, "with the right hand") for residue in _mirrored(fixer) if _key(residue) not in mirrored]
        return hands + [(residue, "with a trans peptide bond") for residue in _cis(fixer, old)]

    placed, seeds = fixer.positions, iter(_SEEDS)
    while found := wrong():
        if (seed := next(seeds, None)) is None:
            residue, what = found[0]
            raise ThermolatentError(
                f"system.file: the missing atoms of {residue.name} {residue.id} of chain {residue.chain.id} cannot be rebuilt "
                f"{what}; write a file that has them"
            )
        fixer.positions = _with_trans_peptides(fixer, placed, old, seed)


def _with_trans_peptides(fixer: pdbfixer.PDBFixer, placed, old: set[tuple[str, ...]], seed: int):
    """Positions, from those ``placed``, after short MD of new residues that turns their peptide bonds trans and makes them L."""
    import openmm as mm
    from openmm import unit

    system = fixer._createForceField(fixer.topology, False).createSystem(fixer.topology)
    for atom in fixer.topology.atoms():
        if _key(atom.residue) in old:
            system.setParticleMass(atom.index, 0.0)
    force = mm.CustomTorsionForce("hold*(1-cos(theta-theta0))")
    force.addGlobalParameter("hold", _HOLD)
    force.addPerTorsionParameter("theta0")
    for four in _peptide_bonds(fixer.topology, old)[1]:
        force.addTorsion(*four, [np.pi])
    for residue in (r for r in fixer.topology.residues() if _key(r) not in old):
        at = {atom.name: atom.index for atom in residue.atoms()}
        for centre, a, b, c in _centres(residue, at):
            force.addTorsion(at[b], at[a], at[centre], at[c], [-2 * np.pi / 3])
    system.addForce(force)
    integrator = mm.LangevinMiddleIntegrator(300, 10, 0.002)
    integrator.setRandomNumberSeed(seed)
    context = mm.Context(system, integrator, reference())
    context.setPositions(placed)
    context.setVelocitiesToTemperature(300, seed)
    integrator.step(_STEPS)
    context.setParameter("hold", 0.0)
    mm.LocalEnergyMinimizer.minimize(context)
    return np.array(context.getState(positions=True).getPositions(asNumpy=True)) * unit.nanometer


def _refuse_traces(fixer: pdbfixer.PDBFixer) -> None:
    """Refuse amino acids without a backbone to build on, as of models of C-alpha atoms."""
    from pdbfixer.pdbfixer import proteinResidues

    for residue in fixer.topology.residues():
        missing = [name for name in ("N", "CA", "C") if name not in {atom.name for atom in residue.atoms()}]
        if missing and residue.name in proteinResidues:
            raise ThermolatentError(
                f"system.file: {residue.name} {residue.id} of chain {residue.chain.id} has no {' and no '.join(missing)}; side "
                "chains cannot be built on that: write a file with the whole backbone, not one of C-alpha atoms alone"
            )


def _peptide_bonds(
    topology: openmm.app.Topology, old: set[tuple[str, ...]]
) -> tuple[list[openmm.app.topology.Residue], list[tuple[int, int, int, int]]]:
    """New peptide bonds that are not proline's, not between two ``old`` residues: the residue behind each, and the atoms CA, C,
    N, CA of omega."""
    behind, omegas = [], []
    for bond in topology.bonds():
        at = {atom.name: atom for atom in bond}
        if at.keys() != {"C", "N"} or at["C"].residue is at["N"].residue or at["N"].residue.name == "PRO":
            continue
        one, other = ({atom.name: atom.index for atom in at[name].residue.atoms()} for name in "CN")
        four = one.get("CA", one.get("CH3")), at["C"].index, at["N"].index, other.get("CA", other.get("C"))
        if None not in four and not {_key(atom.residue) for atom in bond} <= old:
            behind.append(at["N"].residue)
            omegas.append(four)
    return behind, omegas


def _cis(fixer: pdbfixer.PDBFixer, old: set[tuple[str, ...]]) -> list[openmm.app.topology.Residue]:
    """Residues behind a new peptide bond that is cis."""
    import mdtraj

    behind, omegas = _peptide_bonds(fixer.topology, old)
    if not omegas:
        return []
    frame = mdtraj.Trajectory(_nanometres(fixer)[None], None)
    angles = mdtraj.compute_dihedrals(frame, omegas, periodic=False)[0]
    return [residue for residue, angle in zip(behind, angles, strict=True) if abs(angle) < np.pi / 2]


def _key(residue: openmm.app.topology.Residue) -> tuple[str, ...]:
    return residue.chain.id, residue.id, residue.insertionCode, residue.name


def _nanometres(fixer: pdbfixer.PDBFixer) -> np.ndarray:
    from openmm import unit

    return np.array(fixer.positions.value_in_unit(unit.nanometer))


def _centres(residue: openmm.app.topology.Residue, atoms: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Its centres of chirality whose atoms all exist."""
    centres = [_CENTRES[name] for name in ("", residue.name) if name in _CENTRES]
    return [names for names in centres if set(atoms) >= set(names)]


def _mirrored(fixer: pdbfixer.PDBFixer) -> list[openmm.app.topology.Residue]:
    """Residues with a centre of wrong or unclear chirality."""
    positions = _nanometres(fixer)
    found = []
    for residue in fixer.topology.residues():
        at = {atom.name: positions[atom.index] for atom in residue.atoms()}
        for centre, *neighbours in _centres(residue, at):
            a, b, c = (at[name] - at[centre] for name in neighbours)
            if np.dot(np.cross(a, b), c) < _FLAT:
                found.append(residue)
                break
    return found


def _turn(fixer: pdbfixer.PDBFixer, residues: list[openmm.app.topology.Residue]) -> None:
    """Reduce these residues to the backbone and a CB with L chirality."""
    from openmm import app, unit

    keys = {_key(residue) for residue in residues}
    modeller = app.Modeller(fixer.topology, fixer.positions)
    modeller.delete([atom for residue in residues for atom in residue.atoms() if atom.name not in _BACKBONE])
    old = np.array(modeller.positions.value_in_unit(unit.nanometer))
    topology, positions, copied = app.Topology(), [], {}
    topology.setPeriodicBoxVectors(modeller.topology.getPeriodicBoxVectors())
    for chain in modeller.topology.chains():
        new_chain = topology.addChain(chain.id)
        for residue in chain.residues():
            new = topology.addResidue(residue.name, new_chain, residue.id, residue.insertionCode)
            at = {}
            for atom in residue.atoms():
                copied[atom] = topology.addAtom(atom.name, atom.element, new)
                positions.append(old[atom.index])
                at[atom.name] = atom
            if _key(residue) in keys:
                n, ca, c = (old[at[name].index] for name in ("N", "CA", "C"))
                topology.addBond(copied[at["CA"]], topology.addAtom("CB", app.element.carbon, new))
                positions.append(c_beta(n, ca, c))
    for first, second in modeller.topology.bonds():
        topology.addBond(copied[first], copied[second])
    fixer.topology, fixer.positions = topology, np.array(positions) * unit.nanometer
