"""The unfinished part of a simulation: raw arrays that only grow, and a checkpoint that says how far they count.

A job killed at any moment leaves the last checkpoint and perhaps some frames after it. :meth:`Partial.resume` cuts
those off, so that the continued run writes them once.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np

log = logging.getLogger(__name__)


class Partial:
    """Folder of an unfinished simulation.

    Parameters
    ----------
    folder: where it lies; removed by :meth:`remove` once the trajectories are in place.
    identity: everything that decides the frames (JSON-able). A folder of another identity is discarded.
    walkers, particles: shape of one saved frame, ``(walkers, particles, 3)``.
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any], walkers: int, particles: int):
        self.folder = Path(folder)
        self._identity = json.loads(json.dumps(identity))
        self._shape = (walkers, particles, 3)
        self._checkpoint = self.folder / "checkpoint"
        self._positions = self.folder / "positions.float32"
        self._energies = self.folder / "energies.float64"

    def resume(self) -> tuple[dict[str, Any], bytes] | None:
        """``(progress, OpenMM checkpoint)`` of the last checkpoint, or None to start afresh in an empty folder."""
        found = self._read()
        if found is None:
            self.clear()
            return None
        progress, state = found
        frames = progress["frames"]
        for path, size in ((self._positions, self._frame_bytes), (self._energies, 8 * self._shape[0])):
            os.truncate(path, frames * size)
        return progress, state

    def _read(self) -> tuple[dict[str, Any], bytes] | None:
        try:
            content = self._checkpoint.read_bytes()
            (length,) = struct.unpack_from("<Q", content)
            header, state = json.loads(content[8 : 8 + length]), content[8 + length :]
        except (OSError, ValueError, struct.error):
            return None
        if header["identity"] != self._identity:
            changed = sorted(k for k in self._identity if header["identity"].get(k) != self._identity[k])
            log.warning("%s: other %s, starting again", self.folder, ", ".join(changed) or "protocol")
            return None
        frames = header["progress"]["frames"]
        if self._size(self._positions) < frames * self._frame_bytes or self._size(self._energies) < (
            frames * 8 * self._shape[0]
        ):
            log.warning("%s: arrays shorter than the checkpoint says, starting again", self.folder)
            return None
        return header["progress"], state

    @property
    def _frame_bytes(self) -> int:
        return 4 * int(np.prod(self._shape))

    @staticmethod
    def _size(path: Path) -> int:
        return path.stat().st_size if path.is_file() else -1

    def append(self, positions: np.ndarray, energies: np.ndarray) -> None:
        """Add frames: positions ``(frames, walkers, particles, 3)`` in nm, energies ``(frames, walkers)`` in kJ/mol."""
        for path, array, kind in ((self._positions, positions, "<f4"), (self._energies, energies, "<f8")):
            with path.open("ab") as file:
                file.write(np.ascontiguousarray(array, dtype=kind).tobytes())

    def checkpoint(self, progress: dict[str, Any], state: bytes) -> None:
        """Make everything appended so far count. ``progress`` holds at least ``frames``."""
        for path in (self._positions, self._energies):
            with path.open("ab") as file:
                os.fsync(file.fileno())
        header = json.dumps({"identity": self._identity, "progress": progress}).encode()
        temporary = self._checkpoint.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header + state)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._checkpoint)

    def positions(self, frames: int) -> np.ndarray:
        """Memory map ``(frames, walkers, particles, 3)`` in nm, float32."""
        return np.memmap(self._positions, dtype="<f4", mode="r", shape=(frames, *self._shape))

    def energies(self, frames: int) -> np.ndarray:
        """Memory map ``(frames, walkers)`` in kJ/mol, float64."""
        return np.memmap(self._energies, dtype="<f8", mode="r", shape=(frames, self._shape[0]))

    def clear(self) -> None:
        """Start with an empty folder."""
        self.remove()
        self.folder.mkdir(parents=True)
        self._positions.touch()
        self._energies.touch()

    def remove(self) -> None:
        """Delete the folder, if there is one."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
