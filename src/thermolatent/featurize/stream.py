"""Trajectories in chunks: memory does not grow with their length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError

#: Frames read at once.
CHUNK_FRAMES = 2000
_REMEDY = "delete it and run the stage simulate again"


def stream_positions(
    path: str, frames: int, n_particles: int, chunk: int = CHUNK_FRAMES
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(first frame, positions (chunk, n_particles, 3) in nm)`` of one DCD file.

    Raises :class:`ArtifactError` if it is missing, cannot be read, or does not hold exactly ``frames`` frames.
    """
    from mdtraj.formats import DCDTrajectoryFile

    if not Path(path).is_file():
        raise ArtifactError(f"{path}: trajectory is missing, {frames} frames are needed; run the stage simulate again")
    try:
        with DCDTrajectoryFile(path, "r") as file:
            _check_count(path, _frames_in(path, n_particles), frames)
            done = 0
            while done < frames:
                xyz = file.read(min(chunk, frames - done))[0]
                if len(xyz) == 0:
                    break
                if xyz.shape[1] != n_particles:
                    raise ArtifactError(f"{path}: has {xyz.shape[1]} particles, must have {n_particles}; {_REMEDY}")
                yield done, xyz / np.float32(10.0)
                done += len(xyz)
            _check_count(path, done, frames)
    except (OSError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{path}: trajectory cannot be read ({error}), {frames} frames needed; {_REMEDY}") from error


def _frames_in(path: str, n_particles: int) -> int:
    """Whole frames by file size: the header's own count survives a truncation, and readers believe it."""
    import struct

    with open(path, "rb") as file:
        head = file.read(100)
        if len(head) < 100:
            return 0
        (titles,) = struct.unpack_from("<i", head, 96)
        header = 100 + 80 * titles + 4 + 12
        size = file.seek(0, 2)
    (unit_cell,) = struct.unpack_from("<i", head, 48)
    frame = 3 * (4 * n_particles + 8) + (56 if unit_cell else 0)
    return max(0, (size - header) // frame)


def _check_count(path: str, found: int, needed: int) -> None:
    if found != needed:
        raise ArtifactError(f"{path}: trajectory has {found} frames, must have {needed}; {_REMEDY}")
