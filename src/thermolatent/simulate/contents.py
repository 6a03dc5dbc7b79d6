"""Content of the files of existing MD that is known before positions are read.

``thermolatent check`` and the import ask the same functions; the import reads and checks every frame besides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.angles import columns_of, period_of
from thermolatent.imported.examination import examine, times_of, with_interval
from thermolatent.mbar import effective_fraction
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.existing import ExistingMd
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Least effective number of weighted frames at a temperature: with fewer, the standard error of a share of one half is above 0.2.
_LEAST_FRAMES = 6.25


class Block(NamedTuple):
    """Frames of a walker: every ``stride``-th from ``first`` on in file number ``file``; ``label`` of their stretch."""

    file: int
    label: str
    first: int


@dataclass(frozen=True)
class Contents:
    """The files of one temperature.

    Attributes
    ----------
    totals: frames in each file.
    blocks: origin of each walker.
    begins: time (ps) of the first frame of each walker; if unknown, one interval after the beginning of the file.
    energies: ``(walkers, frames)`` kJ/mol; NaN if there are none, or none yet.
    log_weights: bias / kT of biased MD, the largest being 0, ``(walkers, frames)``; None of MD without a bias.
    volumes_seen: whether the energy files had volumes, so that the energies have pV if needed.
    columns: of a system without positions, ``(walkers, frames, n)`` float64, angles in radians; else None.
    periods: of those of them that are angles, in the unit of the first file.
    """

    totals: list[int]
    blocks: list[Block]
    begins: list[float]
    energies: np.ndarray
    log_weights: np.ndarray | None
    volumes_seen: bool
    columns: np.ndarray | None = None
    periods: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, system: ExistingMd, simulate: Simulate, temperature: float) -> Contents:
        """Read the headers of trajectories, or all columns, and all energies and weights.

        Raises :class:`ThermolatentError` for files that contradict each other or the study, or have too few frames.
        """
        system = with_interval(system)
        times = [times_of(system, path) for path in system.at(temperature)]
        stretches = examine(system, temperature, times)
        found = cut([s.label for s in stretches], [len(s) for s in stretches], simulate.walkers, simulate.frames)
        blocks, begins = [], []
        for which, first in found:
            stretch = stretches[which]
            frame = stretch.first + system.stride * first
            known = times[stretch.file].time
            blocks.append(Block(stretch.file, stretch.label, frame))
            begins.append(system.frame_interval * (frame + 1) if known is None else float(known[frame]))
        parts = [(stretches[which], slice(first, first + simulate.frames)) for which, first in found]
        log_weights = None
        if system.weighted:
            log_weights = np.stack([stretch.log_weights[part] for stretch, part in parts])
            _check_weights(log_weights, temperature, [b.label for b in blocks])
        columns, periods = None, {}
        if system.columns:
            of_files = [columns_of(one.table, system.columns, system.periodic) for one in times]
            taken = [b.first + system.stride * np.arange(simulate.frames) for b in blocks]
            columns = np.stack([of_files[b.file][rows] for b, rows in zip(blocks, taken, strict=True)])
            periods = {name: period_of(times[0].table, name, system.periodic) for name in system.periodic}
        return cls(
            [one.frames for one in times],
            blocks,
            begins,
            np.stack([stretch.energies[part] for stretch, part in parts]),
            log_weights,
            any(stretch.volumes for stretch in stretches),
            columns,
            periods,
        )


def _check_weights(log_weights: np.ndarray, temperature: float, labels: list[str]) -> None:
    """Raise :class:`ArtifactError` for weights of a few frames only; ``log_weights (walkers, frames)``, ``labels`` of walkers."""
    effective = log_weights.size * effective_fraction(log_weights.ravel())
    if effective < _LEAST_FRAMES:
        label = labels[int(log_weights.max(axis=1).argmax())]
        raise ArtifactError(
            f"{label}: the weights of {format_temperature(temperature)} are those of {effective:.1f} frames in "
            f"{log_weights.size}; write other ones, leave out the time in which the bias still grew, or add MD"
        )


def cut(paths: list[str], lengths: list[int], walkers: int, frames: int) -> list[tuple[int, int]]:
    """``(file, first frame)`` of each walker's block; raises :class:`ArtifactError` with possible values."""
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
