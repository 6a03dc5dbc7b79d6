"""Independent pieces of MD: walkers, and where these are cut from longer trajectories, blocks of time."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.reweight.correlation import memory, runs
from thermolatent.reweight.design import LEAST_UNITS

if TYPE_CHECKING:
    from thermolatent.frames import Frames

log = logging.getLogger(__name__)

#: A block is so many times the memory of the series long: the variance of block means is then short by a tenth.
MEMORIES = 10.0
#: Replica exchange is cut into at most so many blocks: degrees of freedom enough.
MOST_BLOCKS = 200
#: Series in time by name, of one temperature: each an array ``(frames,)`` or a list of pieces of it.
Named = Mapping[str, "np.ndarray | Sequence[np.ndarray]"]


def block_length(series: Sequence[np.ndarray | Sequence[np.ndarray]]) -> int:
    """Frames of a block for the slowest of several series of one trajectory, each ``(frames,)`` or a list of such pieces.

    Of replica exchange, give each state's share averaged over all replicas: replicas wander through temperatures, and what
    one temperature forgets when a replica leaves, another remembers.
    """
    return max(1, int(np.ceil(MEMORIES * max(map(_memory, series)))))


def _memory(series: np.ndarray | Sequence[np.ndarray]) -> float:
    pieces = [series] if isinstance(series, np.ndarray) and series.ndim == 1 else list(series)
    return memory([np.asarray(piece, float) for piece in pieces])


def blocks(frames: int, length: int) -> np.ndarray:
    """Number of the block of each frame, ``(frames,)``: of at least ``length`` frames, as equal as can be."""
    count = max(1, frames // length)
    return np.arange(frames) * count // frames


@dataclass(frozen=True)
class Units:
    """Independent pieces of MD.

    Attributes
    ----------
    unit: of each frame, ``(N,)``, counted through.
    stratum: of each unit, ``(units,)``: its temperature, or 0 where units go through all of them.
    piece: series in time that each frame belongs to, ``(N,)``.
    lengths: of MD that was not run by us, per stratum the least frames of a block and the series that decides them.
    """

    unit: np.ndarray
    stratum: np.ndarray
    piece: np.ndarray
    lengths: tuple[tuple[int, str], ...] = ()


def units_of(frames: Frames, series: Mapping[float, Named], shares: Named) -> Units:
    """The independent pieces of the MD.

    Parameters
    ----------
    series: per temperature, what may be slow in imported MD, by name.
    shares: what may be slow in replica exchange from elsewhere, by name.
    """
    if not frames.pieces:
        return Units(frames.units, frames.strata, frames.series)
    if frames.stretch:
        length, slowest = _slowest(shares)
        each = frames.frames_at[0]  # as many at every temperature
        own = blocks(each, max(length, each // MOST_BLOCKS))
        unit = np.tile(own, len(frames.kT))
        return Units(unit, np.zeros(own[-1] + 1, int), frames.series, ((length, slowest),))
    unit, stratum, lengths, count = [], [], [], 0
    for k, T in enumerate(frames.kT):
        length, slowest = _slowest(series[T])
        own = joined(frames.pieces[T], length)
        unit.append(np.repeat(count + own, frames.shape(T)[1]))
        stratum += [k] * (int(own[-1]) + 1)
        count += int(own[-1]) + 1
        lengths.append((length, slowest))
    return Units(np.concatenate(unit), np.array(stratum), frames.series, tuple(lengths))


def _slowest(series: Named) -> tuple[int, str]:
    """Length of a block, and the name of the series that decides it."""
    lengths = {name: block_length([values]) for name, values in series.items()}
    slowest = max(lengths, key=lengths.get)
    return lengths[slowest], slowest


def joined(pieces: np.ndarray, length: int) -> np.ndarray:
    """Number of the unit of each walker, ``(walkers,)``, that is cut from files as ``pieces`` ``(walkers, 2)`` says.

    A unit is a stretch of consecutive walkers of one file: from its begin to that of the next are at least ``length`` frames,
    as equal as can be. A file too short for two is one unit.
    """
    found, count = np.empty(len(pieces), int), 0
    for file in runs(pieces[:, 0]):
        first = pieces[file, 1]
        walkers = -(-length // int(np.diff(first).min())) if len(first) > 1 else 1
        found[file] = count + blocks(len(first), walkers)
        count = int(found[file][-1]) + 1
    return found


def require_units(units: Units, frames: Frames) -> None:
    """Of imported MD, log the units; warn of fewer than four in a stratum.

    Raises :class:`ThermolatentError` for fewer than two, whatever error bar would come of them.
    """
    counted, few = np.bincount(units.unit, frames.frame_counts) > 0, False
    for s, (length, slowest) in enumerate(units.lengths):
        count = int(counted[units.stratum == s].sum())
        where = "of replica exchange" if frames.stretch else f"at {frames.temperatures[s]:g}"
        told = f"{count} {where} (blocks of {length:,} frames or more: ten times as long as {slowest} remembers)"
        if count < 2:
            advice = "longer files" if frames.stretch else f"files of independent runs {where}, or longer ones"
            raise ThermolatentError(
                f"system.files: independent pieces of MD: {told}, an error bar needs two; add {advice}, and write more "
                "simulate.walkers where not all of their frames are used"
            )
        log.info("independent pieces of MD: %s", told)
        few = few or count < LEAST_UNITS
    if few:
        log.warning(
            "system.files: fewer than %d independent pieces of MD: no networks, and wide intervals; add %s",
            *(LEAST_UNITS, "longer files" if frames.stretch else "files of independent runs, or longer ones"),
        )
