"""Force fields, waters and implicit solvents by name: OpenMM's own parameter files, no download."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from thermolatent.errors import ThermolatentError, did_you_mean, reason
from thermolatent.systems.files import DATA

if TYPE_CHECKING:
    import openmm.app

#: OpenMM's files of implicit solvents: radii by element, fitted beside Amber's charges; OpenMM has them for CHARMM's too.
Implicit = Literal["hct", "obc1", "obc2", "gbn", "gbn2"]
#: Temperature (K) at which the Debye length of salt in implicit solvent is taken: all temperatures share one Hamiltonian.
DEBYE_TEMPERATURE = 300.0
SOLVENT_DIELECTRIC = 78.5


@dataclass(frozen=True)
class ForceFieldFiles:
    """One row of the table.

    Parameters
    ----------
    solute: parameter files of proteins and, where there are any, nucleic acids.
    waters: name -> parameter file of water and its ions.
    cutoff: customary cutoff (nm) of PME's direct sum.
    switch: width (nm) over which Lennard-Jones is switched off before the cutoff; 0 for a plain cutoff.
    """

    solute: tuple[str, ...]
    waters: dict[str, str]
    cutoff: float = 1.0
    switch: float = 0.0


def _waters(folder: str, *names: str) -> dict[str, str]:
    return {name: f"{folder}{name}.xml" for name in names}


_CHARMM_WATERS = {"tip3p": "charmm36/water.xml", **_waters("charmm36/", "spce", "tip4pew", "tip4p2005")}
_CHARMM = ("charmm36.xml", str(DATA / "charmm36_caps.xml"))

FORCE_FIELDS = {
    "amber14": ForceFieldFiles(
        ("amber14-all.xml",), _waters("amber14/", "tip3p", "tip3pfb", "spce", "opc", "opc3", "tip4pew", "tip4pfb")
    ),
    "amber19": ForceFieldFiles(
        ("amber19-all.xml",), _waters("amber19/", "tip3p", "tip3pfb", "spce", "opc", "opc3", "tip4pew", "tip4pfb")
    ),
    "amber99sb": ForceFieldFiles(("amber99sb.xml",), _waters("", "tip3p", "spce", "tip4pew")),
    "amber99sb-ildn": ForceFieldFiles(("amber99sbildn.xml",), _waters("", "tip3p", "spce", "tip4pew")),
    "amber03": ForceFieldFiles(("amber03.xml",), _waters("", "tip3p", "spce", "tip4pew")),
    "charmm36": ForceFieldFiles(_CHARMM, _CHARMM_WATERS, cutoff=1.2, switch=0.2),
}


def known_force_field(name: str) -> str:
    """``name``, if it is in the table; raises ValueError with a suggestion otherwise."""
    if name not in FORCE_FIELDS:
        raise ValueError(f"unknown force field '{name}', {did_you_mean(name, FORCE_FIELDS)}")
    return name


@functools.lru_cache(maxsize=8)
def load_force_field(
    name: str, water: str | None = None, implicit: str | None = None, more: tuple[str, ...] = ()
) -> openmm.app.ForceField:
    """The force field with a water or an implicit solvent; ``more`` are the user's own parameter files.

    Raises :class:`ThermolatentError` for a file of ``more`` that OpenMM cannot read.
    """
    from openmm import app

    entry = FORCE_FIELDS[name]
    files = [*entry.solute, *([entry.waters[water]] if water else []), *more]
    files += [f"implicit/{implicit}.xml"] if implicit else []
    try:
        return app.ForceField(*files)
    except Exception as error:  # OpenMM raises plain ValueError and Exception here
        raise ThermolatentError(f"system.parameters: {reason(error)}; write OpenMM force field XML files") from None


def create_system(force_field: openmm.app.ForceField, topology: openmm.app.Topology, name: str, **arguments):
    """``createSystem``; raises :class:`ThermolatentError` that names the residue the force field does not know."""
    try:
        return force_field.createSystem(topology, removeCMMotion=False, **arguments)
    except Exception as error:  # OpenMM raises plain ValueError and Exception here
        raise template_error(error, topology, name) from None


def template_error(error: Exception, topology: openmm.app.Topology, name: str) -> ThermolatentError:
    """OpenMM's error for a residue without template, in terms of the study."""
    from pdbfixer.pdbfixer import substitutions

    if found := re.match(
        r"No template found for residue (\d+) \((\S+)\)\.(.*?)(For more information|$)", reason(error)
    ):
        named = list(topology.residues())[int(found[1])]
        residue = _at_fault(named)
        why = found[3].rstrip() if residue is named else ""
        standard = substitutions.get(residue.name)
        return ThermolatentError(
            f"system.force_field: {name} has no template for {residue.name} {residue.id} (chain {residue.chain.id}):{why} Write "
            + (f"system.standardise: true to make it {standard}, " if standard else "")
            + f"another force field, system.remove: [{residue.name}] to leave it out, system.parameters with an OpenMM XML file "
            "that has it, or kind: prepared"
        )
    return ThermolatentError(f"system.force_field: {name} cannot describe this structure: {reason(error)}")


def _at_fault(residue: openmm.app.topology.Residue) -> openmm.app.topology.Residue:
    """The residue itself, or a neighbour in the chain that is not standard: then the bond to it does not fit the template."""
    from pdbfixer.pdbfixer import dnaResidues, proteinResidues, rnaResidues

    standard = {*proteinResidues, *dnaResidues, *rnaResidues, "ACE", "NME", "NH2", "HOH"}
    chain = list(residue.chain.residues())
    at = chain.index(residue)
    near = [residue, *chain[at + 1 : at + 2], *chain[max(0, at - 1) : at]]
    return next((r for r in near if r.name not in standard), residue)


def debye_kappa(salt: float) -> float:
    """Inverse Debye length (1/nm) of a monovalent salt (mol/l) at 300 K, by 0.73 for the ions' size as Amber has it."""
    from scipy.constants import Avogadro, Boltzmann, e, epsilon_0

    density = 1000.0 * salt * Avogadro
    kappa = np.sqrt(2.0 * density * e**2 / (epsilon_0 * SOLVENT_DIELECTRIC * Boltzmann * DEBYE_TEMPERATURE))
    return float(0.73e-9 * kappa)
