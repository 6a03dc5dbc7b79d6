"""Missing heavy atoms of a structure, by PDBFixer, with the hand that L residues have.

PDBFixer places a missing CB without regard to chirality. Residues that come out mirrored lose their side chain, get CB where
an L residue has it, and are completed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.systems.chain import c_beta

if TYPE_CHECKING:
    import openmm.app
    import pdbfixer

_BACKBONE = ("N", "CA", "C", "O", "OXT")
#: Centres of chirality: residue (or any) -> the centre and three neighbours, counter-clockwise seen from outside.
_CENTRES = {"": ("CA", "N", "C", "CB"), "ILE": ("CB", "CA", "CG1", "CG2"), "THR": ("CB", "CA", "OG1", "CG2")}


def add_missing_atoms(fixer: pdbfixer.PDBFixer) -> None:
    """Complete ``fixer``, whose ``missingResidues`` are set. A D residue that the file has whole stays one.

    Raises :class:`ThermolatentError` if a residue cannot be rebuilt.
    """
    before = {_key(residue) for residue in _mirrored(fixer)}
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=1)
    if wrong := [residue for residue in _mirrored(fixer) if _key(residue) not in before]:
        _turn(fixer, wrong)
        fixer.missingResidues = {}
        fixer.findMissingAtoms()
        fixer.addMissingAtoms(seed=1)
    if wrong := [residue for residue in _mirrored(fixer) if _key(residue) not in before]:
        raise ThermolatentError(
            f"system.file: the missing atoms of {wrong[0].name} {wrong[0].id} of chain {wrong[0].chain.id} cannot be rebuilt "
            "with the right hand; write a file that has them"
        )


def _key(residue: openmm.app.topology.Residue) -> tuple[str, ...]:
    return residue.chain.id, residue.id, residue.insertionCode, residue.name


def _nanometres(fixer: pdbfixer.PDBFixer) -> np.ndarray:
    from openmm import unit

    return np.array(fixer.positions.value_in_unit(unit.nanometer))


def _mirrored(fixer: pdbfixer.PDBFixer) -> list[openmm.app.topology.Residue]:
    """Residues with a centre of the wrong hand."""
    positions = _nanometres(fixer)
    found = []
    for residue in fixer.topology.residues():
        at = {atom.name: positions[atom.index] for atom in residue.atoms()}
        centres = [_CENTRES[name] for name in ("", residue.name) if name in _CENTRES]
        for centre, *neighbours in (names for names in centres if at.keys() >= set(names)):
            a, b, c = (at[name] - at[centre] for name in neighbours)
            if np.dot(np.cross(a, b), c) < 0:
                found.append(residue)
                break
    return found


def _turn(fixer: pdbfixer.PDBFixer, residues: list[openmm.app.topology.Residue]) -> None:
    """Cut these residues down to the backbone and a CB that makes them L."""
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
