"""AMBER's mdout: blocks of ``NAME = value`` that begin with NSTEP, of one run or several."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.quantities import quantity, unit
from thermolatent.imported.tables import EnergyTable, wanted
from thermolatent.imported.texts import as_numbers, lines_of

#: Names may contain blanks and parentheses (``1-4 NB``, ``EAMBER (non-restraint)``).
_FIELD = re.compile(r"(\S[^=]*?)\s*=\s*(-?[\d.]+(?:[Ee][+-]?\d+)?|\*+|-?nan|-?inf\w*)", re.IGNORECASE)
_BLOCK = re.compile(r"\s*NSTEP\s*=")
#: Headings of blocks that are not of a single step: averages at the end, or running averages.
_NO_STEP = ("A V E R A G E S", "R M S  F L U C T U A T I O N S", "AVERAGES OVER")


def is_one(path: str, head: str) -> bool:
    return re.search(r"^\s*NSTEP\s*=", head, re.MULTILINE) is not None


def read(path: str, columns: Collection[str]) -> EnergyTable:
    """Energies are kcal/mol, volumes cubic angstroms. Raises :class:`ArtifactError` for thermodynamic integration with
    separate energies of two regions.
    """
    blocks: list[dict[str, str]] = []
    inside = skip = regions = False
    pressure = None
    for line in lines_of(path):
        if any(words in line for words in _NO_STEP):
            skip = True
        elif _BLOCK.match(line):
            inside, skip = not skip, False
            if inside:
                blocks.append({})
        elif line.lstrip().startswith("----"):
            inside = False
        elif line.startswith("| TI region"):
            regions = True
        elif not blocks and (found := re.search(r"\bpres0\s*=\s*([\d.]+)", line)):
            pressure = float(found[1])
        if inside and "=" in line:
            blocks[-1] |= {name: value for name, value in _FIELD.findall(line) if name not in blocks[-1]}
    names = tuple(dict.fromkeys(name for block in blocks for name in block))
    own = wanted([name for name in names if all(name in block for block in blocks)], columns)
    if missing := [
        name for name in wanted(names, columns) if name not in own and quantity(name) in ("step", "time", "potential")
    ]:
        number = next(i for i, block in enumerate(blocks) if missing[0] not in block)
        raise ArtifactError(f"{path}: row {number} (from 0) has no {missing[0]}; is the file cut off?")
    numbers = {name: as_numbers(path, name, [block[name] for block in blocks]) for name in own}
    if regions and _two_energies(numbers):
        raise ArtifactError(
            f"{path}: is a thermodynamic integration with energies of two regions at each step; write those of the simulated "
            'lambda as a CSV: #"Time (ps)","Potential Energy (kcal/mol)"'
        )
    volumes = {name: unit("A^3") for name in names if quantity(name) == "volume"}
    return EnergyTable(path, "AMBER", names, numbers, volumes, unit("kcal/mol"), pressure=pressure, time_digits=6e-4)


def _two_energies(numbers: dict[str, np.ndarray]) -> bool:
    """Whether a step is repeated with another potential energy."""
    if "NSTEP" not in numbers or "EPtot" not in numbers:
        return False
    again = np.flatnonzero(np.diff(numbers["NSTEP"]) == 0)
    return bool((numbers["EPtot"][again] != numbers["EPtot"][again + 1]).any())
