"""Disk space for MD, checked before a run."""

from __future__ import annotations

from thermolatent.errors import SimulationError
from thermolatent.files.disk import free_bytes, size_of, size_text
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.base import System

#: A frame of one walker: float32 x, y, z of each atom, the record marks of a DCD file, and four series of float64 at the most.
_ATOM, _FRAME = 12, 24 + 4 * 8


def frame_bytes(system: System) -> int:
    """One frame of one walker."""
    return _ATOM * system.n_particles + 8 * len(system.columns) + _FRAME


def md_bytes(system: System, simulate: Simulate) -> int:
    """Trajectories and energies of one temperature."""
    return simulate.walkers * simulate.frames * frame_bytes(system)


def require_space(system: System, simulate: Simulate, folder: str, temperatures: int = 1) -> None:
    """Raise :class:`SimulationError` if the MD of so many temperatures cannot fit on the disk of ``folder``.

    At the end the MD exists twice, as arrays and as trajectories. Files of an unfinished run are subtracted.
    """
    needed = 2 * temperatures * md_bytes(system, simulate)
    there = size_of(f"{folder}.partial")
    free = free_bytes(folder)
    if needed - there > free:
        raise SimulationError(
            f"{folder}: needs {size_text(needed - there)} of disk, twice {simulate.walkers} walkers x {simulate.frames} frames x "
            f"{system.n_particles} atoms x 12 bytes, and {size_text(free)} are free; free space or lower simulate.frames"
        )
