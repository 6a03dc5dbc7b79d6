"""Frames of existing MD: each is checked, and its molecules are made whole and placed next to each other.

Molecules cut by the periodic box are made whole along bonds. Several molecules are joined along the shortest distances between
their atoms (the minimum spanning tree of the nearest images), not by their centres. Waters and single atoms are not moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import mdtraj
import numpy as np
from mdtraj.geometry.distance import compute_distances_core

from thermolatent.errors import ArtifactError
from thermolatent.files.dcd import box_vectors
from thermolatent.systems.bonds import molecules_of
from thermolatent.systems.selection import atom_label

#: Maximum length (nm) of a bond, and of one between the beads of a chain of C-alpha atoms.
_LONGEST, _LONGEST_OF_BEADS = 0.4, 0.6
#: Minimum length (nm) of a bond.
_SHORTEST = 0.03
#: Coordinates (nm) that single precision resolves no better than 0.001 nm.
_FARTHEST = 1e4
#: Share of broken bonds above which the periodic box is not the reason.
_MOST = 0.5
#: Maximum number of molecules that are joined; more are a membrane or a mixture.
_MOST_JOINED = 12
#: Maximum number of distances in memory.
_DISTANCES = 2**22


@dataclass(frozen=True)
class Molecules:
    """Molecules of the atoms that are read.

    Attributes
    ----------
    bonds: ``(bonds, 2)``.
    longest: ``(bonds,)`` nm above which a bond is broken.
    layers: bonds ``(n, 2)`` along which molecules are made whole; the first atoms of a layer stand in the layers before.
    joined: atoms of each molecule that is joined; none if there are more than twelve.
    nearest: its heavy atoms.
    labels: of the atoms.
    """

    bonds: np.ndarray
    longest: np.ndarray
    layers: list[np.ndarray]
    joined: list[np.ndarray]
    nearest: list[np.ndarray]
    labels: list[str]

    @classmethod
    def of(cls, topology: mdtraj.Topology, reduced: bool) -> Molecules:
        """Molecules of a topology; lengths of bonds are unknown in ``reduced`` units."""
        atoms, number = list(topology.atoms), molecules_of(topology)
        pairs = [(a.index, b.index) for a, b in topology.bonds if "VS" not in (a.element.symbol, b.element.symbol)]
        bonds = np.array(pairs, int).reshape(-1, 2)
        beads = np.array([{atoms[i].name for i in bond} == {"CA"} for bond in bonds], bool)
        members = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
        joined = [m for m in members if len(m) > 1 and not atoms[m[0]].residue.is_water]
        joined = joined if len(joined) <= _MOST_JOINED else []
        hydrogen = np.array([atom.element.symbol == "H" for atom in atoms])
        return cls(
            bonds,
            longest=np.where(beads, _LONGEST_OF_BEADS, np.inf if reduced else _LONGEST),
            layers=_layers(bonds, len(atoms)),
            joined=joined,
            nearest=[heavy if len(heavy := m[~hydrogen[m]]) else m for m in joined],
            labels=[atom_label(atom) for atom in atoms],
        )


def _layers(bonds: np.ndarray, n_atoms: int) -> list[np.ndarray]:
    """Bonds of a tree in each molecule, by their number of bonds from its first atom."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    # one search for all molecules: from a node that is bonded to the first atom of each
    graph = coo_array((np.ones(len(bonds)), bonds.T), (n_atoms, n_atoms))
    firsts = np.unique(connected_components(graph, directed=False)[1], return_index=True)[1]
    edges = np.concatenate([bonds, np.stack([np.full(len(firsts), n_atoms), firsts], axis=1)])
    graph = coo_array((np.ones(len(edges)), edges.T), (n_atoms + 1, n_atoms + 1)).tocsr()
    order, before = breadth_first_order(graph, n_atoms, directed=False)
    depth, layers = np.zeros(n_atoms + 1, int), {}
    for atom in order[1:]:
        depth[atom] = depth[before[atom]] + 1
        layers.setdefault(depth[atom], []).append((before[atom], atom))
    return [np.array(layers[k]) for k in sorted(layers)[1:]]


def check_frames(
    molecules: Molecules, path: str, first: int, part: mdtraj.Trajectory, stride: int = 1
) -> mdtraj.Trajectory:
    """The frames with whole and joined molecules, changed in place.

    They are number ``first``, ``first + stride``, ... of the file.
    Raises :class:`ArtifactError` that names the file, the frame and the atoms: coordinates that are not finite, all the same
    or too large, and bonds that are broken although the box was removed.
    """
    number = first + stride * np.arange(len(part))
    _check_numbers(path, number, part.xyz)
    boxes = _boxes(path, number, part)
    lengths = _lengths(molecules, part.xyz)
    if boxes is not None and len(cut := np.flatnonzero((lengths > molecules.longest).any(axis=1))):
        part.xyz[cut] = _made_whole(molecules, part.xyz[cut], boxes[cut])
        lengths[cut] = _lengths(molecules, part.xyz[cut])
    if (broken := lengths > molecules.longest).any():
        frame = int(np.argmax(broken.any(axis=1)))
        _refuse_broken(molecules, path, number[frame], lengths[frame], boxes is not None)
    if np.isfinite(molecules.longest).all() and (lengths < _SHORTEST).any():
        frame, bond = np.argwhere(lengths < _SHORTEST)[0]
        one, other = (molecules.labels[i] for i in molecules.bonds[bond])
        raise ArtifactError(
            f"{path}: frame {number[frame]} (from 0): {one} and {other} lie on each other; leave this frame out"
        )
    if boxes is not None and len(molecules.joined) > 1:
        _join(molecules, part.xyz, boxes)
    return part


def _boxes(path: str, number: np.ndarray, part: mdtraj.Trajectory) -> np.ndarray | None:
    """Box vectors ``(frames, 3, 3)``, which all frames or none must have; cells without a volume are removed."""
    if part.unitcell_lengths is None:
        return None
    has = (part.unitcell_lengths > 0).all(axis=1) & (part.unitcell_angles > 0).all(axis=1)
    if has.any() and not has.all():
        raise ArtifactError(
            f"{path}: frame {number[np.argmin(has)]} (from 0): has no unit cell, others have; leave this frame out"
        )
    if not has.any():
        part.unitcell_lengths = part.unitcell_angles = None
        return None
    return box_vectors(part.unitcell_lengths, np.cos(np.radians(part.unitcell_angles)))


def _lengths(molecules: Molecules, xyz: np.ndarray) -> np.ndarray:
    return compute_distances_core(xyz, molecules.bonds, periodic=False)


def _check_numbers(path: str, number: np.ndarray, xyz: np.ndarray) -> None:
    low, high = xyz.min(axis=(1, 2)), xyz.max(axis=(1, 2))  # NaN where any coordinate is
    wrong = ~((low > -_FARTHEST) & (high < _FARTHEST))
    same = (low == high) if xyz.shape[1] > 1 else np.zeros(len(xyz), bool)
    if not (wrong | same).any():
        return
    frame = int(np.argmax(wrong | same))
    if same[frame]:
        what = f"all coordinates are {low[frame]:g}"
    elif np.isfinite(xyz[frame]).all():
        what = f"a coordinate is {max(-low[frame], high[frame]):.3g} nm; the simulation has exploded, or the file is damaged"
    else:
        what = "its positions are not finite numbers"
    raise ArtifactError(f"{path}: frame {number[frame]} (from 0): {what}; leave this frame out")


def _refuse_broken(molecules: Molecules, path: str, frame: int, lengths: np.ndarray, has_box: bool) -> None:
    bond = int(np.argmax(lengths / molecules.longest))
    one, other = (molecules.labels[i] for i in molecules.bonds[bond])
    where = f"{path}: frame {frame} (from 0): its bond {one} to {other} is {lengths[bond]:.2f} nm long"
    most = (lengths > molecules.longest).mean() > _MOST
    if most or has_box:
        raise ArtifactError(
            f"{where}, {'as most are' if most else 'also after the periodic box is undone'}, so system.topology is of another "
            "molecule or has its atoms in another order, or the frame has exploded or is damaged; write the topology of these "
            "files, or leave this frame out"
        )
    raise ArtifactError(
        f"{where}, so the periodic box has cut the molecule, and the file does not say the box; write it with whole "
        "molecules (gmx trjconv -pbc whole; cpptraj: unwrap), or with its unit cells"
    )


def _made_whole(molecules: Molecules, xyz: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Positions with each atom at the image nearest to its bonded neighbour."""
    images = np.zeros(xyz.shape, np.float32)
    inverse = np.linalg.inv(boxes)
    for before, atoms in (layer.T for layer in molecules.layers):
        images[:, atoms] = images[:, before] - np.round((xyz[:, atoms] - xyz[:, before]) @ inverse)
    return xyz + images @ boxes


def _join(molecules: Molecules, xyz: np.ndarray, boxes: np.ndarray) -> None:
    """Move molecules, in place, to the images nearest to those already joined, nearest first (Prim's algorithm)."""
    count, frames = len(molecules.joined), np.arange(len(xyz))
    distance = np.full((len(xyz), count, count), np.inf, np.float32)
    shift = np.zeros((len(xyz), count, count, 3), np.float32)
    for i in range(count):
        for j in range(i + 1, count):
            distance[:, i, j], shift[:, i, j] = _nearest_image(xyz, boxes, molecules.nearest[i], molecules.nearest[j])
            distance[:, j, i], shift[:, j, i] = distance[:, i, j], -shift[:, i, j]
    largest = int(np.argmax([len(atoms) for atoms in molecules.joined]))
    done, moved = np.zeros((len(xyz), count), bool), np.zeros((len(xyz), count, 3), np.float32)
    done[:, largest] = True
    for _ in range(count - 1):
        open_pairs = np.where(done[:, :, None] & ~done[:, None, :], distance, np.inf).reshape(len(xyz), -1)
        i, j = np.divmod(open_pairs.argmin(axis=1), count)
        moved[frames, j] = moved[frames, i] + shift[frames, i, j]
        done[frames, j] = True
    for atoms, move in zip(molecules.joined, moved.swapaxes(0, 1), strict=True):
        xyz[:, atoms] += move[:, None]


def _nearest_image(
    xyz: np.ndarray, boxes: np.ndarray, ones: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least distance ``(frames,)`` between atoms of two molecules over all images, and the shift ``(frames, 3)`` of the second
    molecule to that image."""
    pairs = np.stack(np.meshgrid(ones, others, indexing="ij"), axis=-1).reshape(-1, 2)
    block = max(1, _DISTANCES // len(pairs))
    chosen = [
        compute_distances_core(xyz[i : i + block], pairs, boxes[i : i + block], periodic=True).argmin(axis=1)
        for i in range(0, len(xyz), block)
    ]
    one, other = pairs[np.concatenate(chosen)].T
    frames = np.arange(len(xyz))
    apart = (xyz[frames, other] - xyz[frames, one])[:, None]
    # exact for distances below half of the smallest width of the box
    move = -np.round(apart @ np.linalg.inv(boxes)) @ boxes
    return np.linalg.norm(apart + move, axis=-1)[:, 0], move[:, 0]
