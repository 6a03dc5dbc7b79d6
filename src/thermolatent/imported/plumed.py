"""PLUMED's COLVAR: blank-separated columns below ``#! FIELDS``, which a restart may repeat with other columns."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from thermolatent.imported.quantities import unit
from thermolatent.imported.tables import EnergyTable, wanted
from thermolatent.imported.texts import Section, content_of, names_of, numbers

_FIELDS = re.compile(rb"^#! FIELDS\b(.*)$", re.MULTILINE)
_DOMAIN = re.compile(rb"^#! SET (min|max)_(\S+)\s+(\S+)\s*$", re.MULTILINE)
_NUMBER = re.compile(r"([-+]?(?:\d*\.?\d+(?:[eE][-+]?\d+)?)?)\*?(pi)?")
_COMMENT = re.compile(rb"^\s*#.*\n?", re.MULTILINE)


def is_one(path: str, head: str) -> bool:
    return "#! FIELDS" in head


def read(path: str, columns: Collection[str]) -> EnergyTable:
    """Times are ps; energies have PLUMED's own unit, kJ/mol, unless a study says that the input had other UNITS."""
    content = content_of(path)
    headers, sections, rows = list(_FIELDS.finditer(content)), [], 0
    ends = [*(header.start() for header in headers[1:]), len(content)]
    for header, end in zip(headers, ends, strict=True):
        text = _COMMENT.sub(b"", content[header.end() + 1 : end])
        sections.append(Section(tuple(header[1].decode(errors="replace").split()), rows, text))
        rows += sum(1 for line in text.splitlines() if line.strip())
    names, in_all = names_of(sections)
    found = numbers(path, sections, wanted(in_all, columns), None)
    return EnergyTable(
        path, "PLUMED", names, found, {"time": unit("ps")}, fallback=unit("kJ/mol"), periods=_periods(content)
    )


def _periods(content: bytes) -> dict[str, float]:
    """Of columns whose domain the header says, ``#! SET min_phi -pi`` and ``#! SET max_phi pi``; NaN without two numbers."""
    ends = {
        (name.decode(errors="replace"), end): _number(text.decode(errors="replace"))
        for end, name, text in _DOMAIN.findall(content)
    }
    return {name: ends.get((name, b"max"), np.nan) - ends.get((name, b"min"), np.nan) for name, _ in ends}


def _number(text: str) -> float:
    """``-3.14``, ``-pi``, ``2*pi``; NaN of anything else."""
    found = _NUMBER.fullmatch(text)
    if found is None or not any(found.groups()):
        return float("nan")
    size = found[1] + "1" if found[1] in ("", "-", "+") else found[1]
    return float(size) * (np.pi if found[2] else 1.0)
