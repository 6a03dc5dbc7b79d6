"""Composition of a molecule, and its known structures in the fixed plane, for proposals."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.featurize.base import columns_on, without_topology
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
    topology: Any = without_topology(system)
    if topology is None:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "topology.pdb")
            write_topology(system, path)
            topology = load_topology(path)
    points = columns_on(features, topology).compute(np.stack(list(starts.values())).astype(np.float32))
    return dict(zip(starts, points, strict=True))


def sampled(system: System, most: int = 500) -> np.ndarray:
    """Frames ``(n, n_particles, 3)`` in nm, or columns ``(n, m)``, of existing MD, the same number from every file."""
    share = max(2, most // sum(map(len, system.files.values())))
    if system.columns:
        from thermolatent.imported.angles import columns_of
        from thermolatent.imported.tables import read_table

        paths = [path for T in system.files for path in system.at(T)]
        every = (columns_of(read_table(p, *system.columns), system.columns, system.periodic) for p in paths)
        return np.concatenate([c[np.linspace(0, len(c) - 1, share).astype(int)] for c in every])
    from thermolatent.simulate.importing import sampled_positions

    return np.concatenate([sampled_positions(system, T, share) for T in system.files])


def clusters(points: Mapping[str, np.ndarray], periodic: Sequence[bool] = (False, False), most: int = 3) -> np.ndarray:
    """Centres ``(k, 2)`` of k-means on points of the plane, the most populated first; at most ``most``.

    ``periodic``: which columns are angles in radians, whose distances are those on the circle.
    """
    from scipy.cluster.vq import kmeans2

    values, angle = np.stack(list(points.values())).astype(complex), np.array(periodic)
    values[:, angle] = np.exp(1j * values[:, angle])
    scale = np.where(values.std(0) > 0, values.std(0), 1.0)
    scaled = (values / scale).view(float)
    _, labels = kmeans2(scaled, most, minit="++", seed=0, missing="warn")
    count = np.bincount(labels, minlength=most)
    centres = [values[labels == k].mean(axis=0) for k in np.argsort(-count) if count[k]]
    return np.where(angle, np.angle(centres), np.real(centres))
