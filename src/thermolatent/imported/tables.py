"""Energy files of any program as one type of table: numbers by column with quantity and unit, steps and times.

Formats are OpenMM's StateDataReporter and other CSV, GROMACS .xvg and .edr, AMBER mdout, NAMD logs, PLUMED COLVAR and NPZ,
which are recognised by their content.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from thermolatent.errors import ArtifactError, did_you_mean
from thermolatent.imported.quantities import NEVER_ENERGIES, READ, Unit, quantity, split, unit, unit_of_column

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnergyTable:
    """Content of an energy file.

    Attributes
    ----------
    names: of all columns, as in the file.
    numbers: ``(rows,)`` float64 of the columns that were read, in the file's units.
    units: of single columns, if they do not follow from the names.
    energy_unit: of energy columns without a unit in their name; None if unknown.
    fallback: the program's unit, for a column whose unit neither file nor study gives.
    time_step: ps per step, if in the file.
    pressure: target of the barostat in bar, if in the file.
    time_digits: half of the last digit of printed times, ps.
    periods: of single columns, if in the file, in its units; NaN if not given by two numbers.
    """

    path: str
    program: str
    names: tuple[str, ...]
    numbers: dict[str, np.ndarray]
    units: dict[str, Unit] = field(default_factory=dict)
    energy_unit: Unit | None = None
    fallback: Unit | None = None
    time_step: float | None = None
    pressure: float | None = None
    time_digits: float = 5e-7
    periods: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.numbers.values())))

    def unit(self, name: str) -> Unit | None:
        """Unit of a column; None if neither its name nor the program gives it."""
        return self.units.get(name) or unit_of_column(name, self.energy_unit)

    def first(self, what: str) -> str | None:
        """Name of the first column of this quantity that was read."""
        return next((name for name in self.names if name in self.numbers and quantity(name) == what), None)

    def standard(self, what: str) -> np.ndarray | None:
        """``(rows,)`` of the first column of a quantity, in K, nm^3, bar, ps or kJ/mol; None if there is none in a known unit."""
        name = self.first(what)
        found = name and self.unit(name)
        return None if not found or found.size is None else self.numbers[name] * found.size

    @property
    def step(self) -> np.ndarray | None:
        """MD step of each row, ``(rows,)`` float64."""
        name = self.first("step")
        return None if name is None else self.numbers[name]

    @property
    def time(self) -> np.ndarray | None:
        """Time of each row in ps, ``(rows,)``."""
        if self.first("time") is not None:
            return self.standard("time")
        return None if self.step is None or self.time_step is None else self.step * self.time_step

    def energies(self, column: str | None, given: str | None, kT: float, key: str) -> np.ndarray:
        """Values ``(rows,)`` of a column in kJ/mol, converted from the file's unit, or from ``given`` if it has none.

        ``column`` None is the potential energy. Raises :class:`ArtifactError` for a column that is not an energy, has an
        unknown unit, or a value that is not finite.
        """
        name = find_column(self.path, self.names, column, key)
        what, said = quantity(name), self.unit(name)
        taken = said or (unit(given) if given is not None else self.fallback)
        if what in NEVER_ENERGIES or (said is not None and said.dimension != "energy"):
            is_what = what if what in NEVER_ENERGIES else f"in {said.name}"
            raise ArtifactError(
                f"{self.path}: column '{name}' is {is_what}, not a potential energy or bias; write another as {key}.column; "
                f"there are {', '.join(n for n in self.names if quantity(n) not in NEVER_ENERGIES) or 'none'}"
            )
        if taken is None:
            raise ArtifactError(
                f"{self.path}: does not give the unit of '{name}'; write {key}.unit: kJ/mol, kcal/mol, kT or eV"
            )
        if said is not None and given is not None and unit(given).size != said.size:
            log.warning(
                "%s: '%s' is in %s, as the file says, not in %s (%s.unit)", self.path, name, said.name, given, key
            )
        return self.finite(name) * taken.factor(kT)

    def finite(self, name: str) -> np.ndarray:
        """``(rows,)`` of the column of this name in the file's unit; raises :class:`ArtifactError` for what is not finite."""
        if name not in self.numbers:
            raise ArtifactError(
                f"{self.path}: '{name}' is not in all parts of the file; write a file that has it in all"
            )
        values = self.numbers[name]
        if not np.isfinite(values).all():
            raise ArtifactError(
                f"{self.path}: row {int(np.argmin(np.isfinite(values)))} (from 0) of '{name}' is not a finite number"
            )
        return values


def find_column(path: str, names: Sequence[str], column: str | None, key: str = "energies") -> str:
    """The name in the file of a column that a study names, with or without its unit; of the potential energy if it names none.

    Raises :class:`ArtifactError` if there is none, or more than one.
    """
    if column is None:
        found = [name for name in names if quantity(name) == "potential"]
        missing = f"no column is named as the potential energy; write its name as {key}.column"
    else:
        exact = [name for name in names if name == column]
        found = exact or [name for name in names if split(name)[0].lower() == column.strip().lower()]
        missing = f"column '{column}' is not there"
    if not found:
        raise ArtifactError(f"{path}: {missing}; {did_you_mean(column or 'potential energy', names)}")
    if len(found) > 1:
        raise ArtifactError(
            f"{path}: '{column or 'potential energy'}' may be {' or '.join(found)}; write one of them as {key}.column"
        )
    return found[0]


def wanted(names: Sequence[str], columns: Collection[str]) -> list[str]:
    """Columns to read: those with a known quantity, and those that a study names."""
    asked = {column.strip().lower() for column in columns}
    return [n for n in names if n in columns or split(n)[0].lower() in asked or quantity(n) in READ]


def read_table(path: str, *named: str | None) -> EnergyTable:
    """Read an energy file; the columns ``named`` are read besides those with known quantities.

    Raises :class:`ArtifactError` for a file of an unknown format, without rows, or with truncated rows.
    """
    from thermolatent.imported import amber, csv_files, gromacs, namd, npz_files, plumed
    from thermolatent.imported.texts import head_of

    columns = [column for column in named if column is not None]
    if path.lower().endswith(".edr"):
        return gromacs.read_edr(path, columns)
    if npz_files.is_one(path):
        return npz_files.read(path, columns)
    head = head_of(path)
    if not head.strip():
        raise ArtifactError(f"{path}: is empty; write another file")
    for program in (namd, plumed, gromacs, amber, csv_files):
        if program.is_one(path, head):
            table = program.read(path, columns)
            break
    else:
        raise ArtifactError(
            f"{path}: is none of OpenMM's CSV, GROMACS .xvg or .edr, AMBER mdout, NAMD log, PLUMED COLVAR, NPZ; write it as "
            'one of them, e.g. a first line #"Potential Energy (kJ/mole)" and a value per line'
        )
    if not table.numbers or not len(table):
        raise ArtifactError(f"{path}: has no rows of numbers; write another file")
    return table
