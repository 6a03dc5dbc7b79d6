"""OpenMM Systems of other programs: removal of thermostats and barostats, solute, hydrogens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openmm
    import openmm.app

#: Residue names of water and ions, which are not saved.
_SOLVENT = {
    *("HOH", "WAT", "SOL", "TIP3", "TIP3P", "TP3", "TIP4", "T4P", "OPC", "SPC", "SPCE"),
    *("NA", "NA+", "SOD", "CL", "CL-", "CLA", "K", "K+", "POT", "MG", "MG2", "CA2", "CAL", "CES", "LI", "RB", "CS"),
}
#: Names of barostats and thermostats inside a System; the engine has its own.
_CONTROLS = ("Barostat", "AndersenThermostat", "CMMotionRemover")


def remove_controls(system: openmm.System) -> None:
    """Take barostats, thermostats and the remover of the motion of the centre of mass out of ``system``."""
    for i in reversed(range(system.getNumForces())):
        if any(control in type(system.getForce(i)).__name__ for control in _CONTROLS):
            system.removeForce(i)


def solute(topology: openmm.app.Topology, keep: Iterable[str] = ()) -> np.ndarray:
    """Indices ``(n,)`` of the atoms whose residue is neither water nor an ion, or is named in ``keep``."""
    outside = _SOLVENT - set(keep)
    return np.array([a.index for a in topology.atoms() if a.residue.name.upper() not in outside], dtype=int)


def hydrogens(system: openmm.System, topology: openmm.app.Topology, saved: np.ndarray) -> tuple[float, bool]:
    """Mass (amu) of the lightest hydrogen among the atoms ``saved``, and whether all are held by constraints.

    Without hydrogens infinity and True.
    """
    chosen = {int(i) for i in saved}
    found = [a.index for a in topology.atoms() if a.element is not None and a.element.atomic_number == 1]
    found = [i for i in found if i in chosen]
    held = {p for c in range(system.getNumConstraints()) for p in system.getConstraintParameters(c)[:2]}
    return min((system.getParticleMass(i)._value for i in found), default=math.inf), held.issuperset(found)
