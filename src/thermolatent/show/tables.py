"""CSV tables: known by their columns."""

from __future__ import annotations

import csv
from pathlib import Path

from thermolatent.errors import ArtifactError
from thermolatent.show.places import titled

#: Columns that tell a table -> what a row of it is. The first that fits counts.
_TABLES = (
    ({"metric", "plane", "value"}, "scores: a row per model, seed, temperature and metric"),
    (
        {"predictor", "state", "verdict"},
        "predictions: the population of each state with its 95 % interval and a verdict",
    ),
    (
        {"states", "state", "value"},
        "populations and means of observables: a row per model, seed, temperature and state",
    ),
    ({"observable", "value", "low"}, "means of observables with their 95 % intervals, on a grid of temperatures"),
    ({"state", "evidence", "assessable"}, "how much of each state the MD shows at each training temperature"),
    ({"predictor", "quantity", "chi2"}, "melting of one state: Tm, dH, dS, dCp with their 95 % intervals"),
    ({"training", "stage", "step"}, "loss histories as drawn in the figure"),
    ({"stage", "step", "seconds"}, "loss history of a training: a row per evaluation"),
    ({"quantity", "series", "median"}, "what a figure shows against temperature: median and range over seeds"),
    ({"z1", "z2", "free_energy_model_kT"}, "free-energy surfaces of a figure, kT"),
    ({"coordinate", "z", "free_energy_model_kT"}, "free-energy profiles of a figure, kT"),
    ({"cause", "half of the interval"}, "how wide the intervals of a figure are, by cause"),
    ({"prediction", "MD", "difference"}, "predictions against MD that they did not see, and the intervals of both"),
    ({"series", "temperature"}, "what a figure shows against temperature"),
)
_LISTED = (
    *("model", "predictor", "temperature", "role", "seed", "metric", "state", "stage"),
    *("quantity", "series", "verdict", "assessable"),
)


def show(path: Path) -> list[str]:
    """A table: what it is, its columns, what occurs in it."""
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArtifactError(f"{path}: cannot be read as a table ({error})") from None
    columns = list(reader.fieldnames or [])
    what = next((words for key, words in _TABLES if key <= set(columns)), None)
    if what is None:
        raise ArtifactError(f"{path}: is a table, but none of this project (columns {', '.join(columns[:8])})")
    if broken := [i for i, row in enumerate(rows, 2) if None in row or None in row.values()]:
        raise ArtifactError(f"{path}: line {broken[0]} has not as many cells as there are columns; run its stage again")
    lines = [titled(path, what), f"  {len(rows)} rows; columns {', '.join(columns)}"]
    for column in _LISTED:
        if column in columns and rows:
            values = list(dict.fromkeys(row[column] for row in rows))
            shown = ", ".join(value or "(empty)" for value in values[:12])
            lines.append(f"  {column}: {shown}{f', ... ({len(values)} in all)' if len(values) > 12 else ''}")
    return lines
