"""Everything but positions in files of existing MD: the usable frames with their energies and weights."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported import comparing
from thermolatent.imported.frame_times import FrameTimes, read_times
from thermolatent.imported.matching import Rows, match
from thermolatent.imported.pieces import checked, interval_of, pieces
from thermolatent.imported.tables import EnergyTable, find_column, read_table
from thermolatent.imported.volumes import add_pV
from thermolatent.systems.existing import ExistingMd, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames of one file without a gap; every ``stride``-th is used.

    Attributes
    ----------
    file: number of the file at this temperature.
    label: of the file, with the first frame if it has several stretches; independent data have different labels.
    first: number of the first frame used, in the file.
    energies: of the frames used, kJ/mol, ``(n,)``; NaN if there are none, or none yet.
    log_weights: bias / kT, ``(n,)``; None of MD without a bias.
    volumes: whether the energy file has volumes, from which pV was added if needed.
    """

    file: int
    label: str
    first: int
    energies: np.ndarray
    log_weights: np.ndarray | None
    volumes: bool = False

    def __len__(self) -> int:
        return len(self.energies)


def examine(system: ExistingMd, temperature: float, times: list[FrameTimes]) -> list[Stretch]:
    """Stretches of all files at one temperature, in file order, after all checks that need no positions.

    ``times`` are those of the files (:func:`times_of`).

    Raises :class:`ArtifactError` for files that contradict each other or the study.
    """
    if system.discontinuous:
        _check_simultaneous(system, times[0])
    comparing.check_different(system.files, "system.files")
    found = [s for file, one in enumerate(times) for s in _stretches(system, file, one)]
    for source in system.sources:
        if source.what == "energies" and (files := system.files_of(source.key)) is not system.files:
            comparing.check_different(files, f"system.{source.key}.files")
        found = _with_rows(system, temperature, found, times, source)
    if system.weighted:
        highest = max(s.log_weights.max() for s in found)
        found = [replace(s, log_weights=s.log_weights - highest) for s in found]
    return found


def with_interval(system: ExistingMd) -> ExistingMd:
    """The system with ``frame_interval``, where the study leaves it to the files: that of the first one."""
    if system.frame_interval is not None:
        return system
    path = system.at(min(system.files))[0]
    interval = interval_of(times_of_rows(read_table(path, *system.columns)))
    if not interval:
        raise ArtifactError(f"{path}: does not say how far its rows are apart; write system.frame_interval: PS")
    log.info("%s: its rows are %g ps apart (system.frame_interval)", path, interval)
    return system.model_copy(update={"frame_interval": interval})


def times_of(system: ExistingMd, path: str) -> FrameTimes:
    """Times of a file; raises :class:`ArtifactError` if it has other atoms or columns, or another interval, than the study."""
    if system.columns:
        asked = [*system.columns, *(source.column.column for source in system.sources)]
        return checked(times_of_rows(read_table(path, *asked)), system.frame_interval)
    times = read_times(path)
    if times.atoms != system.all_atoms.n_atoms:
        raise ArtifactError(
            f"{path}: has {times.atoms} atoms, system.topology has {system.all_atoms.n_atoms}; write the topology of all atoms "
            "in these files (system.atoms selects what is kept)"
        )
    return checked(times, system.frame_interval)


def times_of_rows(table: EnergyTable) -> FrameTimes:
    """Times of a file whose rows are the frames."""
    return FrameTimes(table.path, len(table), 0, table.time, single=False, table=table)


def _stretches(system: ExistingMd, file: int, times: FrameTimes) -> list[Stretch]:
    own = pieces(times, system.frame_interval)
    if system.discontinuous and len(own) > 1:
        raise ArtifactError(
            f"{times.path}: has {len(own)} pieces with gaps between them; frames of a replica exchange are counted from the "
            "first: write a file without gaps"
        )
    found = []
    for piece in own:
        label = times.path if piece.first == 0 else f"{times.path} from frame {piece.first}"
        found.append(
            Stretch(file, label, piece.first, np.full(-(-(piece.stop - piece.first) // system.stride), np.nan), None)
        )
    return found


def _check_simultaneous(system: ExistingMd, times: FrameTimes) -> None:
    """Raise if number or times of the frames differ from those at the lowest temperature."""
    lowest = system.at(min(system.files))[0]
    if times.path == lowest:
        return
    first = times_of(system, lowest)
    advice = (
        "frames with the same number are simultaneous in replica exchange (system.discontinuous: true): write files with the "
        "same frames at all temperatures"
    )
    if first.frames != times.frames:
        raise ArtifactError(f"{times.path}: has {times.frames} frames, {lowest} has {first.frames}; {advice}")
    if times.time is not None and first.time is not None:
        apart = np.abs(times.time - first.time)
        if apart.max() > system.frame_interval / 4:
            frame = int(np.argmax(apart > system.frame_interval / 4))
            raise ArtifactError(
                f"{times.path}: frame {frame} (from 0) is at {times.time[frame]:g} ps, that of {lowest} at "
                f"{first.time[frame]:g}; {advice}"
            )


def _with_rows(
    system: ExistingMd, T: float, found: list[Stretch], times: list[FrameTimes], source: Source
) -> list[Stretch]:
    """Stretches with values of a source; frames without a value at their ends are left out."""
    key, asked = f"system.{source.key}", source.column
    where = "system.files" if system.files_of(source.key) is system.files else f"{key}.files"
    paths, kT, kept = system.at(T, source.key), system.kT(T), []
    comparing.check_names(system.at(T), paths, where)
    taken: dict[str, np.ndarray] = {}
    summaries = []
    pV_is_there = any(s.what == "pV" for s in system.sources)
    may_be_of_others = any(s.key == "log_weight" for s in system.sources)  # frames weighted to this temperature
    for file, (path, one) in enumerate(zip(paths, times, strict=True)):
        table = one.table or read_table(path, asked.column)
        values = table.energies(asked.column, asked.unit, kT, key)
        name = find_column(path, table.names, asked.column, key)
        if source.key == "log_weight" and (said := table.unit(name)) is not None and said.size is not None:
            raise ArtifactError(f"{path}: '{name}' is in {said.name}, ln w has no unit; write system.bias in its place")
        own = [s for s in found if s.file == file]
        used = [s.first + system.stride * np.arange(len(s)) for s in own]
        runs = [np.full(len(u), r) for u, r in zip(used, _runs_of(one, own, system.frame_interval), strict=True)]
        if one.table is not None:
            rows = np.concatenate(used)
        else:
            how, run = Rows(asked.skip, asked.every, key), np.concatenate(runs)
            rows = match(table, values, one, np.concatenate(used), run, system.frame_interval, how)
            _take(taken, path, rows, one.path)
        if source.what == "energies":
            summaries.append((*comparing.mean_and_error([values]), len(values)))
            there = rows[rows >= 0]
            if system.unit == "kelvin" and not may_be_of_others:
                comparing.check_temperature(table, there, T, list(system.files))
            comparing.say_restraints(table, there, asked.column)
            volumes = None if pV_is_there else table.standard("volume")
            if volumes is None and asked.pressure and system.columns:
                raise ArtifactError(
                    f"{path}: no column of volumes (named volume, vol or cell.vol) for {key}.pressure; write one, or a column of "
                    "p V as system.pressure_volume"
                )
            values = add_pV(table, values, volumes, asked.pressure, asked.column, key)
        ends = np.cumsum([len(s) for s in own])
        for stretch, its in zip(own, np.split(rows, ends[:-1]), strict=True):
            part = _matched(stretch, its, table, one, system)
            if part is not None:
                begin, stop = part
                cut = replace(
                    stretch,
                    first=stretch.first + system.stride * begin,
                    energies=stretch.energies[begin:stop],
                    log_weights=None if stretch.log_weights is None else stretch.log_weights[begin:stop],
                )
                numbers = values[its[begin:stop]]
                if source.what == "energies":
                    kept.append(replace(cut, energies=numbers, volumes=volumes is not None))
                elif source.what == "pV":
                    kept.append(replace(cut, energies=cut.energies + numbers))
                else:
                    others = 0.0 if cut.log_weights is None else cut.log_weights
                    kept.append(replace(cut, log_weights=others + numbers / kT))
    if source.what == "energies" and not system.weighted:  # means of biased frames need not rise
        comparing.check_rising({T: _pooled(summaries), **_means_beside(system, T, source)}, T, where)
    return kept


def _runs_of(times: FrameTimes, own: list[Stretch], interval: float) -> Iterator[int]:
    """Number of the run in the file to which each stretch belongs."""
    if times.time is None:
        yield from (0 for _ in own)
        return
    run = 0
    for i, stretch in enumerate(own):
        run += i > 0 and times.time[stretch.first] <= times.time[stretch.first - 1]
        yield run


def _take(taken: dict[str, np.ndarray], path: str, rows: np.ndarray, trajectory: str) -> None:
    """Record the rows of a file that are used; raise if another trajectory uses one of them."""
    there = rows[rows >= 0]
    if len(np.intersect1d(taken.get(path, []), there)):
        raise ArtifactError(
            f"{path}: the rows for {trajectory} are already used by another trajectory; write a file of its own"
        )
    taken[path] = np.concatenate([taken.get(path, np.empty(0, int)), there])


def _matched(
    stretch: Stretch, rows: np.ndarray, table: EnergyTable, times: FrameTimes, system: ExistingMd
) -> tuple[int, int] | None:
    """Range ``(begin, stop)`` of the frames of a stretch that have rows; None if none has.

    Raises for a frame without a row between frames with rows.
    """
    there = np.flatnonzero(rows >= 0)
    if not len(there):
        log.warning("%s: left out, it has no rows in %s", stretch.label, table.path)
        return None
    begin, stop = int(there[0]), int(there[-1]) + 1
    if len(there) != stop - begin:
        missing = int(np.flatnonzero(rows[begin:stop] < 0)[0]) + begin
        every = int(np.diff(there).min())
        advice = f"write stride: {every * system.stride}" if every > 1 else "write an energy for each frame"
        raise ArtifactError(
            f"{table.path}: frame {stretch.first + system.stride * missing} of {times.path} (from 0) has no row, frames before "
            f"and after it have one; {advice}, or leave the frame out of the file"
        )
    if stop - begin < len(rows):
        log.warning(
            "%s: %d frames at its ends have no rows in %s and are left out",
            stretch.label,
            len(rows) - stop + begin,
            table.path,
        )
    return begin, stop


def _means_beside(system: ExistingMd, temperature: float, source: Source) -> dict[float, tuple[float, float]]:
    """Mean and standard error (kJ/mol) of the energies at the neighbouring temperatures."""
    every, asked = system.files_of(source.key), source.column
    ladder = sorted(every)
    at = ladder.index(temperature)
    found = {}
    for T in {*ladder[max(0, at - 1) : at + 2]} - {temperature}:
        files = [(path, Path(path).stat().st_mtime_ns) for path in every[T]]
        found[T] = _pooled(
            [_summary(path, changed, asked.column, asked.unit, system.kT(T), source.key) for path, changed in files]
        )
    return found


def _pooled(summaries: list[tuple[float, float, int]]) -> tuple[float, float]:
    """Mean of all rows of several files and its standard error, from each file's mean, error and number of rows."""
    means, errors, rows = np.array(summaries, float).T
    share = rows / rows.sum()
    return float(share @ means), float(np.sqrt(np.sum((share * errors) ** 2)))


@functools.lru_cache(maxsize=256)
def _summary(
    path: str, changed: int, column: str | None, unit: str | None, kT: float, key: str
) -> tuple[float, float, int]:
    """Mean, standard error and number of the energies in a file; its time of change is part of the cache key."""
    values = read_table(path, column).energies(column, unit, kT, f"system.{key}")
    return *comparing.mean_and_error([values]), len(values)
