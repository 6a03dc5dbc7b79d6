"""Distances (nm) between atoms, and contacts between residues."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Columns, Feature
from thermolatent.featurize.molecular import between_molecules, in_blocks, pair_distances, require_molecule
from thermolatent.featurize.plumed import Value, function, of_atoms
from thermolatent.systems.selection import atom_label, numbered_label, residue_label, select

#: Maximum r0 of a contact, nm.
_FARTHEST = 3.0


def _within_reach(r0: float) -> float:
    if r0 > _FARTHEST:
        raise ValueError(
            f"is {r0:g} nm, and no contact reaches beyond {_FARTHEST:g}; if you took angstrom for nm, write {r0 / 10:g}"
        )
    return r0


Reach = Annotated[float, Field(gt=0), AfterValidator(_within_reach)]


def switched(distance: np.ndarray, r0: float) -> np.ndarray:
    """1 / (1 + (r / r0)^6): 1 in contact, 1/2 at r0, 0 far away."""
    return 1.0 / (1.0 + (distance / r0) ** 6)


def plumed_switched(distance: Value, r0: float) -> Value:
    """:func:`switched` as PLUMED computes it."""
    return function(f"1/(1+(x/{r0!r})^6)", distance)


def atom_distances(topology, pairs: np.ndarray, names: list[str], r0: float | None = None) -> Columns:
    """Distances of pairs of atoms, or with ``r0`` smooth contacts of them."""
    between = between_molecules(topology, pairs)

    def distances(trajectory):
        r = pair_distances(trajectory, pairs, between)
        return r if r0 is None else switched(r, r0)

    def plumed() -> list[Value]:
        found = [of_atoms("DISTANCE", ATOMS=pair) for pair in pairs]
        return found if r0 is None else [plumed_switched(distance, r0) for distance in found]

    return Columns(names, in_blocks(distances, topology, len(pairs)), plumed=plumed, boxed=True)


class CaDistances(Feature):
    """Distances between C-alpha atoms of residues that are at least ``min_separation`` apart in the sequence."""

    kind: Literal["ca_distances"] = "ca_distances"
    min_separation: int = Field(3, ge=1, description="residues")
    residues: str | None = Field(None, description="only among these residues, an mdtraj selection")

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        selection = "name CA and element C" + (f" and ({self.residues})" if self.residues else "")
        atoms = [topology.atom(i) for i in select(self.kind, "residues", topology, selection)]
        pairs = [
            (a, b)
            for i, a in enumerate(atoms)
            for b in atoms[i + 1 :]
            if separation(a.residue, b.residue) >= self.min_separation
        ]
        if not pairs:
            raise ThermolatentError(
                f"ca_distances.min_separation: none of {len(atoms)} C-alpha atoms are {self.min_separation} residues apart; "
                "write a smaller number"
            )
        names = [f"d({numbered_label(a)},{numbered_label(b)})" for a, b in pairs]
        return atom_distances(topology, np.array([(a.index, b.index) for a, b in pairs]), names)


class Distances(Feature):
    """Distances between the atoms of pairs of mdtraj selections; every atom of the first with every atom of the second."""

    kind: Literal["distances"] = "distances"
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1, description="pairs of mdtraj selections")

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        found: dict[frozenset, tuple[int, int]] = {}  # each pair once, also where the selections overlap
        for first, second in self.pairs:
            ours, theirs = (select(self.kind, "pairs", topology, text) for text in (first, second))
            for i, j in ((int(i), int(j)) for i in ours for j in theirs if i != j):
                found.setdefault(frozenset((i, j)), (i, j))
        pairs = list(found.values())
        if not pairs:
            raise ThermolatentError("distances.pairs: each selects one and the same atom; write two different ones")
        names = [f"d({atom_label(topology.atom(i))},{atom_label(topology.atom(j))})" for i, j in pairs]
        return atom_distances(topology, np.array(pairs), names)


class EndToEnd(Feature):
    """Distance between the C-alpha atoms of the first and the last residue that has one; of a nucleic acid, the C1' atoms."""

    kind: Literal["end_to_end"] = "end_to_end"

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        ends = [a for a in topology.atoms if a.name == "CA" and _heavy(a) and a.element.symbol == "C"]
        ends = ends if len(ends) > 1 else [a for a in topology.atoms if a.name == "C1'"]
        if len(ends) < 2:
            raise ThermolatentError(
                "end_to_end: the molecule has fewer than two C-alpha or C1' atoms; write {kind: distances, pairs: [...]}"
            )
        return atom_distances(topology, np.array([[ends[0].index, ends[-1].index]]), ["end-to-end distance"])


class Contacts(Feature):
    """Between residues: the distance of their closest heavy atoms, or smooth contacts 1 / (1 + (d / r0)^6) of it."""

    kind: Literal["contacts"] = "contacts"
    form: Literal["distance", "smooth"] = Field("distance", description="nm, or from 0 to 1")
    r0: Reach = Field(0.45, description="nm where a smooth contact is one half")
    min_separation: int = Field(3, ge=1, description="residues")
    residues: str | None = Field(None, description="only among these residues, an mdtraj selection")

    def on(self, topology) -> Columns:
        import mdtraj

        topology = require_molecule(self.kind, topology)
        atoms = select(self.kind, "residues", topology, self.residues or "not water")
        chosen = sorted({topology.atom(i).residue.index for i in atoms if _heavy(topology.atom(i))})
        residues = [topology.residue(i) for i in chosen]
        pairs = [
            (a, b) for i, a in enumerate(residues) for b in residues[i + 1 :] if separation(a, b) >= self.min_separation
        ]
        if not pairs:
            raise ThermolatentError(
                f"contacts.min_separation: none of {len(residues)} residues are {self.min_separation} apart; "
                "write a smaller number"
            )
        heavy = {r.index: sum(map(_heavy, r.atoms)) for r in residues}
        indices = np.array([(a.index, b.index) for a, b in pairs])
        between = between_molecules(topology, np.array([[next(r.atoms).index for r in pair] for pair in pairs]))

        def contacts(trajectory):
            distances = np.empty((len(trajectory), len(indices)), np.float32)
            for chosen, periodic in ((~between, False), (between, True)):
                if chosen.any():
                    distances[:, chosen], _ = mdtraj.compute_contacts(
                        trajectory, indices[chosen], scheme="closest-heavy", periodic=periodic
                    )
            return distances if self.form == "distance" else switched(distances, self.r0)

        letter = "d" if self.form == "distance" else "contact"

        def plumed() -> list[Value]:
            groups = [
                {key: _no_hydrogens(r) for key, r in zip(("GROUPA", "GROUPB"), pair, strict=True)} for pair in pairs
            ]
            found = [of_atoms("DISTANCES", "LOWEST", "lowest", **pair) for pair in groups]
            return found if self.form == "distance" else [plumed_switched(value, self.r0) for value in found]

        names = [f"{letter}({residue_label(a)},{residue_label(b)})" for a, b in pairs]
        values = sum(heavy[i] * heavy[j] for i, j in indices)
        return Columns(names, in_blocks(contacts, topology, values), plumed=plumed, boxed=True)


def _no_hydrogens(residue) -> list[int]:
    """Atoms of a residue that are heavy to mdtraj.compute_contacts."""
    import mdtraj

    return [atom.index for atom in residue.atoms if atom.element != mdtraj.element.hydrogen]


def _heavy(atom) -> bool:
    return atom.element is not None and atom.element.symbol not in ("H", "VS")


def separation(a, b) -> int:
    """Number of residues from a to b in one chain; very large for residues of different chains."""
    return b.index - a.index if a.chain.index == b.chain.index else 10**9
