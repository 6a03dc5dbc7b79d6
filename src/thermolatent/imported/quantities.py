"""Quantity and unit of a column of an energy file. All conversions of imported numbers are here.

Standard units are kJ/mol, ps, K, nm^3 and bar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: kJ/mol per kcal/mol (thermochemical, exact) and per eV (CODATA 2018).
_KCAL, _EV = 4.184, 96.48533212331
#: Dimension, and size in the standard unit, of units as programs and people write them: lower case, without blanks and marks.
_UNITS: dict[str, tuple[str, float | None]] = {
    **dict.fromkeys(("kj/mol", "kj/mole", "kjmol-1", "kilojoule/mole", "kilojoules/mole"), ("energy", 1.0)),
    **dict.fromkeys(("kcal/mol", "kcal/mole", "kcalmol-1", "kilocalorie/mole", "kilocalories/mole"), ("energy", _KCAL)),
    "ev": ("energy", _EV),
    **dict.fromkeys(("kt", "kbt", "k_bt"), ("energy", None)),
    **{name: ("time", size) for name, size in {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "µs": 1e6}.items()},
    "k": ("temperature", 1.0),
    **dict.fromkeys(("nm3", "nm**3"), ("volume", 1.0)),
    **dict.fromkeys(("a3", "å3", "angstrom3"), ("volume", 1e-3)),
    **{name: ("pressure", size) for name, size in {"bar": 1.0, "atm": 1.01325, "kpa": 0.01, "mpa": 10.0}.items()},
}
#: Quantity by the name of a column, in lower case, words separated by one blank, without its unit. The first match counts.
_NAMES = {
    "step": r"steps?|nstep|ts",
    "time": r"time",
    "potential": r"(e ?)?pot(ential)?( en(ergy)?)?|eptot|epotential|u",
    "total": r"(total|tot)( en(ergy)?)?|etot(al)?|total[23]|conserved( en(ergy)?)?|hamiltonian",
    "kinetic": r"(e ?)?kin(etic)?( en(ergy)?)?|ektot|ekcmt|ke",
    "temperature": r"temp(erature)?(avg)?|t (system|rest)",
    "volume": r"((box|cell) )?vol(ume)?",
    "pressure": r"g?press(ure)?(avg)?|pres (dc|[xyz]{2})|vir(ial)?( [xyz]{2})?",
    "density": r"density",
    "enthalpy": r"enthalpy",
    "pV": r"p ?v",
    "restraint": r"restraint|(position|dis|distance|dih|angle) rest|com pull en|misc",
}
#: The dimension of the quantities that have one of their own.
_DIMENSION = {name: name for name in ("time", "temperature", "volume", "pressure")}
#: Quantities that are read besides the column that a study names.
READ = ("step", "time", "potential", "temperature", "volume", "pV", "restraint")
#: Never a potential energy or a bias.
NEVER_ENERGIES = ("step", "time", "total", "kinetic", "temperature", "volume", "pressure", "density", "enthalpy")


@dataclass(frozen=True)
class Unit:
    """A unit: ``size`` in the standard unit of its dimension; None of kT, whose size depends on the temperature."""

    name: str
    dimension: str
    size: float | None

    def factor(self, kT: float) -> float:
        """Factor to the standard unit; ``kT`` in kJ/mol."""
        return kT if self.size is None else self.size


def unit(text: str) -> Unit | None:
    """The unit with this name; None if unknown."""
    found = _UNITS.get(re.sub(r"[\s^.·]|(?<!\*)\*(?!\*)", "", text).lower())
    return None if found is None else Unit(text.strip(), *found)


def split(name: str) -> tuple[str, str | None]:
    """A column's name without the unit at its end, and the text of that unit: ``Box Volume (nm^3)``, ``E [kJ/mol]``."""
    found = re.fullmatch(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*", name)
    return (found[1], found[2]) if found and found[1] else (name.strip(), None)


def quantity(name: str) -> str:
    """Quantity of a column by its name: ``step``, ``time``, ``potential``, ...; ``other`` if unknown."""
    words = " ".join(re.findall(r"[^\W_]+", split(name)[0].lower()))
    return next((what for what, pattern in _NAMES.items() if re.fullmatch(pattern, words)), "other")


def has_dimension(name: str, found: Unit) -> bool:
    """Whether a column of this name can have this unit."""
    return _DIMENSION.get(quantity(name), found.dimension) == found.dimension


def unit_of_column(name: str, energies: Unit | None) -> Unit | None:
    """Unit in a column's name, else the usual unit of its quantity, else ``energies``, the file's unit of energy.

    An unknown unit in parentheses counts as none: ``TEMP(F)``.
    """
    what, (_, written) = quantity(name), split(name)
    if written is not None and (found := unit(written)) is not None:
        return found
    if what in _DIMENSION:
        standard = {"time": "ps", "temperature": "K", "volume": "nm^3", "pressure": "bar"}[what]
        return unit(standard) if written is None else None
    return energies if what not in ("step", "density") else None
