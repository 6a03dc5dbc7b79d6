"""Rows of an energy file for frames of a trajectory: matched by time or MD step, by count only if neither is known."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.frame_times import FrameTimes
from thermolatent.imported.tables import EnergyTable

log = logging.getLogger(__name__)

#: Tolerance of equal times, as a share of the distance between rows or frames; programs round less than this.
ROUNDING = 0.01


@dataclass(frozen=True)
class Rows:
    """Keys of a study for the choice of rows; None for keys it leaves out.

    Attributes
    ----------
    skip: rows before that of the first frame.
    every: rows per frame.
    key: section of the study, for messages: ``system.energies``.
    """

    skip: int | None
    every: int | None
    key: str


class _Clock(NamedTuple):
    """Time or MD step of ``rows`` and ``frames``, in ``unit``; rounding of frames by ``digits (frames,)``."""

    rows: np.ndarray
    frames: np.ndarray
    unit: str
    digits: np.ndarray


def match(
    table: EnergyTable,
    values: np.ndarray,
    times: FrameTimes,
    used: np.ndarray,
    run: np.ndarray,
    interval: float,
    rows: Rows,
) -> np.ndarray:
    """Row of each frame, ``(n,)`` int64; -1 for frames without one.

    Parameters
    ----------
    values: of the column, ``(rows,)``; two rows at the same time must agree.
    used: numbers of the frames, ``(n,)``, ascending.
    run: number of the run of each frame, ``(n,)``; times restart with each run.
    interval: ps between the file's frames, as the study says.

    Raises :class:`ArtifactError` if the files contradict each other or the study, or are ambiguous.
    """
    clock = _common_clock(table, times)
    if clock is None:
        return _by_count(table, times, interval, rows)[used]
    found = np.full(len(used), -1)
    row_runs = _runs(clock.rows)
    frame_runs = np.unique(run)
    if len(frame_runs) > 1 and len(row_runs) != len(frame_runs):
        raise ArtifactError(
            f"{table.path}: {clock.unit} restart {len(row_runs) - 1} times, those of {times.path} {len(frame_runs) - 1} "
            "times; write files of single runs"
        )
    for number, which in enumerate(frame_runs):
        own = np.concatenate(row_runs) if len(frame_runs) == 1 else row_runs[number]
        here = run == which
        found[here] = _nearest(table, values, own, clock, used[here])
    _require_agreement(table, times, found, used, clock, rows)
    return found


def _common_clock(table: EnergyTable, times: FrameTimes) -> _Clock | None:
    """None where rows and frames have neither times nor steps in common."""
    if times.time is not None and table.time is not None:
        digits = np.full(times.frames, table.time_digits)
        if times.single:
            digits = digits + np.spacing(np.abs(times.time).astype(np.float32)).astype(float)
        return _Clock(table.time, times.time, "ps", digits)
    if table.step is None:
        return None
    if times.step is not None:
        return _Clock(table.step, times.step, "steps", np.full(times.frames, 0.5))
    if times.time is not None and (step := _time_step(table.step, times.time)) is not None:
        log.info("%s: rows are matched by step, at %g ps per step", table.path, step)
        digits = np.full(times.frames, ROUNDING * (times.time[1] - times.time[0]))
        return _Clock(table.step * step, times.time, "ps", digits)
    return None


def _time_step(steps: np.ndarray, time: np.ndarray) -> float | None:
    """ps per step, if only one value lets steps and times, both counted from 0, begin and end together; else None."""
    if len(steps) < 2 or len(time) < 2:
        return None
    between, apart = np.diff(steps), np.diff(time)
    if (
        between[0] <= 0
        or (between != between[0]).any()
        or apart[0] <= 0
        or not np.allclose(apart, apart.mean(), rtol=1e-3, atol=0)
    ):
        return None
    found, frames = [], len(time)
    interval = float(np.ptp(time) / (frames - 1))
    for every in range(max(1, len(steps) // frames), len(steps) // (frames - 1) + 1):
        first = (time[0] / interval * every * between[0] - steps[0]) / between[0]
        last = round(first) + every * (frames - 1)
        if abs(first - round(first)) < ROUNDING * every and first > -0.5 and last < len(steps) <= last + every:
            found.append(interval / (every * between[0]))
    return found[0] if len(found) == 1 else None


def _runs(clock: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each run; a clock that goes back begins another run.

    A program that is restarted repeats the last row as its first; the repeated row is left out.
    """
    starts = np.flatnonzero(np.diff(clock) <= 0) + 1
    pieces = np.split(np.arange(len(clock)), starts)
    runs = [pieces[0]]
    for piece in pieces[1:]:
        last = clock[runs[-1][-1]]
        if clock[piece[0]] == last:
            piece = piece[1:]
        if len(piece) and clock[piece[0]] > last:
            runs[-1] = np.concatenate([runs[-1], piece])
        elif len(piece):
            runs.append(piece)
    return runs


def _nearest(table: EnergyTable, values: np.ndarray, own: np.ndarray, clock: _Clock, frames: np.ndarray) -> np.ndarray:
    """The row among ``own`` at the time of each of ``frames``, -1 if there is none; raises for two rows that differ."""
    wanted, digits, unit = clock.frames[frames], clock.digits[frames], clock.unit
    order = own[np.argsort(clock.rows[own], kind="stable")]
    ascending = clock.rows[order]
    spacing = float(np.median(np.diff(ascending))) if len(ascending) > 1 else 0.0
    tolerance = digits + ROUNDING * spacing
    if spacing and np.median(tolerance) > spacing / 2:
        raise ArtifactError(
            f"{table.path}: rows are {spacing:g} {unit} apart, the trajectory's times are less exact; write frames and "
            "energies with MD steps (DCD, XTC; a column Step), or shorter files"
        )
    low = np.searchsorted(ascending, wanted - tolerance, "left")
    high = np.searchsorted(ascending, wanted + tolerance, "right")
    for frame in np.flatnonzero(high - low > 1):
        several = order[low[frame] : high[frame]]
        if np.ptp(values[several]) > 0:
            raise ArtifactError(
                f"{table.path}: rows {several[0]} and {several[1]} (from 0) are both at {wanted[frame]:g} {unit} and differ: a "
                "run was restarted before its end; leave out the rows and the frames that were replaced"
            )
    return np.where(high > low, order[np.minimum(low, len(order) - 1)], -1)


def _require_agreement(
    table: EnergyTable, times: FrameTimes, found: np.ndarray, used: np.ndarray, clock: _Clock, rows: Rows
) -> None:
    """Raise if no frame has a row, or if the files contradict ``skip`` and ``every``."""
    of_rows, of_frames, unit = clock.rows, clock.frames, clock.unit
    there = np.flatnonzero(found >= 0)
    if not len(there):
        raise ArtifactError(
            f"{table.path}: its rows are at {of_rows.min():g} to {of_rows.max():g} {unit}, the frames of {times.path} at "
            f"{of_frames[used].min():g} to {of_frames[used].max():g}; write the energies of this run"
        )
    if rows.skip is None and rows.every is None:
        return
    said = (rows.skip or 0) + (rows.every or 1) * used[there]
    if (wrong := said != found[there]).any():
        frame = there[int(np.argmax(wrong))]
        right = np.polyfit(used[there], found[there], 1) if len(there) > 1 else (1, 0)
        advice = f", which are {rows.key}.skip: {round(right[1])} and {rows.key}.every: {round(right[0])}"
        fits = np.array_equal(round(right[1]) + round(right[0]) * used[there], found[there])
        raise ArtifactError(
            f"{table.path}: frame {used[frame]} of {times.path} (from 0) is at {of_frames[used[frame]]:g} {unit}, which is row "
            f"{found[frame]}, but {rows.key}.skip: {rows.skip or 0} and {rows.key}.every: {rows.every or 1} take row "
            f"{said[int(np.argmax(wrong))]}; leave both out, and rows are matched by {'time' if unit == 'ps' else 'step'}"
            f"{advice if fits else ''}"
        )


def _by_count(table: EnergyTable, times: FrameTimes, interval: float, rows: Rows) -> np.ndarray:
    """Row of every frame of the file, if only the numbers of rows and frames are known."""
    there, frames = len(table), times.frames
    skip, every = rows.skip or 0, rows.every or 1
    spacing = _spacing(table)
    per_frame = None if spacing is None else round(interval / spacing)
    if per_frame is not None and abs(per_frame * spacing - interval) > ROUNDING * interval:
        raise ArtifactError(
            f"{table.path}: its rows are {spacing:g} ps apart, system.frame_interval says {interval:g}: not a whole number of "
            "rows per frame; write the true frame_interval, or the energies of this run"
        )
    chosen = np.arange(skip, there, every)
    if len(chosen) != frames or (per_frame is not None and per_frame != every):
        asked = (
            "" if rows.skip is None and rows.every is None else f", {len(chosen)} with skip: {skip} and every: {every}"
        )
        apart = "" if spacing is None else f", {spacing:g} ps apart"
        raise ArtifactError(
            f"{table.path}: has {there} rows{apart}{asked}, for {frames} frames of {times.path}, {interval:g} ps apart; their "
            f"times are not both known, so {_fitting(there, frames, per_frame, rows.key)}"
        )
    return chosen


def _spacing(table: EnergyTable) -> float | None:
    """ps between rows; None if unknown or not constant."""
    if table.time is None or len(table) < 2:
        return None
    apart = np.diff(table.time)
    found = float(np.median(apart))
    return found if found > 0 and (np.abs(apart - found) <= ROUNDING * found + 2 * table.time_digits).all() else None


def _fitting(rows: int, frames: int, per_frame: int | None, key: str) -> str:
    """Advice: the values of ``skip`` and ``every`` that give each frame a row and use the file to its end."""
    found = []
    for every in range(1, rows // max(1, frames - 1) + 1) if per_frame is None else [per_frame]:
        low, high = max(0, rows - every * frames), rows - 1 - every * (frames - 1)
        if 0 <= low <= high and (per_frame is not None or every == 1 or low < every):
            found.append(f"{key}.skip: {low}{f' to {high}' if high > low else ''} with {key}.every: {every}")
    if not found:
        return "no choice of rows gives each frame one; write the energies of this run, with a column of times (ps) or steps"
    if len(found) > 4:
        found = [*found[:4], "and others"]
    return f"say which rows are theirs: {', or '.join(found)} would fit; or write a column of times (ps) or steps"
