"""Tidy tables of scores and populations."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import replacing

SCORE_COLUMNS = (
    *("study", "model", "seed", "temperature", "role", "plane", "metric"),
    *("value", "stderr", "unit", "n_ref", "n_gen"),
)
POPULATION_COLUMNS = (
    *("study", "model", "seed", "temperature", "role", "states"),
    *("state", "value", "stderr", "low", "high", "n_eff"),
)


def cell(value) -> str:
    """One cell as text: empty for None and NaN, numbers with eight significant digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def write_table(path: str, columns: tuple[str, ...], rows: Iterable[dict]) -> None:
    """Write rows as CSV; a missing or NaN cell is empty, numbers have eight significant digits."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell(row.get(c)) for c in columns])


def read_table(path: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a table of :func:`write_table`, all cells as text; raises :class:`ArtifactError` for anything else."""
    try:
        with open(path, newline="") as file:
            text = file.read()
    except OSError as error:
        raise ArtifactError(f"{path}: table is missing; finish the study: thermolatent run STUDY") from error
    reader = csv.DictReader(text.splitlines())
    rows = list(reader)
    if not text.endswith("\n"):
        raise ArtifactError(f"{path}: ends in the middle of a line; delete it and run validate")
    if tuple(reader.fieldnames or ()) != columns or any(None in row or None in row.values() for row in rows):
        raise ArtifactError(f"{path}: is not a table with columns {', '.join(columns)}; delete it and run validate")
    return rows


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """A line per row, for the screen."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
