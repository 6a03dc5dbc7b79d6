"""A native structure: the residues of one protein chain, their C-alpha atoms, and their contacts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.systems.bonds import ALPHA_CARBONS
from thermolatent.systems.selection import chain_name, residue_label
from thermolatent.systems.topologies import load_native, subset

if TYPE_CHECKING:
    import mdtraj

#: Residues are in contact if so many apart in the sequence and with two heavy atoms within this distance (nm).
SEPARATION, CUTOFF = 4, 0.45
#: Names of backbone atoms, with those of the terminal oxygens.
_BACKBONE = {"N", "CA", "C", "O", "OXT", "OT1", "OT2", "O1", "O2"}


@dataclass(frozen=True)
class Native:
    """One chain of a structure file.

    Attributes
    ----------
    topology: of the C-alpha atoms alone, with bonds between neighbours.
    positions: of them ``(n, 3)`` in nm, their centroid at the origin.
    contacts: pairs of residues ``(c, 2)``, counted from 0, ascending.
    """

    topology: mdtraj.Topology
    positions: np.ndarray
    contacts: np.ndarray


def read_native(key: str, file: str, chain: str | None = None) -> Native:
    """Chain of a PDB or mmCIF file; raises :class:`ThermolatentError`, with the study's ``key`` of the file.

    Residues without a C-alpha atom (water, ligands, caps) are left out. Refused are several chains without a choice, breaks
    of the chain, and residues without side chains, which contacts need.
    """
    structure = load_native(key, file)
    alphas = _alpha_carbons(key, file, structure.topology, chain)
    where = np.array([atom.index for atom in alphas])
    positions = structure.xyz[0, where].astype(np.float64)
    if len(alphas) > 1 and 10 * np.linalg.norm(np.diff(positions, axis=0), axis=1).mean() < ALPHA_CARBONS[1]:
        raise ThermolatentError(f"{key}: {file}: is in nm, a PDB file is in angstrom; write its coordinates times 10")
    for before, after, apart in zip(
        alphas, alphas[1:], np.linalg.norm(np.diff(positions, axis=0), axis=1), strict=False
    ):
        if not ALPHA_CARBONS[0] < apart < ALPHA_CARBONS[1]:
            raise ThermolatentError(
                f"{key}: {file}: the chain is broken between {residue_label(before.residue)} and {residue_label(after.residue)}, "
                f"whose C-alpha atoms are {apart:.2f} nm apart, not 0.29 or 0.38; write a complete structure"
            )
    if all(sum(map(_is_heavy, atom.residue.atoms)) == 1 for atom in alphas):
        raise ThermolatentError(
            f"{key}: {file} has C-alpha atoms alone, and contacts need heavy atoms; write a structure with side chains"
        )
    for atom in alphas:
        if _lacks_side_chain(atom.residue):
            raise ThermolatentError(
                f"{key}: {file}: {residue_label(atom.residue)} lacks atoms of its side chain, which contacts need; write "
                "a structure with whole side chains (PDBFixer adds them)"
            )
    contacts = residue_contacts(structure, [atom.residue.index for atom in alphas])
    if len(contacts) == 0:
        raise ThermolatentError(
            f"{key}: {file} has no native contacts: no heavy atoms within {CUTOFF} nm of residues that are at least {SEPARATION} "
            "apart in the sequence; write a folded structure"
        )
    topology = subset(structure.topology, where)
    for before, after in itertools.pairwise(topology.atoms):
        topology.add_bond(before, after)
    return Native(topology, positions - positions.mean(axis=0), contacts)


def residue_contacts(structure: mdtraj.Trajectory, residues: list[int]) -> np.ndarray:
    """Pairs ``(c, 2)`` of places in ``residues``, indices of one chain's in its order, that are in contact in the first frame."""
    import mdtraj

    first, second = np.triu_indices(len(residues), SEPARATION)
    if len(first) == 0:
        return np.empty((0, 2), int)
    pairs = np.asarray(residues)[np.stack([first, second], axis=1)]
    closest, _ = mdtraj.compute_contacts(structure[0], pairs, scheme="closest-heavy", periodic=False)
    return np.stack([first, second], axis=1)[closest[0] < CUTOFF]


def _alpha_carbons(key: str, file: str, topology: mdtraj.Topology, chain: str | None) -> list:
    """C-alpha atoms of the chain, in its order."""
    found: dict[str, list] = {}
    for residue in topology.residues:
        atoms = {atom.name: atom for atom in residue.atoms}
        alpha = atoms.get("CA")
        if alpha is not None and alpha.element is not None and alpha.element.symbol == "C":
            found.setdefault(chain_name(residue.chain), []).append(alpha)
        elif {"N", "C", "O"} <= set(atoms):
            raise ThermolatentError(
                f"{key}: {file}: {residue_label(residue)} lacks its C-alpha atom; write a complete structure"
            )
    if not found:
        raise ThermolatentError(f"{key}: {file} has no C-alpha atoms; write the structure of a protein")
    if chain is None and len(found) > 1:
        raise ThermolatentError(
            f"{key}: {file} has chains {', '.join(found)}, and one is needed; write {_chain_key(key)}: {next(iter(found))}"
        )
    if chain is not None and chain not in found:
        raise ThermolatentError(f"{_chain_key(key)}: {file} has no protein chain '{chain}'; known: {', '.join(found)}")
    return found[chain if chain is not None else next(iter(found))]


def _chain_key(key: str) -> str:
    return f"{key.rpartition('.')[0]}.chain"


def _lacks_side_chain(residue: mdtraj.core.topology.Residue) -> bool:
    """Whether a residue other than glycine has no heavy atom beyond its backbone, or beyond CB if it is a known one with more."""
    there = {atom.name for atom in residue.atoms if _is_heavy(atom)} - _BACKBONE
    return residue.code != "G" and not (there - {"CB"} if residue.code not in (None, "A") else there)


def _is_heavy(atom: mdtraj.core.topology.Atom) -> bool:
    return atom.element is not None and atom.element.symbol not in ("H", "D", "VS")
