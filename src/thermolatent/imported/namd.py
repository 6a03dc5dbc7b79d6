"""NAMD's log: ``ENERGY:`` lines below ``ETITLE:`` lines; those of a minimisation are left out."""

from __future__ import annotations

import re
from collections.abc import Collection

from thermolatent.errors import ArtifactError
from thermolatent.imported.quantities import quantity, unit
from thermolatent.imported.tables import EnergyTable, wanted
from thermolatent.imported.texts import as_numbers, lines_of


def is_one(path: str, head: str) -> bool:
    return re.search(r"^ETITLE:", head, re.MULTILINE) is not None


def read(path: str, columns: Collection[str]) -> EnergyTable:
    """Energies are kcal/mol, volumes cubic angstroms. Rows at 0 K and those between "Minimizing" and "Running" are left out."""
    names: list[str] = []
    every: dict[str, None] = {}
    rows: list[tuple[list[str], list[str]]] = []
    told: dict[str, float] = {}
    minimising = False
    for line in lines_of(path):
        if line.startswith("ETITLE:"):
            names = line.split()[1:]
            every |= dict.fromkeys(names)
        elif line.startswith("ENERGY:"):
            row = line.split()[1:]
            if len(row) != len(names):
                raise ArtifactError(
                    f"{path}: a row has {len(row)} columns, must have {len(names)}; is the file cut off?"
                )
            if not minimising and not _at_rest(names, row):
                rows.append((names, row))
        elif line.startswith("TCL:"):
            minimising = "Minimizing" in line or (minimising and "Running" not in line)
        elif found := re.match(
            r"Info:\s+(?:TIMESTEP\s+|TARGET PRESSURE IS\s+|\w.*TARGET PRESSURE\s+IS\s+)([\d.eE+-]+)", line
        ):
            told["fs" if "TIMESTEP" in line else "bar"] = float(found[1])
    if not rows:
        raise ArtifactError(f"{path}: has no rows of dynamics, only of minimisation or none; write the log of the run")
    in_all = [name for name in every if all(name in own for own, _ in {id(n): (n, r) for n, r in rows}.values())]
    read = {name: [row[own.index(name)] for own, row in rows] for name in wanted(in_all, columns)}
    numbers = {name: as_numbers(path, name, texts) for name, texts in read.items()}
    volumes = {name: unit("A^3") for name in in_all if quantity(name) == "volume"}
    step = told.get("fs")
    return EnergyTable(
        path,
        "NAMD",
        tuple(every),
        numbers,
        volumes,
        unit("kcal/mol"),
        time_step=None if step is None else step * 1e-3,
        pressure=told.get("bar"),
        time_digits=1e-9,
    )


def _at_rest(names: list[str], row: list[str]) -> bool:
    """Whether a row is of a minimisation, without temperature and kinetic energy."""
    own = [name for name in ("TEMP", "KINETIC") if name in names]
    return bool(own) and all(re.fullmatch(r"-?0*\.?0*", row[names.index(name)]) for name in own)
