"""DCD trajectories in chunks, so that memory does not grow with their length.

The records of these files have equal size, so a chunk is one read. (mdtraj's reader prints two lines per file to standard
output, and does not notice truncated files.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import replacing
from thermolatent.files.paths import in_ascii

#: AKMA time unit of a DCD header, in ps (CHARMM).
_AKMA = 0.04888821
#: Bytes of positions held in memory at once while the files are written.
_BLOCK_BYTES = 32 * 2**20
#: Frames read at once.
CHUNK_FRAMES = 2000
_REMEDY = "delete it and run the stage simulate again"


@dataclass(frozen=True)
class DcdHeader:
    """What the header of any program's DCD says.

    Attributes
    ----------
    frames: whole ones in the file.
    promised: frames that the header counts; 0 where a writer never came to count them.
    first_step, interval: step of the first frame, and steps from one to the next.
    akma: time step in AKMA units.
    own: whether this project wrote it.
    """

    atoms: int
    frames: int
    promised: int
    first_step: int
    interval: int
    akma: float
    own: bool

    @property
    def time_step(self) -> float:
        """ps per step."""
        return self.akma * _AKMA

    @property
    def times_are_true(self) -> bool:
        """Whether step and time can be believed: other writers than MD programs put 0 and 1 there (mdtraj, VMD, cpptraj,
        MDAnalysis)."""
        return self.akma > 0 and self.first_step > 0 and (self.interval > 1 or (self.own and self.interval == 1))


def read_header(path: str) -> DcdHeader:
    """Header of a DCD file of CHARMM, NAMD, OpenMM or X-PLOR, of either byte order; raises :class:`ArtifactError`."""
    with open(path, "rb") as file:
        head, size = file.read(100), file.seek(0, 2)
        order = next(
            (o for o in "<>" if len(head) == 100 and struct.unpack_from(f"{o}i4s", head) == (84, b"CORD")), None
        )
        if order is None:
            raise ArtifactError(f"{path}: is not a DCD trajectory; write XTC, TRR, DCD or NetCDF")
        promised, first, interval = struct.unpack_from(f"{order}3i", head, 8)
        (fixed,), (charmm,) = (struct.unpack_from(f"{order}i", head, at) for at in (40, 84))
        (akma,) = struct.unpack_from(f"{order}f" if charmm else f"{order}d", head, 44)
        cell, fourth = struct.unpack_from(f"{order}2i", head, 48) if charmm else (0, 0)
        (titles,) = struct.unpack_from(f"{order}i", head, 92)
        file.seek(96)
        own = file.read(titles)[4:].startswith(b"thermolatent".ljust(80))
        file.seek(96 + titles + 4)
        block = file.read(12)
        if len(block) < 12:
            raise ArtifactError(f"{path}: ends within its header; is it cut off?")
        atoms = struct.unpack(f"{order}3i", block)[1]
        start = file.tell() + (4 * (atoms - fixed) + 8 if fixed else 0)
    axes = 3 + (fourth == 1)
    whole, moving = (56 * (cell == 1) + axes * (4 * n + 8) for n in (atoms, atoms - fixed))
    frames = 0 if size - start < whole else 1 + (size - start - whole) // moving
    if frames and (size - start - whole) % moving:
        raise ArtifactError(f"{path}: frame {frames} (from 0) is not whole; is the file cut off?")
    return DcdHeader(atoms, frames, promised, first, interval, akma, own)


def stream_positions(
    path: str, frames: int, n_particles: int, chunk: int = CHUNK_FRAMES, most: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(first frame, positions (chunk, n_particles, 3) in nm, float32)`` of one DCD file, of the first ``most`` frames.

    Raises :class:`ArtifactError` if it is missing, cannot be read, or does not hold exactly ``frames`` frames.
    """
    for first, positions in stream_angstrom(path, frames, n_particles, chunk, most):
        yield first, positions / np.float32(10.0)


def stream_angstrom(
    path: str, frames: int, n_particles: int, chunk: int = CHUNK_FRAMES, most: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """As :func:`stream_positions`, but in angstrom, as the file holds them."""
    if not Path(path).is_file():
        raise ArtifactError(f"{path}: trajectory is missing, {frames} frames are needed; run the stage simulate again")
    with open(path, "rb") as file:
        start, record = _layout(path, file, n_particles)
        size = file.seek(0, 2)
        if size - start != frames * record.itemsize:
            raise ArtifactError(
                f"{path}: trajectory has {max(0, size - start) // record.itemsize} whole frames in {size} bytes, "
                f"must have {frames} in {start + frames * record.itemsize}; {_REMEDY}"
            )
        file.seek(start)
        wanted = frames if most is None else min(most, frames)
        for first in range(0, wanted, chunk):
            records = np.fromfile(file, record, min(chunk, wanted - first))
            yield first, np.stack([records[axis] for axis in "xyz"], axis=-1)


def read_frames(path: str, chosen: np.ndarray) -> np.ndarray:
    """Positions ``(n, n_particles, 3)`` in nm, float32, of the frames ``chosen`` ``(n,)`` of one DCD file.

    Only these frames are read. Raises :class:`ArtifactError` if the file is missing, cannot be read, or has fewer frames.
    """
    records = _records(path)
    if len(chosen) and chosen.max() >= len(records):
        raise ArtifactError(f"{path}: trajectory has {len(records)} frames, frame {chosen.max()} is needed; {_REMEDY}")
    return np.stack([records[axis][chosen] for axis in "xyz"], axis=-1) * np.float32(0.1)


def read_boxes(path: str) -> np.ndarray | None:
    """Box vectors ``(frames, 3, 3)`` in nm of one DCD file; None of a file without unit cells.

    Raises :class:`ArtifactError` if it is missing or cannot be read.
    """
    records = _records(path)
    if "cell" not in records.dtype.names:
        return None
    cell = records["cell"]  # A, cos gamma, B, cos beta, cos alpha, C, lengths in angstrom
    return box_vectors(0.1 * cell[:, [0, 2, 5]], cell[:, [4, 3, 1]])


def box_vectors(lengths: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Box vectors ``(frames, 3, 3)``, one per row and the first along x, from their lengths and the cosines of alpha, beta and
    gamma, each ``(frames, 3)``. (mdtraj's function looks at each frame's angles in Python.)
    """
    a, b, c = np.asarray(lengths, np.float64).T
    cos_alpha, cos_beta, cos_gamma = np.asarray(cosines, np.float64).T
    sin_gamma = np.sqrt(1 - cos_gamma**2)
    cy = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    vectors = np.zeros((len(a), 3, 3), np.float32)
    vectors[:, 0, 0] = a
    vectors[:, 1, :2] = np.stack([b * cos_gamma, b * sin_gamma], axis=1)
    vectors[:, 2] = np.stack([c * cos_beta, c * cy, c * np.sqrt(1 - cos_beta**2 - cy**2)], axis=1)
    return vectors


def _records(path: str) -> np.ndarray:
    """The whole frames of a DCD file, mapped; raises :class:`ArtifactError` if it is missing or cannot be read."""
    if not Path(path).is_file():
        raise ArtifactError(f"{path}: trajectory is missing; run the stage simulate again")
    with open(path, "rb") as file:
        start, record = _layout(path, file, None)
        whole = (file.seek(0, 2) - start) // record.itemsize
    return np.memmap(path, record, "r", start, (whole,)) if whole else np.empty(0, record)


def _layout(path: str, file, n_particles: int | None) -> tuple[int, np.dtype]:
    """Offset of the first frame, and the layout of a frame: three blocks of float32 with their lengths before and after.

    Raises :class:`ArtifactError` unless there are ``n_particles`` particles; None for any number.
    """
    head = file.read(100)
    if len(head) < 100 or struct.unpack_from("<i4s", head) != (84, b"CORD"):
        raise ArtifactError(f"{path}: is not a DCD trajectory; {_REMEDY}")
    (unit_cell,) = struct.unpack_from("<i", head, 48)
    (titles,) = struct.unpack_from("<i", head, 96)
    start = 104 + 80 * titles
    file.seek(start)
    block = file.read(12)
    start += len(block)
    found = struct.unpack("<iii", block)[1] if len(block) == 12 else 0
    if n_particles is None:
        n_particles = found
    if found != n_particles:
        raise ArtifactError(f"{path}: trajectory has {found} particles, must have {n_particles}; {_REMEDY}")
    fields = [("cell_before", "<i4"), ("cell", "<f8", (6,)), ("cell_after", "<i4")] if unit_cell else []
    for axis in "xyz":
        fields += [(f"{axis}_before", "<i4"), (axis, "<f4", (n_particles,)), (f"{axis}_after", "<i4")]
    return start, np.dtype(fields)


def write_trajectories(
    paths: list[str],
    positions: np.ndarray,
    save_every: int,
    time_step: float,
    first_steps: Sequence[int] | None = None,
    cells: np.ndarray | None = None,
) -> None:
    """Write ``positions (frames, walkers, n, 3)`` in angstrom, an array or a memory map, one file per walker.

    ``cells`` are unit cells ``(frames, walkers, 6)``: three lengths in angstrom, three angles in degrees.
    The files appear together under their final names. Time step (ps), save interval and the step of each file's first frame,
    ``save_every`` where nothing is said, go into the headers.
    """
    first_steps = [save_every] * len(paths) if first_steps is None else first_steps
    from mdtraj.formats import DCDTrajectoryFile

    frames, walkers, n_particles, _ = positions.shape
    block = max(1, _BLOCK_BYTES // (4 * int(np.prod(positions.shape[1:]))))
    with ExitStack() as renames:
        temporaries = [renames.enter_context(replacing(path)) for path in paths]
        for path, first in zip(
            temporaries, first_steps, strict=True
        ):  # mdtraj writes the header, and one frame after another: ten times as slow as records
            with in_ascii(path) as name, DCDTrajectoryFile(name, "w", True) as file:
                cell = () if cells is None else (np.ones((1, 3), np.float32), np.full((1, 3), 90, np.float32))
                file.write(np.zeros((1, n_particles, 3), np.float32), *cell)
            _write_header(path, first, save_every, time_step, frames)
        with ExitStack() as closing:
            files = [closing.enter_context(path.open("r+b")) for path in temporaries]
            start, record = _layout(str(temporaries[0]), files[0], n_particles)
            for file in files:
                file.seek(start)
            for first in range(0, frames, block):
                chunk = np.asarray(positions[first : first + block], dtype=np.float32)
                for walker in range(walkers):
                    cell = None if cells is None else cells[first : first + block, walker]
                    _in_records(chunk[:, walker], cell, record).tofile(files[walker])


def _in_records(positions: np.ndarray, cells: np.ndarray | None, record: np.dtype) -> np.ndarray:
    """Frames as they lie in the file."""
    records = np.empty(len(positions), record)
    for axis, values in zip("xyz", positions.transpose(2, 0, 1), strict=True):
        records[axis] = values
        records[f"{axis}_before"] = records[f"{axis}_after"] = 4 * positions.shape[1]
    if cells is not None:
        cells = np.asarray(cells, np.float64)
        cosines = np.sin(np.radians(90.0 - cells[:, 3:]))  # of 90 degrees exactly 0
        a, b, c, alpha, beta, gamma = (*cells[:, :3].T, *cosines.T)
        records["cell"] = np.stack([a, gamma, b, beta, alpha, c], axis=1)
        records["cell_before"] = records["cell_after"] = 48
    return records


def read_trajectories(paths: list[str], positions: np.ndarray) -> None:
    """Fill ``positions (frames, walkers, n, 3)``, in angstrom, from files of :func:`write_trajectories`.

    Raises :class:`ArtifactError` for a file that is missing, cut off, or of another number of frames.
    """
    for walker, path in enumerate(paths):
        for first, chunk in stream_angstrom(path, len(positions), positions.shape[2]):
            positions[first : first + len(chunk), walker] = chunk


def _write_header(path: Path, first_step: int, save_every: int, time_step: float, frames: int) -> None:
    """Write times and the number of frames into a DCD header."""
    fix_title(path)
    with path.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<4i", frames, first_step, save_every, frames))  # first saved step, steps between frames
        file.seek(44)
        file.write(struct.pack("<f", time_step / _AKMA))


def fix_title(path: Path) -> None:
    """Replace the title by mdtraj, which has the date, by a fixed one: equal runs give equal bytes."""
    with path.open("r+b") as file:
        head = file.read(100)
        length, magic = struct.unpack_from("<i4s", head)
        (titles,) = struct.unpack_from("<i", head, 96)
        if length != 84 or magic != b"CORD":
            raise ValueError(f"{path}: not the DCD header that mdtraj writes")
        file.seek(100)
        file.write(b"".join(line.ljust(80) for line in [b"thermolatent", *[b""] * (titles - 1)]))
