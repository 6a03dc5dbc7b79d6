"""What the files of existing MD hold: all that is known before positions are read.

``thermolatent check`` and the import ask the same functions; the import reads and checks every frame besides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import mdtraj
import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.paths import in_ascii
from thermolatent.simulate.imported_energies import energy_rows, log_weight_rows
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.trajectories import Trajectories

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """The files of one temperature.

    Attributes
    ----------
    totals: frames in each file.
    blocks: ``(file, first frame)`` of each walker, of the frames used.
    energies: ``(walkers, frames)`` kJ/mol; NaN where there are none, or none yet.
    log_weights: bias / kT of biased MD, the largest being 0, ``(walkers, frames)``; None of MD without a bias.
    """

    totals: list[int]
    blocks: list[tuple[int, int]]
    energies: np.ndarray
    log_weights: np.ndarray | None

    @classmethod
    def of(cls, system: Trajectories, simulate: Simulate, temperature: float) -> Contents:
        """Read the headers of trajectories and all energies and weights.

        Raises :class:`ThermolatentError` for files that do not fit together, or hold too few frames.
        """
        paths = system.at(temperature)
        totals = [frames_in(path, system.all_atoms) for path in paths]
        if system.discontinuous:
            _check_simultaneous(system, paths[0], totals[0])
        blocks = cut(paths, [-(-n // system.stride) for n in totals], simulate.walkers, simulate.frames)
        energies = _per_walker(blocks, simulate.frames, energy_rows(system, temperature, totals))
        log_weights = _per_walker(blocks, simulate.frames, log_weight_rows(system, temperature, totals))
        return cls(totals, blocks, energies, log_weights)


def frames_in(path: str, topology: mdtraj.Topology) -> int:
    """Frames of a trajectory file; raises :class:`ArtifactError` if it cannot be read or has other atoms."""
    try:
        with in_ascii(path) as name, mdtraj.open(name) as file:
            frames, first = len(file), file.read(1)
    except Exception as error:  # mdtraj's readers raise many kinds
        raise ArtifactError(
            f"{path}: cannot be read as a trajectory ({error}); write XTC, TRR, DCD or NetCDF"
        ) from None
    atoms = np.shape(first[0] if isinstance(first, tuple) else first)[1]
    if atoms != topology.n_atoms:
        raise ArtifactError(
            f"{path}: has {atoms} atoms, system.topology has {topology.n_atoms}; write the topology of all atoms in these "
            "files (system.atoms selects what is kept)"
        )
    return frames


def _check_simultaneous(system: Trajectories, path: str, frames: int) -> None:
    """Raise :class:`ArtifactError` for a replica whose file has not as many frames as that of the lowest temperature."""
    lowest = system.at(min(system.files))[0]
    if path != lowest and (first := frames_in(lowest, system.all_atoms)) != frames:
        raise ArtifactError(
            f"{path}: has {frames} frames, {lowest} has {first}; frames of equal number of a replica exchange (system."
            "discontinuous: true) are simultaneous: write files of the same frames at all temperatures"
        )


def cut(paths: list[str], lengths: list[int], walkers: int, frames: int) -> list[tuple[int, int]]:
    """``(file, first frame)`` of each walker's block; raises :class:`ArtifactError` that says what would fit."""
    blocks = [(file, first) for file, n in enumerate(lengths) for first in range(0, n - frames + 1, frames)]
    if len(blocks) < walkers:
        there = ", ".join(f"{n} in {path}" for path, n in zip(paths, lengths, strict=True))
        fitting = _longest(lengths, walkers)
        advice = [f"frames: {fitting}"] * (fitting > 1) + [f"walkers: {len(blocks)}"] * (len(blocks) > 1)
        raise ArtifactError(
            f"simulate: {walkers} walkers of {frames} frames need {walkers} such blocks, there are {len(blocks)} in the frames "
            f"used ({there}); write simulate.{' or simulate.'.join(advice) or 'walkers: fewer'}, or add files"
        )
    if len(blocks) > walkers:
        log.info("%d of %d blocks of %d frames are used", walkers, len(blocks), frames)
    return [blocks[i * len(blocks) // walkers] for i in range(walkers)]


def _longest(lengths: list[int], walkers: int) -> int:
    """Most frames per block for which there are enough blocks."""
    low, high = 0, max(lengths)
    while low < high:
        middle = (low + high + 1) // 2
        enough = sum(n // middle for n in lengths) >= walkers
        low, high = (middle, high) if enough else (low, middle - 1)
    return low


def _per_walker(blocks: list[tuple[int, int]], frames: int, rows: list[np.ndarray] | None) -> np.ndarray | None:
    """``(walkers, frames)`` of each file's values, ``rows``; None of None."""
    if rows is None:
        return None
    return np.stack([rows[file][first : first + frames] for file, first in blocks])
