"""Torsion angles by name (IUPAC: of the residue their central bond starts in), or of any four atoms.

As features of a model they are sin and cos, which are continuous at 180 degrees; in the fixed plane they are angles.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Columns, Feature, side_by_side
from thermolatent.featurize.molecular import in_blocks, require_molecule
from thermolatent.featurize.plumed import Value, function, of_atoms
from thermolatent.systems.selection import atom_label, find_residue, residue_label, select

if TYPE_CHECKING:
    import mdtraj

PROTEIN_BACKBONE = ("phi", "psi", "omega")
SIDE_CHAIN = ("chi1", "chi2", "chi3", "chi4", "chi5")
#: Torsions of nucleic acids: atoms, those of the residue before or after with - or +. ``chi`` has one line per kind of base.
_NUCLEIC = {
    "alpha": [("-O3'", "P", "O5'", "C5'")],
    "beta": [("P", "O5'", "C5'", "C4'")],
    "gamma": [("O5'", "C5'", "C4'", "C3'")],
    "delta": [("C5'", "C4'", "C3'", "O3'")],
    "epsilon": [("C4'", "C3'", "O3'", "+P")],
    "zeta": [("C3'", "O3'", "+P", "+O5'")],
    "chi": [("O4'", "C1'", "N9", "C4"), ("O4'", "C1'", "N1", "C2")],
}
NAMES = (*PROTEIN_BACKBONE, *SIDE_CHAIN, *_NUCLEIC)


class _Torsions(Feature):
    form: Literal["sincos", "angle"] = Field(
        "sincos", description="sin and cos of each, or the angle itself in radians (for the plane)"
    )
    residues: str | None = Field(None, description="only torsions of these residues, an mdtraj selection")

    def _columns(self, topology: mdtraj.Topology, labels: list[str], quadruples: np.ndarray) -> Columns:
        import mdtraj

        def angles(trajectory):
            return mdtraj.compute_dihedrals(trajectory, quadruples, periodic=False)

        def sines_and_cosines(trajectory):
            phi = angles(trajectory)
            return np.stack([np.sin(phi), np.cos(phi)], axis=2).reshape(len(phi), -1)

        def plumed() -> list[Value]:
            found = [of_atoms("TORSION", ATOMS=four) for four in quadruples]
            return found if self.form == "angle" else [function(f"{f}(x)", a) for a in found for f in ("sin", "cos")]

        if self.form == "angle":
            return Columns(labels, in_blocks(angles, topology, len(labels)), (True,) * len(labels), plumed)
        names = [f"{f} {label}" for label in labels for f in ("sin", "cos")]
        return Columns(names, in_blocks(sines_and_cosines, topology, len(names)), plumed=plumed)

    def _named(self, topology: mdtraj.Topology, of: tuple[str, ...]) -> Columns:
        chosen = None
        if self.residues is not None:
            atoms = select(self.kind, "residues", topology, self.residues)
            chosen = {topology.atom(i).residue.index for i in atoms}
        labels, quadruples = [], []
        for name in of:
            for atoms in find_torsions(topology, name):
                residue = topology.atom(atoms[1]).residue
                if chosen is None or residue.index in chosen:
                    labels.append(f"{name} {residue_label(residue)}")
                    quadruples.append(atoms)
        if not labels:
            there = [name for name in NAMES if len(find_torsions(topology, name))]
            where = f" in residues '{self.residues}'" if chosen is not None else ""
            raise ThermolatentError(
                f"{self.kind}: the molecule has no {', '.join(of)}{where}; it has {', '.join(there) or 'no named torsion'}; "
                "write {kind: torsions, of: [...]} with some of them, or atoms: [[i, j, k, l]]"
            )
        return self._columns(topology, labels, np.array(quadruples))


class Torsions(_Torsions):
    """Torsions by name, ``of``, and of any four atoms, ``atoms`` (names like ALA2-CA or A:2-CA, or indices)."""

    kind: Literal["torsions"] = "torsions"
    of: tuple[str, ...] = Field((), description=f"some of {', '.join(NAMES)}")
    atoms: tuple[tuple[str | int, str | int, str | int, str | int], ...] = Field(
        (), description="quadruples of atoms of the saved molecule, like ALA2-CA or A:2-CA, or indices from 0"
    )

    @model_validator(mode="after")
    def _names_known(self):
        if unknown := [name for name in self.of if name not in NAMES]:
            raise ValueError(f"of: there is no torsion '{unknown[0]}'; write some of {', '.join(NAMES)}")
        if not self.of and not self.atoms:
            raise ValueError("of: is missing; write e.g. of: [phi, psi], or atoms")
        return self

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        parts = [self._named(topology, self.of)] if self.of else []
        if self.atoms:
            quadruples = np.array([[_atom(topology, a) for a in four] for four in self.atoms])
            labels = [f"t({','.join(atom_label(topology.atom(i)) for i in four)})" for four in quadruples]
            parts.append(self._columns(topology, labels, quadruples))
        return parts[0] if len(parts) == 1 else side_by_side(parts)


class BackboneTorsions(_Torsions):
    """phi and psi of every amino acid that has them; of a nucleic acid, alpha to zeta."""

    kind: Literal["backbone_torsions"] = "backbone_torsions"

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        nucleic = not len(find_torsions(topology, "phi")) and len(find_torsions(topology, "gamma"))
        return self._named(topology, tuple(_NUCLEIC)[:6] if nucleic else ("phi", "psi"))


class SideChainTorsions(_Torsions):
    """chi1 to chi5 of every amino acid that has them; of a nucleic acid, chi of each base."""

    kind: Literal["side_chain_torsions"] = "side_chain_torsions"

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        return self._named(topology, ("chi",) if len(find_torsions(topology, "chi")) else SIDE_CHAIN)


def find_torsions(topology: mdtraj.Topology, name: str) -> np.ndarray:
    """Atoms ``(n, 4)`` of every torsion of this name, along bonds; n may be 0."""
    from mdtraj.geometry import dihedral

    named = _of_nucleic(topology, name) if name in _NUCLEIC else getattr(dihedral, f"indices_{name}")(topology)
    bonded = {frozenset((a.index, b.index)) for a, b in topology.bonds}
    known = frozenset().union(*bonded)

    def along_bonds(four: list[int]) -> bool:
        return all(frozenset(pair) in bonded or not known >= set(pair) for pair in itertools.pairwise(four))

    return np.array([four for four in np.asarray(named, dtype=int).tolist() if along_bonds(four)], int).reshape(-1, 4)


def _of_nucleic(topology: mdtraj.Topology, name: str) -> list[list[int]]:
    found = []
    for chain in topology.chains:
        residues = list(chain.residues)
        atoms = [{atom.name: atom.index for atom in residue.atoms} for residue in residues]
        for i in range(len(residues)):
            for pattern in _NUCLEIC[name]:
                four = [_neighbour(atoms, i, atom) for atom in pattern]
                if None not in four:
                    found.append(four)
                    break
    return found


def _neighbour(atoms: list[dict[str, int]], i: int, name: str) -> int | None:
    j = i + {"-": -1, "+": 1}.get(name[0], 0)
    return atoms[j].get(name.lstrip("+-")) if 0 <= j < len(atoms) else None


def _atom(topology: mdtraj.Topology, atom: str | int) -> int:
    if isinstance(atom, int):
        if 0 <= atom < topology.n_atoms:
            return atom
        raise ThermolatentError(f"torsions.atoms: {atom} is not from 0 to {topology.n_atoms - 1}; write e.g. ALA2-CA")
    found = [a.index for a in topology.atoms if atom_label(a) == atom]
    residue, _, name = atom.rpartition("-")
    if not found and ":" in residue:
        found = [a.index for a in find_residue("torsions.atoms", topology.residues, residue).atoms if a.name == name]
    if len(found) != 1:
        known = ", ".join(atom_label(a) for a in list(topology.atoms)[:8])
        raise ThermolatentError(f"torsions.atoms: {len(found)} atoms are called '{atom}'; there are {known}, ...")
    return found[0]
