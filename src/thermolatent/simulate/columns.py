"""A column of numbers out of what MD programs write: energies in kJ/mol, a bias, one value per row.

Understood are OpenMM's StateDataReporter (CSV), GROMACS (.xvg, and .edr where the package panedr or pyedr is installed), AMBER
(mdout), NAMD (log) and PLUMED (COLVAR). Which one a file is, its content tells.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError, did_you_mean

KCAL = 4.184
#: ``NAME = value`` in AMBER's blocks; names may hold a blank (``1-4 NB``).
_AMBER_FIELD = re.compile(r"([A-Za-z0-9()\-]+(?: [A-Z]+)?)\s*=\s*(-?[\d.]+(?:[Ee][+-]?\d+)?|\*+)")


def read_column(path: str, column: str | None = None) -> np.ndarray:
    """Values ``(rows,)`` float64 of a column; energies of AMBER and NAMD, which count in kcal/mol, come as kJ/mol.

    ``column`` None is the potential energy. Raises :class:`ArtifactError` for a file of none of the formats, or without that
    column, and for values that are not finite numbers.
    """
    if path.endswith(".edr"):
        values = _edr(path, column)
    else:
        kind = _kind(path)
        values = _READERS[kind](path, column)
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise ArtifactError(f"{path}: has no rows of numbers; write another file")
    if not np.isfinite(values).all():
        raise ArtifactError(f"{path}: row {int(np.argmin(np.isfinite(values)))} (from 0) is no finite number")
    return values


def _lines(path: str) -> Iterator[str]:
    with open(path, errors="replace") as file:
        yield from file


def _kind(path: str) -> str:
    for number, line in enumerate(_lines(path)):
        if number == 0 and line.startswith(('#"', '"')):
            return "openmm"
        if line.startswith("#! FIELDS"):
            return "plumed"
        if line.startswith(("@", "# gmx", "#   gmx")) or (path.endswith(".xvg") and number == 0):
            return "xvg"
        if line.startswith("ETITLE:"):
            return "namd"
        if re.match(r"\s*NSTEP\s*=", line):
            return "amber"
        if number > 100_000:
            break
    raise ArtifactError(
        f"{path}: is none of OpenMM's CSV, GROMACS .xvg or .edr, AMBER mdout, NAMD log, PLUMED COLVAR; write it as one of them, "
        'e.g. a first line #"Potential Energy (kJ/mole)" and a value per line'
    )


def _index(path: str, names: list[str], column: str | None, default: str) -> int:
    wanted = column or default
    if wanted not in names:
        key = "is missing, name the potential energy by 'column'" if column is None else "is not there"
        raise ArtifactError(f"{path}: column '{wanted}' {key}; {did_you_mean(wanted, names)}")
    return names.index(wanted)


def _number(path: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArtifactError(f"{path}: '{text.strip()}' is no number; is the file cut off?") from None


def _whole(path: str, row: list[str], names: list[str]) -> list[str]:
    if len(row) != len(names):
        raise ArtifactError(f"{path}: a row has {len(row)} columns, must have {len(names)}; is the file cut off?")
    return row


def _table(path: str, names: list[str], column: str | None, default: str, comments: tuple[str, ...]) -> list[float]:
    """Rows of blank-separated numbers."""
    i, values = _index(path, names, column, default), []
    for line in _lines(path):
        if line.startswith(comments) or not line.strip():
            continue
        fields = line.split()
        if len(fields) != len(names):
            raise ArtifactError(
                f"{path}: a row has {len(fields)} columns, must have {len(names)}; is the file cut off?"
            )
        values.append(_number(path, fields[i]))
    return values


def _openmm(path: str, column: str | None) -> list[float]:
    with open(path, newline="") as file:
        rows = csv.reader(file)
        names = [name.lstrip("#").strip('"') for name in next(rows)]
        i = _index(path, names, column, "Potential Energy (kJ/mole)")
        # a run that was continued may have its header again
        kept = [row for row in rows if row and not row[0].startswith("#")]
    return [_number(path, _whole(path, row, names)[i]) for row in kept]


def _xvg(path: str, column: str | None) -> list[float]:
    legend = re.compile(r'@\s*s\d+\s+legend\s+"(.*)"')
    names = ["time", *(found.group(1) for line in _lines(path) if (found := legend.match(line)))]
    return _table(path, names, column, "Potential", ("#", "@", "&"))


def _plumed(path: str, column: str | None) -> list[float]:
    names = next(line for line in _lines(path) if line.startswith("#! FIELDS")).split()[2:]
    return _table(path, names, column, "potential energy", ("#",))


def _edr(path: str, column: str | None) -> np.ndarray:
    package = next((name for name in ("panedr", "pyedr") if importlib.util.find_spec(name)), None)
    if package is None:
        raise ArtifactError(
            f"{path}: .edr needs the package pyedr (pip install pyedr); or write the .xvg that "
            f"'echo Potential | gmx energy -f {Path(path).name} -o energy.xvg' makes"
        )
    module = importlib.import_module(package)
    read = module.edr_to_dict if hasattr(module, "edr_to_dict") else module.edr_to_df
    table = {str(name): np.asarray(values) for name, values in read(path).items()}
    names = list(table)
    return table[names[_index(path, names, column, "Potential")]]


def _amber(path: str, column: str | None) -> list[float]:
    """The blocks that start with NSTEP; averages and fluctuations at the end are none of the run's rows."""
    blocks: list[dict[str, str]] = []
    for line in _lines(path):
        if "A V E R A G E S" in line:
            break
        if re.match(r"\s*NSTEP\s*=", line):
            blocks.append({})
        elif not blocks or "=" not in line or line.lstrip().startswith("---"):
            continue
        blocks[-1] |= {name: value for name, value in _AMBER_FIELD.findall(line) if name not in blocks[-1]}
    names = list(blocks[0])
    name = names[_index(path, names, column, "EPtot")]
    return [KCAL * _number(path, block.get(name, "")) for block in blocks]


def _namd(path: str, column: str | None) -> list[float]:
    names = next(line for line in _lines(path) if line.startswith("ETITLE:")).split()[1:]
    i = _index(path, names, column, "POTENTIAL")
    rows = (line.split()[1:] for line in _lines(path) if line.startswith("ENERGY:"))
    return [KCAL * _number(path, _whole(path, row, names)[i]) for row in rows]


_READERS = {"openmm": _openmm, "xvg": _xvg, "plumed": _plumed, "amber": _amber, "namd": _namd}
