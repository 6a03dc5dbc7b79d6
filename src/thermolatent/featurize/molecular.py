"""Common parts of the features of molecules: topology, distances between molecules, native structures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.systems.bonds import molecules_of
from thermolatent.systems.selection import atom_label

if TYPE_CHECKING:
    import mdtraj

    from thermolatent.featurize.base import Particles

#: float32 values that a feature holds for one block of frames, at the most: 64 MB.
_BLOCK_VALUES = 2**24


def require_molecule(kind: str, topology: Particles | mdtraj.Topology) -> mdtraj.Topology:
    """The topology; raises :class:`ThermolatentError` for a model system, which has bare particles."""
    if not hasattr(topology, "residues"):
        raise ThermolatentError(
            f"{kind}: is for molecules, the system has bare particles ({topology.n_atoms}); write another feature"
        )
    return topology


def in_blocks(
    compute: Callable[[mdtraj.Trajectory], np.ndarray], topology: mdtraj.Topology, values_per_frame: int = 1
) -> Callable[..., np.ndarray]:
    """Columns ``(frames, n)`` of positions, and of boxes where there are any, from a function of an mdtraj Trajectory, in
    blocks that bound its memory."""
    import mdtraj

    block = max(1, _BLOCK_VALUES // max(1, values_per_frame))

    def columns(positions: np.ndarray, boxes: np.ndarray | None = None) -> np.ndarray:
        positions, parts = np.asarray(positions, dtype=np.float32), []
        for first in range(0, max(1, len(positions)), block):
            frames = mdtraj.Trajectory(positions[first : first + block], topology)
            if boxes is not None:
                frames.unitcell_vectors = boxes[first : first + block]
            parts.append(compute(frames))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return columns


def between_molecules(topology: mdtraj.Topology, pairs: np.ndarray) -> np.ndarray:
    """Whether the atoms of each pair ``(n, 2)`` are in different molecules, ``(n,)`` bool."""
    molecules = getattr(topology, "molecules", None)
    molecules = molecules_of(topology) if molecules is None else np.asarray(molecules)
    return molecules[pairs[:, 0]] != molecules[pairs[:, 1]]


def pair_distances(trajectory: mdtraj.Trajectory, pairs: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Distances ``(frames, n)`` in nm of pairs of atoms: direct within a molecule, to the nearest image ``between`` molecules."""
    import mdtraj

    distances = mdtraj.compute_distances(trajectory, pairs, periodic=False)
    if between.any() and trajectory.unitcell_vectors is not None:
        distances[:, between] = mdtraj.compute_distances(trajectory, pairs[between], periodic=True)
    return distances


def first_start(topology: mdtraj.Topology) -> np.ndarray | None:
    """The study's first starting structure ``(n_atoms, 3)`` in nm, known once MD has been run: see featurize/stage.py."""
    return getattr(topology, "start", None)


def matching_atoms(
    kind: str, native: mdtraj.Topology, native_atoms: Iterable[int], own: mdtraj.Topology, atoms
) -> None:
    """Raise :class:`ThermolatentError` unless the two lists of atoms have the same names in the same order."""
    theirs = [native.atom(int(i)) for i in native_atoms]
    ours = [own.atom(int(i)) for i in atoms]
    for a, b in zip(ours, theirs, strict=False):
        if a.name != b.name:
            raise ThermolatentError(
                f"{kind}.to: its atom {atom_label(b)} stands where the system has {atom_label(a)}; "
                f"write a structure of this molecule, or {kind}.atoms that both have in one order"
            )
    if len(theirs) != len(ours):
        raise ThermolatentError(
            f"{kind}.to: it has {len(theirs)} of the atoms, the system has {len(ours)}; write a structure of this molecule, "
            f"or {kind}.atoms that both have"
        )
