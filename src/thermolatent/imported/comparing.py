"""Checks of energy files: temperatures and mean energies against the study, restraints, and duplicate files."""

from __future__ import annotations

import filecmp
import functools
import itertools
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported import npz_files
from thermolatent.imported.tables import EnergyTable, find_column
from thermolatent.imported.texts import lines_of
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Standard errors by which a mean must be off before files are refused.
ERRORS = 5.0
#: Relative error of a kinetic temperature that the time step and the number of degrees of freedom may cause; with 4 fs and
#: heavy hydrogens it is 1 to 2 %.
KINETIC = 0.03
#: 0 degrees Celsius in K.
_CELSIUS = 273.15
#: Number of rows at the beginning of a table that no two runs have in common, and of lines among which they are looked for.
_ROWS, _LINES = 100, 10_000
_SEPARATORS = re.compile(r"\s*[,;\s]\s*")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
#: Number of time blocks for a standard error.
_BLOCKS = 20


def mean_and_error(series: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean of several time series together and its standard error from block means, infinite for too few values."""
    blocks = max(2, _BLOCKS // len(series))
    means = [block.mean() for one in series if len(one) >= 2 * blocks for block in np.array_split(one, blocks)]
    error = float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("inf")
    return float(np.concatenate(series).mean()), error


def check_temperature(table: EnergyTable, rows: np.ndarray, temperature: float, others: Sequence[float]) -> None:
    """Compare the logged temperature of the rows that are used with the study's (K); raises :class:`ArtifactError`.

    ``others`` are the study's temperatures: files of two of them may have been swapped.
    """
    logged = table.standard("temperature")
    if logged is None or not np.isfinite(logged[rows]).all() or not logged[rows].any():
        return
    mean, error = mean_and_error([logged[rows]])
    off = abs(mean - temperature)
    nearest = min(others, key=lambda T: abs(T - mean), default=temperature)
    swapped = nearest != temperature and abs(nearest - mean) < off / 2
    if off <= ERRORS * error or (off <= KINETIC * temperature and not swapped):
        return
    if swapped and abs(nearest - mean) <= max(ERRORS * error, KINETIC * nearest):
        why = f"that of {format_temperature(nearest)}: are files of the two swapped? Put each under its temperature"
    elif abs(mean - _CELSIUS - temperature) <= max(ERRORS * error, KINETIC * mean):
        why = f"is {format_temperature(temperature)} in degrees Celsius? Write kelvin, {temperature + _CELSIUS:g}"
    elif abs(mean + _CELSIUS - temperature) <= max(ERRORS * error, KINETIC * temperature):
        why = "is the file's in degrees Celsius? Leave its column of temperatures out"
    else:
        why = "is it of another run, or of its heating? Write the energies of this one"
    raise ArtifactError(
        f"{table.path}: its mean temperature is {mean:.1f} +- {error:.1g} K, the study has it at "
        f"{format_temperature(temperature)}; {why}"
    )


def check_rising(
    means: Mapping[float, tuple[float, float]], temperature: float, key: str = "system.energies.files"
) -> None:
    """Raise :class:`ArtifactError` where the mean potential energy falls from one temperature to the next.

    ``means``: temperature -> mean and standard error, kJ/mol; ``key``: that of the files. Only pairs with ``temperature`` in them
    are compared.
    """
    ladder = sorted(means)
    for low, high in itertools.pairwise(ladder):
        if temperature not in (low, high):
            continue
        (cold, cold_error), (hot, hot_error) = means[low], means[high]
        if cold - hot > ERRORS * np.hypot(cold_error, hot_error):
            raise ArtifactError(
                f"{key}: the mean potential energy falls from {cold:.1f} kJ/mol at {format_temperature(low)} to "
                f"{hot:.1f} at {format_temperature(high)}, it must rise with temperature; are files of the two swapped, or is "
                "the column another quantity?"
            )


def check_different(files: Mapping[float, Sequence[str]], key: str) -> None:
    """Raise :class:`ArtifactError` for two files with the same bytes or first rows: a copy counts as MD that was not run."""
    by_size: dict[int, list[tuple[float, str]]] = {}
    by_rows: dict[bytes, tuple[float, str]] = {}
    for T, paths in files.items():
        for path in paths:
            state = Path(path).stat()
            by_size.setdefault(state.st_size, []).append((T, path))
            other_T, other = by_rows.setdefault(_beginning(path, state.st_mtime_ns) or path.encode(), (T, path))
            if path != other and not filecmp.cmp(path, other, shallow=False):
                raise ArtifactError(
                    f"{key}: {path} at {format_temperature(T)} and {other} at {format_temperature(other_T)} begin with the same "
                    f"{_ROWS} rows, as a copy does; leave one out, or write the file that is meant"
                )
    for alike in by_size.values():
        for i, (T, path) in enumerate(alike):
            for other_T, other in alike[:i]:
                if path != other and filecmp.cmp(path, other, shallow=False):
                    raise ArtifactError(
                        f"{key}: {path} at {format_temperature(T)} and {other} at {format_temperature(other_T)} are the same, "
                        "byte for byte; leave one out, or write the file that is meant"
                    )


@functools.lru_cache(maxsize=256)
def _beginning(path: str, changed: int) -> bytes | None:
    """The first rows of numbers of a text file or NPZ, changed at that time; None of other files, and of fewer rows."""
    found: list[bytes] = []
    try:
        if npz_files.is_one(path):
            columns = npz_files.read(path, None).numbers
            rows = np.stack([columns[name][:_ROWS] for name in sorted(columns)])
            return rows.tobytes() if rows.shape[1] == _ROWS else None
        for line in itertools.islice(lines_of(path), _LINES):
            fields = _SEPARATORS.split(line.strip())
            if all(map(_NUMBER.fullmatch, fields)):
                found.append(" ".join(fields).encode())
            if len(found) == _ROWS:
                return b"\n".join(found)
    except (ArtifactError, OSError, EOFError):  # binary; what is cut off is refused where it is read
        return None
    return None


def check_names(trajectories: Sequence[str], others: Sequence[str], key: str) -> None:
    """Raise :class:`ArtifactError` for files with the names of the trajectories in another order."""
    stems, own = ([Path(path).stem for path in paths] for paths in (trajectories, others))
    if own != stems and sorted(own) == sorted(stems) and len(set(own)) == len(own):
        wrong = next(i for i, (a, b) in enumerate(zip(stems, own, strict=True)) if a != b)
        raise ArtifactError(
            f"{key}: {others[wrong]} is in the place of {trajectories[wrong]}, but has another name; write one file for each "
            "trajectory, in the same order"
        )


def say_restraints(table: EnergyTable, rows: np.ndarray, column: str | None) -> None:
    """Log restraint energies that are part of the printed potential energy."""
    if column is not None:
        return
    for name in (n for n in table.names if n in table.numbers):
        if name in _RESTRAINTS and np.abs(table.numbers[name][rows]).max() > 0:
            unit = table.unit(name)
            instead = "; for U alone write column: 'EAMBER (non-restraint)'" if table.program == "AMBER" else ""
            log.warning(
                "%s: %s holds restraint energies, %s, of %.3g %s on average: frames and energies are those of the restrained "
                "molecule%s and the bias as log_weights",
                table.path,
                find_column(table.path, table.names, None),
                name,
                table.numbers[name][rows].mean(),
                unit.name if unit else "",
                instead or "; for U alone write energies without it",
            )


#: Columns of restraint energies that programs include in the potential energy.
_RESTRAINTS = ("RESTRAINT", "MISC", "Position Rest.", "Dis. Rest.", "Angle Rest.", "Dih. Rest.", "COM Pull En.")
