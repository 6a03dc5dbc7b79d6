"""Composition of a molecule, and its known structures in the fixed plane, for proposals."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.featurize.base import Particles, columns_on
from thermolatent.featurize.kinds import FEATURES
from thermolatent.parsing import parse_one
from thermolatent.simulate.topology import write_topology
from thermolatent.systems.base import System
from thermolatent.systems.topologies import load_topology


@dataclass(frozen=True)
class Composition:
    """Numbers of amino acids and nucleotides, of all residues, and of the atoms that are saved."""

    amino_acids: int
    nucleotides: int
    residues: int
    atoms: int


def compose(system: System) -> Composition:
    """Composition of the saved atoms of a molecule, which is built; errors as in building."""
    amino_acids = nucleotides = residues = atoms = 0
    for residue in system.topology().residues():
        names = {atom.name for atom in residue.atoms()}
        amino_acids += {"N", "CA", "C"} <= names
        nucleotides += {"C1'", "C4'"} <= names
        residues, atoms = residues + 1, atoms + len(names)
    return Composition(amino_acids, nucleotides, residues, atoms)


def in_plane(system: System, plane: list[Any], positions: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Named points ``(2,)`` of the fixed plane: of the system's starts, or of ``positions (n, n_particles, 3)`` in nm."""
    features = [parse_one("feature", FEATURES, value) for value in plane]
    starts = (
        system.starts() if positions is None else dict(zip(map(str, range(len(positions))), positions, strict=True))
    )
    topology: Any = Particles(system.n_particles)
    if system.molecular:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "topology.pdb")
            write_topology(system, path)
            topology = load_topology(path)
    points = columns_on(features, topology).compute(np.stack(list(starts.values())).astype(np.float32))
    return dict(zip(starts, points, strict=True))


def sampled(system: System, most: int = 500) -> np.ndarray:
    """Frames ``(n, n_particles, 3)`` in nm of existing trajectories, the same number from every file."""
    from thermolatent.simulate.importing import sampled_positions

    share = max(2, most // sum(map(len, system.files.values())))
    return np.concatenate([sampled_positions(system, T, share) for T in system.files])


def clusters(points: Mapping[str, np.ndarray], most: int = 3) -> np.ndarray:
    """Centres ``(k, 2)`` of k-means on points of the plane, the most populated first; at most ``most``."""
    from scipy.cluster.vq import kmeans2

    values = np.stack(list(points.values())).astype(float)
    scale = np.where(values.std(0) > 0, values.std(0), 1.0)
    centres, labels = kmeans2(values / scale, most, minit="++", seed=0, missing="warn")
    count = np.bincount(labels, minlength=most)
    return (centres * scale)[np.argsort(-count)][: int((count > 0).sum())]
