"""One ordinary DCD file per walker, as VMD, MDAnalysis and mdtraj read it."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from thermolatent.artifacts import replacing
from thermolatent.featurize.stream import stream_angstrom

#: AKMA time unit of a DCD header, in ps (CHARMM).
_AKMA = 0.04888821
#: Bytes of positions held in memory at once while the files are written.
_BLOCK_BYTES = 32 * 2**20


def write_trajectories(paths: list[str], positions: np.ndarray, save_every: int, time_step: float) -> None:
    """Write ``positions (frames, walkers, n, 3)`` in angstrom, an array or a memory map, one file per walker.

    The files appear together under their final names. Time step (ps) and save interval go into the headers.
    """
    from mdtraj.formats import DCDTrajectoryFile

    block = max(1, _BLOCK_BYTES // (4 * int(np.prod(positions.shape[1:]))))
    with ExitStack() as renames:
        temporaries = [renames.enter_context(replacing(path)) for path in paths]
        with ExitStack() as closing:
            files = [closing.enter_context(DCDTrajectoryFile(str(path), "w", True)) for path in temporaries]
            for first in range(0, len(positions), block):
                chunk = np.asarray(positions[first : first + block], dtype=np.float32)
                for walker, file in enumerate(files):
                    file.write(np.ascontiguousarray(chunk[:, walker]))
        for path in temporaries:
            _write_header(path, save_every, time_step)


def read_trajectories(paths: list[str], positions: np.ndarray) -> None:
    """Fill ``positions (frames, walkers, n, 3)``, in angstrom, with what :func:`write_trajectories` wrote.

    Raises :class:`ArtifactError` for a file that is missing, cut off, or of another number of frames.
    """
    for walker, path in enumerate(paths):
        for first, chunk in stream_angstrom(path, len(positions), positions.shape[2]):
            positions[first : first + len(chunk), walker] = chunk


def _write_header(path: Path, save_every: int, time_step: float) -> None:
    """Put times into a DCD header."""
    fix_title(path)
    with path.open("r+b") as file:
        file.seek(12)
        file.write(struct.pack("<ii", save_every, save_every))  # first saved step, steps between frames
        file.seek(44)
        file.write(struct.pack("<f", time_step / _AKMA))


def fix_title(path: Path) -> None:
    """Put a fixed title in place of the one that mdtraj writes, which holds the date: same run, same bytes."""
    with path.open("r+b") as file:
        head = file.read(100)
        length, magic = struct.unpack_from("<i4s", head)
        (titles,) = struct.unpack_from("<i", head, 96)
        if length != 84 or magic != b"CORD":
            raise ValueError(f"{path}: not the DCD header that mdtraj writes")
        file.seek(100)
        file.write(b"".join(line.ljust(80) for line in [b"thermolatent", *[b""] * (titles - 1)]))
