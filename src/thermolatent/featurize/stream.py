"""Trajectories in chunks: memory does not grow with their length.

The DCD files of this project have records of one size, so a chunk is one read. (mdtraj's reader prints two lines per
file to standard output, and believes a header's frame count even where the file ends early.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError

#: Frames read at once.
CHUNK_FRAMES = 2000
_REMEDY = "delete it and run the stage simulate again"


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

    Nothing else of the file is read. Raises :class:`ArtifactError` if it is missing, cannot be read, or ends before one of them.
    """
    if not Path(path).is_file():
        raise ArtifactError(f"{path}: trajectory is missing; run the stage simulate again")
    with open(path, "rb") as file:
        start, record = _layout(path, file, None)
        whole = (file.seek(0, 2) - start) // record.itemsize
    if len(chosen) and chosen.max() >= whole:
        raise ArtifactError(f"{path}: trajectory has {whole} frames, frame {chosen.max()} is needed; {_REMEDY}")
    records = np.memmap(path, record, "r", start, (whole,))
    return np.stack([records[axis][chosen] for axis in "xyz"], axis=-1) * np.float32(0.1)


def _layout(path: str, file, n_particles: int | None) -> tuple[int, np.dtype]:
    """Offset of the first frame, and the layout of a frame: three blocks of float32, each between its lengths.

    Raises :class:`ArtifactError` if there are not ``n_particles`` particles; None for as many as there are.
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
    fields = [("cell", "V56")] if unit_cell else []
    for axis in "xyz":
        fields += [(f"{axis}_before", "<i4"), (axis, "<f4", (n_particles,)), (f"{axis}_after", "<i4")]
    return start, np.dtype(fields)
