"""An unfinished simulation: raw arrays that only grow, and a checkpoint with the number of valid frames.

A killed job leaves its last checkpoint and possibly some later frames. :meth:`Partial.resume` removes those, so that the
continued run writes them once. Of a finished simulation everything but the positions is kept, for a longer run that continues
it; positions are read back from its trajectories.
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

from thermolatent.errors import ArtifactError, SimulationError
from thermolatent.files.artifacts import allocate, unwritable
from thermolatent.files.dcd import read_trajectories

log = logging.getLogger(__name__)

_CHECKPOINT = "checkpoint"
_POSITIONS = "positions.angstrom"
#: Keys of an identity that depend on the machine. The ensemble does not, but a checkpoint needs the same values.
MACHINE = ("platform", "precision", "openmm")


class Partial:
    """Folder of an unfinished simulation.

    Parameters
    ----------
    folder: where it lies; removed by :meth:`remove` once the trajectories are in place.
    identity: everything that determines the frames (JSON-able). A folder of another identity is discarded; a larger number of
        ``frames`` and other values of :data:`MACHINE` are allowed.
    walkers, particles: shape of one saved frame, ``(walkers, particles, 3)``.
    series: names of the numbers that are saved per walker and frame.
    any_openmm: whether unfinished MD may continue with another version of OpenMM.

    Attributes
    ----------
    made_on: the :data:`MACHINE` part of the identity of the existing frames; versions of OpenMM separated by commas.

    Reading a folder with missing frames raises :class:`SimulationError` on another machine.
    """

    def __init__(
        self,
        folder: str | Path,
        identity: dict[str, Any],
        walkers: int,
        particles: int,
        series: tuple[str, ...] = ("energies",),
        any_openmm: bool = False,
    ):
        self.folder = Path(folder)
        self._identity = json.loads(json.dumps(identity))
        self._any_openmm = any_openmm
        self.made_on = self._here
        self._shape = (walkers, particles, 3)
        self._positions = self.folder / _POSITIONS
        self._series = {name: self.folder / f"{name}.float64" for name in series}

    def resume(self) -> tuple[dict[str, Any], bytes] | None:
        """``(progress, engine's checkpoint)`` of the last checkpoint, or None to start again in an empty folder."""
        found = self._read(self.folder)
        if found is None:
            self.clear()
            return None
        for path, size in self._sizes(found[0]["frames"]).items():
            os.truncate(path, size)
        return found

    @property
    def _here(self) -> dict[str, str]:
        """The part of the identity that depends on this machine."""
        return {key: self._identity[key] for key in MACHINE if key in self._identity}

    def reopen(self, finished: Path, trajectories: list[str]) -> dict[str, Any] | None:
        """Continue the simulation that :meth:`finish` left in ``finished``, unless the folder has an unfinished one.

        Returns the progress if all frames exist, else None.
        """
        self._take_over(finished, trajectories)
        found = self._read(self.folder, quiet=True)
        return found[0] if found and found[0]["frames"] == self._identity["frames"] else None

    def _take_over(self, finished: Path, trajectories: list[str]) -> None:
        if self._read(self.folder, quiet=True) or (found := self._read(finished, without=_POSITIONS)) is None:
            return
        frames, made_on = found[0]["frames"], self.made_on
        self.clear()
        try:
            if frames:
                read_trajectories(trajectories, self._new_positions(frames))
        except ArtifactError as error:
            log.warning("%s, starting again", error)
            self.clear()
            return
        for path in self._series.values():
            shutil.copyfile(finished / path.name, path)
        self.made_on = made_on
        self.checkpoint(*found)
        log.info("%s: going on where the finished run of %d frames ended", self.folder, frames)

    def finish(self, finished: Path) -> None:
        """Leave in ``finished``, which must not exist, what :meth:`reopen` needs."""
        os.replace(self.folder, finished)
        (finished / _POSITIONS).unlink()

    def _read(self, folder: Path, without: str = "", quiet: bool = False) -> tuple[dict[str, Any], bytes] | None:
        """The checkpoint in ``folder``, if it is of this simulation and the arrays (except ``without``) are long enough."""
        warn = log.debug if quiet else log.warning
        try:
            content = (folder / _CHECKPOINT).read_bytes()
            (length,) = struct.unpack_from("<Q", content)
            header, state = json.loads(content[8 : 8 + length]), content[8 + length :]
        except (OSError, ValueError, struct.error):
            return None
        wanted, identity, progress = self._identity, header["identity"], header["progress"]
        changed = sorted(k for k in wanted if identity.get(k) != wanted[k] and k not in ("frames", *MACHINE))
        missing = wanted.get("frames", progress["frames"]) - progress["frames"]
        if changed or missing < 0:
            warn("%s: other %s, starting again", folder, ", ".join(changed) or "frames")
            return None
        for path, size in self._sizes(progress["frames"]).items():
            if path.name != without and self._size(folder / path.name) < size:
                warn("%s: arrays shorter than the checkpoint says, starting again", folder)
                return None
        self.made_on = {key: identity[key] for key in self._here}
        if missing:
            self._go_on_here(folder, progress["frames"])
        return progress, state

    def _go_on_here(self, folder: Path, frames: int) -> None:
        """Raise :class:`SimulationError` if the frames were made on another machine; else record this one."""
        here, there = self._here, self.made_on
        versions = there["openmm"].split(", ") if there else []
        for key in ("platform", "precision"):
            if here and here[key] != there[key]:
                raise SimulationError(
                    f"{folder}: was begun with {key} {there[key]}, here it is {here[key]}; to continue after its {frames} frames "
                    f"write simulate.{key}: {there[key]}, to start again remove this folder"
                )
        if here and here["openmm"] != versions[-1]:
            if not self._any_openmm:
                raise SimulationError(
                    f"{folder}: was begun with OpenMM {versions[-1]}, here is {here['openmm']}; to continue after its {frames} "
                    "frames write simulate.any_openmm: true, to start again remove this folder"
                )
            self.made_on = {**there, "openmm": ", ".join([*versions, here["openmm"]])}

    def _sizes(self, frames: int) -> dict[Path, int]:
        """Bytes of every array."""
        series = {path: frames * 8 * self._columns(name) for name, path in self._series.items()}
        return {self._positions: frames * self._frame_bytes} | series

    def _columns(self, series: str) -> int:
        """Numbers per frame of a series."""
        return self._shape[0]

    @property
    def _frame_bytes(self) -> int:
        return 4 * int(np.prod(self._shape))

    @staticmethod
    def _size(path: Path) -> int:
        return path.stat().st_size if path.is_file() else -1

    def append(self, positions: np.ndarray, series: dict[str, np.ndarray]) -> None:
        """Add frames: positions ``(frames, walkers, particles, 3)`` in nm, and every series ``(frames, walkers)``."""
        angstrom = np.asarray(positions, dtype=np.float32) * np.float32(10.0)
        try:
            with self._positions.open("ab") as file:
                file.write(np.ascontiguousarray(angstrom, dtype="<f4").tobytes())
            for name, path in self._series.items():
                with path.open("ab") as file:
                    file.write(np.ascontiguousarray(series[name], dtype="<f8").tobytes())
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def checkpoint(self, progress: dict[str, Any], state: bytes) -> None:
        """Make everything appended so far valid. ``progress`` holds at least ``frames``."""
        try:
            self._checkpoint(progress, state)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _checkpoint(self, progress: dict[str, Any], state: bytes) -> None:
        for path in (self._positions, *self._series.values()):
            with path.open("ab") as file:
                os.fsync(file.fileno())
        header = json.dumps({"identity": self._identity | self.made_on, "progress": progress}).encode()
        temporary = self.folder / f"{_CHECKPOINT}.new"
        with temporary.open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header + state)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / _CHECKPOINT)

    def positions(self, frames: int) -> np.ndarray:
        """Memory map ``(frames, walkers, particles, 3)``, float32, in angstrom: exactly what a DCD file holds."""
        return np.memmap(self._positions, dtype="<f4", mode="r", shape=(frames, *self._shape))

    def _new_positions(self, frames: int) -> np.ndarray:
        allocate(self._positions, frames * self._frame_bytes)
        return np.memmap(self._positions, dtype="<f4", mode="r+", shape=(frames, *self._shape))

    def series(self, name: str, frames: int) -> np.ndarray:
        """One series ``(walkers, frames)``, float64."""
        found = np.memmap(self._series[name], dtype="<f8", mode="r", shape=(frames, self._columns(name)))
        return np.ascontiguousarray(found.T)

    def clear(self) -> None:
        """Start with an empty folder."""
        self.made_on = self._here
        try:
            self.remove()
            self.folder.mkdir(parents=True)
            for path in (self._positions, *self._series.values()):
                path.touch()
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def remove(self) -> None:
        """Delete the folder, if there is one."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
