"""Small molecules without a force field: an alanine dipeptide, a chain of residues, two stacked bases."""

from __future__ import annotations

import functools

import mdtraj
import numpy as np


@functools.cache
def alanine_dipeptide(frames=20, seed=0):
    """(topology, positions ``(frames, 22, 3)`` nm): ACE-ALA-NME, turned at random about its two backbone bonds."""
    from openmmtools.testsystems import AlanineDipeptideVacuum

    made = AlanineDipeptideVacuum()
    topology = mdtraj.Topology.from_openmm(made.topology)
    start = np.array(made.positions._value)
    rng = np.random.default_rng(seed)
    positions = np.stack([turned_at_random(topology, start, rng) for _ in range(frames)])
    return topology, positions.astype(np.float32)


def turned_at_random(topology, positions, rng):
    """``positions`` with the part behind N-CA, then the part behind CA-C of ALA2, turned by random angles."""
    index = {(a.residue.resSeq, a.name): a.index for a in topology.atoms}
    behind_ca = [a.index for a in topology.atoms if a.residue.resSeq == 3 or a.name in ("HA", "CB", "C", "O", *_METHYL)]
    behind_ca = [i for i in behind_ca if topology.atom(i).residue.resSeq >= 2]
    behind_c = [a.index for a in topology.atoms if a.residue.resSeq == 3 or (a.residue.resSeq, a.name) == (2, "O")]
    result = positions.copy()
    for (first, second), moved in ((("N", "CA"), behind_ca), (("CA", "C"), behind_c)):
        origin = result[index[2, first]]
        axis = result[index[2, second]] - origin
        result[moved] = (result[moved] - origin) @ rotation(axis, rng.uniform(-np.pi, np.pi)).T + origin
    return result


_METHYL = ("HB1", "HB2", "HB3")


def rotation(axis, angle):
    """Rotation matrix by Rodrigues' formula."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def chain(residues=8, chains=1):
    """Topology of glycines with N, CA, C, O and one hydrogen each."""
    topology = mdtraj.Topology()
    for _ in range(chains):
        where = topology.add_chain()
        for i in range(residues):
            residue = topology.add_residue("GLY", where, resSeq=i + 1)
            for name in ("N", "CA", "C", "O", "H"):
                topology.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    return topology


#: The six-membered ring, in the order in which it is bonded.
RING = ("N1", "C2", "N3", "C4", "C5", "C6")
RADIUS = 0.137


def bases(letters):
    """Topology of nucleotides that consist of C1' and the base's ring, N9 too where it is a purine."""
    topology = mdtraj.Topology()
    where = topology.add_chain()
    for i, letter in enumerate(letters):
        residue = topology.add_residue(letter, where, resSeq=i + 1)
        for name in ("C1'", *RING, *(["N9"] if letter in "AG" else [])):
            topology.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    return topology


def base(letter, at, turned):
    """Positions of one nucleotide of :func:`bases`: C2 on x, the ring in the xy plane, its z axis up; then turned, moved.

    A purine's ring runs the other way round, since it hangs on C4 and not on N1.
    """
    sense = -1 if letter in "AG" else 1
    angle = sense * (np.arange(6) - 1) * np.pi / 3
    ring = RADIUS * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    others = [[-0.4, 0.1, 0.0]], [[-0.3, 0.1, 0.0]] if letter in "AG" else np.empty((0, 3))
    return np.concatenate([others[0], ring, others[1]]) @ np.asarray(turned).T + at
