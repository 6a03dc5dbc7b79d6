"""Pieces of a trajectory file without gaps in time, and checks of its times against the study."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.frame_times import FrameTimes

log = logging.getLogger(__name__)

#: Relative tolerance of equal intervals: programs print six digits.
_SAME = 1e-3


class Piece(NamedTuple):
    """Frames ``first`` to ``stop - 1`` of a file, one interval apart; ``run`` counts the runs that were joined in the file."""

    first: int
    stop: int
    run: int


def checked(times: FrameTimes, interval: float) -> FrameTimes:
    """The times, or None if single precision cannot resolve them; raises :class:`ArtifactError` for another ``interval`` (ps)."""
    if times.interval is not None and abs(times.interval - interval) > _SAME * interval:
        log.warning(
            "%s: its header says %g ps between frames, system.frame_interval %g; one of them is wrong (converters leave such "
            "numbers behind)",
            times.path,
            times.interval,
            interval,
        )
    if times.time is None or times.frames < 2:
        return times
    if times.single and _rounding(times.time).max() > interval / 4:
        log.warning(
            "%s: its times are in single precision, too coarse for frames %g ps apart: not used", times.path, interval
        )
        return replace(times, time=None)
    apart = np.diff(times.time)
    if (apart < 0).all():
        raise ArtifactError(
            f"{times.path}: times descend, from {times.time[0]:g} to {times.time[-1]:g} ps; write the frames "
            "in ascending order of time"
        )
    typical = float(np.median(np.abs(apart)))
    if abs(typical - interval) > _SAME * interval + _rounding(times.time).max():
        raise ArtifactError(
            f"{times.path}: its frames are {typical:g} ps apart, system.frame_interval says {interval:g}; write frame_interval: "
            f"{typical:g}, or, if a converter made these times up, write the file with the true times"
        )
    return times


def interval_of(times: FrameTimes) -> float | None:
    """ps between frames, by their times; None where they say nothing."""
    if times.time is None or times.frames < 2:
        return None
    return round(float(np.median(np.abs(np.diff(times.time)))), 6)


def pieces(times: FrameTimes, interval: float) -> list[Piece]:
    """Pieces of a file without gaps; the whole file if times are unknown.

    Concatenated runs, each with its own time 0, and parts before and after a gap are separate pieces, which is logged. Raises
    :class:`ArtifactError` for repeated times.
    """
    if times.time is None:
        return [Piece(0, times.frames, 0)]
    time, blur = times.time, _SAME * interval + (_rounding(times.time)[1:] if times.single else 0.0)
    cuts = np.flatnonzero(np.abs(np.diff(time) - interval) > blur) + 1
    found, run, begin, starts = [], 0, 0, []
    for cut in cuts:
        found.append(Piece(begin, int(cut), run))
        begin = int(cut)
        if time[cut] <= time[cut - 1] + interval / 4:
            if time[cut] > time[starts[-1] if starts else 0]:
                what = (
                    "is at the time of the one before it"
                    if abs(time[cut] - time[cut - 1]) < interval / 4
                    else "goes back in time"
                )
                repeated = "rows" if times.table is not None else "frames (gmx trjcat, cpptraj)"
                raise ArtifactError(
                    f"{times.path}: frame {cut} (from 0) {what}, from {time[cut - 1]:g} to {time[cut]:g} ps: a run was "
                    f"restarted before its end; leave out the repeated {repeated}"
                )
            starts.append(begin)
            run += 1
    found.append(Piece(begin, times.frames, run))
    if len(cuts):
        places = ", ".join(f"frame {cut} ({time[cut - 1]:g} to {time[cut]:g} ps)" for cut in cuts[:3])
        more = f" and {len(cuts) - 3} more" if len(cuts) > 3 else ""
        log.warning(
            "%s: cut into %d units where times are not %g ps apart: at %s%s",
            times.path,
            len(found),
            interval,
            places,
            more,
        )
    return found


def _rounding(time: np.ndarray) -> np.ndarray:
    """Rounding error of the difference of two times in single precision."""
    return 2 * np.spacing(np.abs(time).astype(np.float32)).astype(float)
