"""Nucleic acids: relative positions of the bases (G-vectors and eRMSD), and base pairs.

Bottaro, Di Palma and Bussi, Nucleic Acids Res. 42, 13306 (2014). Each base has a frame in its six-membered ring: the origin
is the mean of C2, C4 and C6, x points to C2, z is normal to the ring, on the same side for purines and pyrimidines. r_jk
is the position of base k in the frame of base j, and r~ = (x / 0.5, y / 0.5, z / 0.3), lengths in nm. With c = 2.4 and
g = pi / c, where |r~| < c, and 0 elsewhere::

    G(r~) = (sin(g |r~|) r~ / |r~|, 1 + cos(g |r~|)) / g,      eRMSD = sqrt[ sum over j != k of |G_jk - G'_jk|^2 / N ]
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Columns, Feature
from thermolatent.featurize.distances import Reach, atom_distances, separation
from thermolatent.featurize.molecular import first_start, in_blocks, require_molecule
from thermolatent.systems.selection import find_residue, residue_label
from thermolatent.systems.topologies import load_native

_SCALE = np.array([0.5, 0.5, 0.3])
CUTOFF = 2.4
#: Watson-Crick pairs by the bases' letters; the hydrogen bond N1-N3 joins purine and pyrimidine.
_COMPLEMENTS = ({"A", "U"}, {"A", "T"}, {"G", "C"})


class GVectors(Feature):
    """The four components of G of every ordered pair of bases."""

    kind: Literal["g_vectors"] = "g_vectors"

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        bases, rings = find_bases(self.kind, topology)
        labels = [residue_label(base) for base in bases]
        pairs = [(i, j) for i in range(len(bases)) for j in range(len(bases)) if i != j]
        names = [f"G{part}({labels[i]},{labels[j]})" for i, j in pairs for part in "xyzw"]

        def vectors(trajectory):
            return _pairs_only(g_vectors(trajectory.xyz, rings)).reshape(len(trajectory.xyz), -1)

        return Columns(names, in_blocks(vectors, topology, 8 * len(bases) ** 2))


class Ermsd(Feature):
    """eRMSD from a structure file or from the study's first start; below about 0.7 two structures share pairs and stacking."""

    kind: Literal["ermsd"] = "ermsd"
    to: str | None = Field(None, description="structure file; default: the first starting structure")

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        bases, rings = find_bases(self.kind, topology)
        target = self._native(bases) if self.to else None
        if not self.to and (start := first_start(topology)) is not None:
            target = g_vectors(start[None], rings)

        def ermsd(trajectory):
            if target is None:
                raise ThermolatentError("ermsd.to: these files have no starting structure; write a PDB file")
            difference = _pairs_only(g_vectors(trajectory.xyz, rings) - target)
            return np.sqrt((difference**2).sum(axis=(1, 2)) / len(bases))[:, None]

        return Columns(["eRMSD"], in_blocks(ermsd, topology, 8 * len(bases) ** 2))

    def _native(self, bases: list) -> np.ndarray:
        """G-vectors of the file's structure, which must have these bases."""
        native = load_native(f"{self.kind}.to", self.to)
        native_bases, native_rings = find_bases(self.kind, native.topology)
        ours, theirs = ("".join(map(base_letter, found)) for found in (bases, native_bases))
        if ours != theirs:
            raise ThermolatentError(
                f"ermsd.to: {self.to} has the bases {theirs}, the system has {ours}; write its structure"
            )
        return g_vectors(native.xyz, native_rings)


class BasePairs(Feature):
    """Watson-Crick pairs by the length of their central hydrogen bond, from N1 of the purine to N3 of the pyrimidine."""

    kind: Literal["base_pairs"] = "base_pairs"
    pairs: tuple[tuple[int | str, int | str], ...] = Field(
        (), description="residues, 4 or A:4 of chain A; default: all that can pair"
    )
    form: Literal["smooth", "distance"] = Field("smooth", description="from 0 to 1, or nm")
    r0: Reach = Field(0.4, description="nm where a smooth pair is one half")
    min_separation: int = Field(4, ge=1, description="residues between the partners of the default pairs")

    def on(self, topology) -> Columns:
        topology = require_molecule(self.kind, topology)
        bases, _ = find_bases(self.kind, topology)
        chosen = self._chosen(bases)
        if not chosen:
            raise ThermolatentError(
                f"base_pairs: none of the bases {''.join(map(base_letter, bases))} can pair {self.min_separation} residues "
                "apart; write a smaller min_separation"
            )
        atoms = np.array([[_pairing_atom(base) for base in pair] for pair in chosen])
        letter = "d" if self.form == "distance" else "pair"
        names = [f"{letter}({residue_label(a)},{residue_label(b)})" for a, b in chosen]
        return atom_distances(topology, atoms, names, None if self.form == "distance" else self.r0)

    def _chosen(self, bases: list) -> list[tuple]:
        if not self.pairs:
            return [
                (a, b)
                for i, a in enumerate(bases)
                for b in bases[i + 1 :]
                if separation(a, b) >= self.min_separation and {base_letter(a), base_letter(b)} in _COMPLEMENTS
            ]
        chosen = [tuple(find_residue("base_pairs.pairs", bases, name) for name in pair) for pair in self.pairs]
        for pair, names in zip(chosen, self.pairs, strict=True):
            letters = [base_letter(base) for base in pair]
            if set(letters) not in _COMPLEMENTS:
                raise ThermolatentError(
                    f"base_pairs.pairs: {names[0]} and {names[1]} are {' and '.join(letters)}, no Watson-Crick pair; remove them"
                )
        return chosen


def find_bases(kind: str, topology) -> tuple[list, np.ndarray]:
    """Residues with a base, and the ring atoms ``(n, 3)`` that span each frame: C2, C4, C6, of a purine C2, C6, C4.

    Raises :class:`ThermolatentError` where there are fewer than two.
    """
    bases, rings = [], []
    for residue in topology.residues:
        atoms = {atom.name: atom.index for atom in residue.atoms}
        if {"C1'", "N1", "C2", "N3", "C4", "C5", "C6"} <= set(atoms):
            bases.append(residue)
            rings.append([atoms[name] for name in (("C2", "C6", "C4") if "N9" in atoms else ("C2", "C4", "C6"))])
    if len(bases) < 2:
        residues = ", ".join(residue_label(r) for r in list(topology.residues)[:6])
        raise ThermolatentError(
            f"{kind}: is for nucleic acids, the system has {len(bases)} bases (residues {residues}, ...); write another feature"
        )
    return bases, np.array(rings)


def g_vectors(positions: np.ndarray, rings: np.ndarray) -> np.ndarray:
    """G of every ordered pair of bases, ``(frames, n, n, 4)`` float64, of positions in nm; the diagonal is undefined."""
    atoms = np.asarray(positions, dtype=np.float64)[:, rings]  # (frames, n, 3, 3)
    origin = atoms.mean(axis=2)
    x = _unit(atoms[:, :, 0] - origin)
    z = _unit(np.cross(x, atoms[:, :, 1] - origin))
    axes = np.stack([x, np.cross(z, x), z], axis=2)
    scaled = np.einsum("fjad,fjkd->fjka", axes, origin[:, None, :] - origin[:, :, None]) / _SCALE
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    g = np.pi / CUTOFF
    # sin(g r) / r, whose limit at 0 is g
    vector = np.concatenate([g * np.sinc(length / CUTOFF) * scaled, 1.0 + np.cos(g * length)], axis=-1) / g
    return np.where(length < CUTOFF, vector, 0.0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _pairs_only(matrix: np.ndarray) -> np.ndarray:
    """``(frames, n, n, 4)`` without its diagonal, ``(frames, n (n - 1), 4)``, row by row."""
    n = matrix.shape[1]
    return matrix[:, ~np.eye(n, dtype=bool)]


def base_letter(residue) -> str:
    """A, C, G, U or T of a residue called G, DG, RG5, GUA, G3 or the like."""
    name = residue.name.upper()
    full = {"ADE": "A", "CYT": "C", "GUA": "G", "URA": "U", "URI": "U", "THY": "T"}
    return full.get(name) or name.lstrip("DR")[:1]


def _pairing_atom(residue) -> int:
    name = "N1" if base_letter(residue) in "AG" else "N3"
    return next(atom.index for atom in residue.atoms if atom.name == name)
