"""GROMACS: .xvg files of ``gmx energy``, and .edr with the package pyedr."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Collection
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.quantities import Unit, has_dimension, split, unit
from thermolatent.imported.tables import EnergyTable, wanted
from thermolatent.imported.texts import Section, content_of, numbers

#: First number of an .edr file that has a format version.
_MAGIC = -55555
#: Minimum number of bytes of an energy's name: its length and four letters.
_LEAST_NAME = 8
_LEGEND = re.compile(rb'^@\s*s(\d+)\s+legend\s+"(.*)"', re.MULTILINE)
_LABEL = re.compile(r'^@\s*([xy])axis\s+label\s+"(.*)"', re.MULTILINE)
_COMMENT = re.compile(rb"^[ \t]*[#@].*\n?", re.MULTILINE)


def is_one(path: str, head: str) -> bool:
    return path.lower().endswith(".xvg") or head.startswith(("@", "# gmx", "#   gmx")) or "\n@ " in head[:10_000]


def read(path: str, columns: Collection[str]) -> EnergyTable:
    """Columns are the time and the legends. The label of the y axis has each unit once, so other units follow from the names."""
    content = content_of(path)
    legends = [match[2].decode(errors="replace") for match in _LEGEND.finditer(content)]
    if not legends:
        raise ArtifactError(
            f"{path}: has no legends that name its columns; write it with 'gmx energy' without -xvg none"
        )
    sets = _COMMENT.sub(b"", content).split(b"&")
    if len([part for part in sets if part.strip()]) > 1:
        raise ArtifactError(f"{path}: holds several sets of data ('&' between them); write one file for each")
    names, labels = ("time", *legends), dict(_LABEL.findall(content[:100_000].decode(errors="replace")))
    time = unit(split(labels.get("x", "Time (ps)"))[1] or "ps") or unit("ps")
    found = numbers(path, [Section(names, 0, sets[0])], wanted(names, columns), None)
    digits = 0.6e-6 * time.size
    return EnergyTable(
        path, "GROMACS", names, found, {"time": time}, _energy_unit(labels.get("y", "")), time_digits=digits
    )


def _energy_unit(label: str) -> Unit | None:
    """Unit of energies by the y axis of ``gmx energy``, ``(kJ/mol), (K), (bar)``: each unit once, in the order of first use."""
    texts = re.findall(r"\(([^()]*)\)", label)
    told = [found for text in texts if (found := unit(text)) is not None and found.dimension == "energy"]
    return told[0] if told else None if texts else unit("kJ/mol")


def read_edr(path: str, columns: Collection[str]) -> EnergyTable:
    """Raises :class:`ArtifactError` where pyedr is not installed, or cannot read the file."""
    try:
        import pyedr
    except ImportError:
        raise ArtifactError(
            f"{path}: .edr needs the package pyedr (pip install pyedr); or write the .xvg that "
            f"'echo Potential Temperature Volume | gmx energy -f {Path(path).name} -o energy.xvg' makes"
        ) from None
    try:
        _require_names(path)
        with warnings.catch_warnings():  # older versions of the format, which it reads all the same
            warnings.simplefilter("ignore")
            rows, names, _ = pyedr.read_edr(path)
            units = pyedr.get_unit_dictionary(path)
        if not len(rows):
            raise ValueError("it has no frames")
    except Exception as error:  # pyedr raises many kinds
        raise ArtifactError(
            f"{path}: cannot be read as .edr ({error or type(error).__name__}); is it cut off?"
        ) from None
    table = np.array(rows, np.float64).reshape(-1, len(names))
    # the oldest files have kJ/mol for everything
    known = {name: found for name in names if (found := unit(units.get(name, ""))) and has_dimension(name, found)}
    used = {name: table[:, names.index(name)] for name in wanted(names, columns)}
    return EnergyTable(path, "GROMACS", tuple(names), used, known, time_digits=1e-9)


def _require_names(path: str) -> None:
    """Raise :class:`ValueError` for a file that does not begin with the names of its energies.

    pyedr takes any first number as their count, and would fill the memory for another kind of file.
    """
    with open(path, "rb") as file:
        head = file.read(12)
    if len(head) < 12:
        raise ValueError("it is too short")
    magic, _, count = struct.unpack(">3i", head)
    count = magic if magic > 0 else count  # the oldest format begins with the number itself
    if (magic < 0 and magic != _MAGIC) or not 0 < _LEAST_NAME * count <= Path(path).stat().st_size:
        raise ValueError("it does not begin like one")
