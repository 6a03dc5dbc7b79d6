"""Medoid structures for the report's viewer: atoms, bonds, and superposed positions at every temperature."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.report.packing import packed
from thermolatent.systems.bonds import alpha_carbon_bonds, bonds_by_distance

#: The remark of each structure, written by ``generate``.
_REMARK = re.compile(r"^REMARK +1 MODEL (\d+): (.*), POPULATION ([0-9.]+), FRAME FROM T = (\S+)$", re.MULTILINE)
#: Positions are integers in units of this, nm.
RESOLUTION = 0.001


class Medoid(NamedTuple):
    """One structure: state, population, temperature of its MD, and positions ``(n_atoms, 3)``, nm."""

    state: str
    population: float
    origin: str
    positions: np.ndarray


def read_text(path: str) -> str:
    """A ``T*.medoids.pdb``; raises :class:`ArtifactError`."""
    try:
        return Path(path).read_text()
    except OSError as error:
        raise ArtifactError(f"{path}: medoids are missing; run the stage generate") from error


def read_medoids(path: str) -> tuple[Any, list[Medoid]]:
    """Topology (mdtraj's) and structures of a ``T*.medoids.pdb``; raises :class:`ArtifactError`."""
    import mdtraj

    remarks = _REMARK.findall(read_text(path))
    try:
        trajectory = mdtraj.load_pdb(path, standard_names=False)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: medoids cannot be read ({error}); delete it and run generate again") from error
    if len(remarks) != trajectory.n_frames:
        raise ArtifactError(
            f"{path}: has {trajectory.n_frames} structures, {len(remarks)} of them with a remark; "
            "delete it and run generate again"
        )
    found = [
        Medoid(state, float(share), origin, xyz)
        for (_, state, share, origin), xyz in zip(remarks, trajectory.xyz, strict=True)
    ]
    return trajectory.topology, found


def superposed(positions: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """``positions`` ``(n_atoms, 3)`` superposed on ``reference`` by least squares, centred at the origin."""
    from scipy.spatial.transform import Rotation

    centred, target = positions - positions.mean(axis=0), reference - reference.mean(axis=0)
    with warnings.catch_warnings(action="ignore"):  # of collinear atoms, whose rotation is not unique
        return Rotation.align_vectors(target, centred)[0].apply(centred)


def along_axes(positions: np.ndarray) -> np.ndarray:
    """``positions`` ``(n_atoms, 3)`` rotated to have the largest extent along x and the smallest along z, the viewer's depth."""
    centred = positions - positions.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=True)[2]
    axes[2] *= np.linalg.det(axes)  # no mirror image
    return centred @ axes.T


def molecule(molecular: bool, files: Mapping[float, str]) -> dict[str, Any]:
    """Data of all structures: ``elements``, ``bonds`` (none in a model system), and for a model system ``radius`` of a
    particle in nm, half of the smallest distance."""
    topology, medoids = read_medoids(next(iter(files.values())))
    symbols, at = [atom.element.symbol for atom in topology.atoms], medoids[0].positions
    if molecular:
        bonds = [*bonds_by_distance(symbols, at).tolist(), *alpha_carbon_bonds(topology, at)]
        return {"elements": symbols, "bonds": bonds, "radius": None}
    apart = np.linalg.norm(at[:, None] - at[None], axis=-1)[np.triu_indices(len(at), 1)]
    return {"elements": symbols, "bonds": [], "radius": float(apart.min()) / 2 if len(apart) else 0.1}


def structures(molecular: bool, files: Mapping[float, str]) -> dict[str, Any]:
    """Superposed structures of one model and seed at every temperature of the study.

    Returns ``frames``, ``{T, state, population, origin}`` of each, and ``positions`` ``(frames, n_atoms, 3)``, packed, in
    units of :data:`RESOLUTION`.
    """
    frames, positions = [], []
    for T, path in files.items():
        for medoid in read_medoids(path)[1]:
            about = {"state": medoid.state, "population": medoid.population, "origin": medoid.origin}
            frames.append({"T": T, **about})
            positions.append(medoid.positions)
    if len(positions[0]) > 1:
        reference = along_axes(positions[0]) if molecular else positions[0]
        positions = [superposed(p, reference) for p in positions]
    counts = np.rint(np.stack(positions) / RESOLUTION)
    if np.abs(counts).max() > np.iinfo(np.int16).max:
        raise ArtifactError(f"{next(iter(files.values()))}: is wider than 65 nm")
    return {"frames": frames, "positions": packed(counts.astype(np.int16))}
