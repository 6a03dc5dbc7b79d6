"""Columns as values of PLUMED's actions, which :mod:`thermolatent.export.plumed` writes to an input.

PLUMED: Tribello et al., Comput. Phys. Commun. 185, 604 (2014). Lengths in nm and angles in radians, as everywhere here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Value(NamedTuple):
    """One number of an action: its value, or one of its components by name."""

    action: Action
    component: str | None = None


@dataclass(frozen=True)
class Action:
    """One action.

    Attributes
    ----------
    kind: in PLUMED's spelling, as TORSION; empty where the user has it, and the component is its label.
    atoms: keyword -> indices of atoms, from 0. Those of REFERENCE are in a PDB file at ``reference``.
    arguments: values of other actions that it takes.
    options: the rest of its line.
    reference: positions (nm) of the atoms of REFERENCE.
    """

    kind: str
    atoms: tuple[tuple[str, tuple[int, ...]], ...] = ()
    arguments: tuple[Value, ...] = ()
    options: str = ""
    reference: tuple[tuple[float, float, float], ...] = ()


def of_label(label: str) -> Value:
    """A value that an input of the user's own defines, above ours."""
    return Value(Action(""), label)


def of_atoms(kind: str, options: str = "", component: str | None = None, **atoms: Iterable[int]) -> Value:
    """A value of an action that takes atoms, by keyword."""
    return Value(Action(kind, tuple((k, tuple(map(int, v))) for k, v in atoms.items()), options=options), component)


def function(formula: str, *arguments: Value) -> Value:
    """A formula of one value ``x``, or of several, ``a0``, ``a1`` and so on."""
    names = "" if len(arguments) == 1 else f"VAR={','.join(f'a{i}' for i in range(len(arguments)))} "
    return Value(Action("CUSTOM", arguments=arguments, options=f"{names}FUNC={formula} PERIODIC=NO"))
