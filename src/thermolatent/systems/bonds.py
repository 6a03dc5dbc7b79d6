"""Bonds that a topology file does not list: by the templates of mdtraj, or by distance."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.systems.selection import atom_label, residue_label

if TYPE_CHECKING:
    import mdtraj

log = logging.getLogger(__name__)

#: Two atoms are bonded if nearer than the sum of their covalent radii and this, nm: the usual tolerance.
_TOLERANCE = 0.04
#: Covalent radii, nm (Cordero et al., Dalton Trans. 2008, 2832), and that of elements not listed.
_COVALENT = {
    **{"H": 0.031, "C": 0.076, "N": 0.071, "O": 0.066, "F": 0.057, "P": 0.107, "S": 0.105},
    **{"Cl": 0.102, "Br": 0.120, "I": 0.139, "Se": 0.120, "B": 0.084, "Si": 0.111},
}
_OTHER = 0.15
#: Bonds along the backbones of proteins and nucleic acids, and their longest distance (nm) in a structure.
_BACKBONE, _LONGEST = ({"C", "N"}, {"O3'", "P"}), 0.25
#: Distance (nm) of C-alpha atoms that follow one another: 0.29 in a cis peptide, 0.38 in a trans one.
ALPHA_CARBONS = (0.25, 0.45)


def bonds_by_distance(symbols: list[str], positions: np.ndarray) -> np.ndarray:
    """Pairs ``(n, 2)`` of bonded atoms, by their elements and distances; positions ``(n_atoms, 3)`` in nm."""
    from scipy.spatial import cKDTree

    radii = np.array([_COVALENT.get(symbol, _OTHER) for symbol in symbols])
    pairs = cKDTree(positions).query_pairs(2 * radii.max() + _TOLERANCE, output_type="ndarray")
    distance = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    bonded = pairs[distance < radii[pairs].sum(axis=1) + _TOLERANCE]
    return bonded[np.lexsort(bonded.T[::-1])]


def molecules_of(topology: mdtraj.Topology) -> np.ndarray:
    """Number of the molecule that each atom is in, ``(n_atoms,)``, by bonds."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    bonds = np.array([(a.index, b.index) for a, b in topology.bonds], int).reshape(-1, 2)
    graph = coo_array((np.ones(len(bonds)), bonds.T), (topology.n_atoms, topology.n_atoms))
    return connected_components(graph, directed=False)[1]


def complete_bonds(path: str, structure: mdtraj.Trajectory, has_chains: bool) -> None:
    """Correct the bonds of ``structure.topology``: remove those of templates between two molecules, and add those of residues
    without a template.

    ``has_chains``: whether the format marks the ends of chains. Raises :class:`ThermolatentError` for a missing mark, and for
    atoms whose bonds cannot be found.
    """
    _drop_false_bonds(path, structure, has_chains)
    topology, positions = structure.topology, structure.xyz[0]
    for first, second in alpha_carbon_bonds(topology, positions):
        topology.add_bond(topology.atom(first), topology.atom(second))
    if not (lonely := _lonely(topology)):
        return
    near = [atom.index for atom in topology.atoms if not atom.residue.is_water and _is_real(atom)]
    found = bonds_by_distance([topology.atom(i).element.symbol for i in near], positions[near])
    for first, second in np.array(near)[found]:
        if first in lonely or second in lonely:
            topology.add_bond(topology.atom(int(first)), topology.atom(int(second)))
    if still := _lonely(topology):
        atom = topology.atom(min(still))
        raise ThermolatentError(
            f"system.topology: {path} says no bonds of {atom_label(atom)}, and no atom is near enough to be bonded to it; write "
            "CONECT records, or a psf or prmtop"
        )


def _drop_false_bonds(path: str, structure: mdtraj.Trajectory, has_chains: bool) -> None:
    """Remove backbone bonds of templates between residues that are far apart, as of two molecules."""
    import mdtraj

    topology = structure.topology
    between = [b for b in topology.bonds if b[0].residue is not b[1].residue and {b[0].name, b[1].name} in _BACKBONE]
    if not between:
        return
    periodic = structure.unitcell_lengths is not None and (structure.unitcell_lengths > 0).all()
    lengths = mdtraj.compute_distances(structure, [(a.index, b.index) for a, b in between], periodic=periodic)[0]
    for length, bond in zip(lengths, between, strict=True):
        if length <= _LONGEST:
            continue
        one, other = (residue_label(atom.residue) for atom in bond)
        apart = f"{one} and {other} follow one another, but are {length:.2f} nm apart"
        if has_chains:
            raise ThermolatentError(
                f"system.topology: {path}: {apart}: a TER line or another chain id is missing between them, or residues are; "
                "write one, and molecules in one piece"
            )
        log.warning("%s: %s: they are taken as two chains", path, apart)
    far = {id(bond) for bond, length in zip(between, lengths, strict=True) if length > _LONGEST}
    topology._bonds = [bond for bond in topology.bonds if id(bond) not in far]


def alpha_carbon_bonds(topology: mdtraj.Topology, positions: np.ndarray) -> list[tuple[int, int]]:
    """Bonds along chains of C-alpha atoms alone, as pairs of atoms; positions ``(n_atoms, 3)`` in nm."""
    found = []
    for chain in topology.chains:
        alone = [a for r in chain.residues if r.n_atoms == 1 for a in r.atoms if a.name == "CA" and _is_real(a)]
        for first, second in itertools.pairwise(alone):
            apart = np.linalg.norm(positions[first.index] - positions[second.index])
            if first.element.symbol == "C" and ALPHA_CARBONS[0] < apart < ALPHA_CARBONS[1]:
                found.append((first.index, second.index))
    return found


def _lonely(topology: mdtraj.Topology) -> set[int]:
    """Atoms without a bond in residues of several atoms."""
    bonded = {atom.index for bond in topology.bonds for atom in bond}
    several = (r for r in topology.residues if not r.is_water and sum(map(_is_real, r.atoms)) > 1)
    return {atom.index for r in several for atom in r.atoms if _is_real(atom)} - bonded


def _is_real(atom: mdtraj.core.topology.Atom) -> bool:
    return atom.element is not None and atom.element.symbol != "VS"
