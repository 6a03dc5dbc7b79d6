"""Any test system of openmmtools by name: molecules in vacuum and solvent, fluids, oscillators with known averages."""

from __future__ import annotations

import functools
import inspect
import logging
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.systems.foreign import hydrogens, remove_controls, solute
from thermolatent.systems.molecule import Built, Molecule, Surroundings, longest_time_step

if TYPE_CHECKING:
    import openmm.app
    from openmmtools.testsystems import TestSystem

#: Displacement (nm) by which a System without external forces may be moved as a whole, and its energy stays the same.
_MOVED = (0.31, -0.17, 0.23)


class OpenMMTools(Molecule):
    """One class of ``openmmtools.testsystems``. Arguments with a unit are text, e.g. ``1.5*nanometer``, in OpenMM's names.

    Water, ions and single atoms around a molecule are not saved, unless there is nothing else. A thermostat or barostat of its
    own is left out.
    """

    kind: Literal["openmmtools"] = "openmmtools"
    name: str = Field(description="class in openmmtools.testsystems, e.g. AlanineDipeptideExplicit")
    arguments: dict[str, Any] = Field({}, description="of its constructor, e.g. {hydrogenMass: 3.0*amu}")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @model_validator(mode="after")
    def _known(self):
        if self.name not in (known := _test_systems()):
            raise ValueError(f"name: openmmtools has no test system '{self.name}', {did_you_mean(self.name, known)}")
        self._constructor_arguments()
        return self

    @property
    def test_system(self) -> TestSystem:
        """A new one; raises :class:`ThermolatentError` for arguments that it does not take together."""
        try:
            return _test_systems()[self.name](**self._constructor_arguments())
        except Exception as error:  # constructors raise errors of any type
            raise ThermolatentError(
                f"system.arguments: {self.name} cannot be built with them: {' '.join(str(error).split())}"
            ) from None

    @property
    def surroundings(self) -> Surroundings:
        """Explicit where there are periodic boundaries: then energies come with the simulation."""
        system = self.built.system
        if system.usesPeriodicBoundaryConditions():
            return "explicit"
        born = any("GB" in type(force).__name__ for force in system.getForces())
        return "implicit" if born else "vacuum"

    @property
    def translation_invariant(self) -> bool:
        """Whether no external force, as of an oscillator, holds it in place."""
        return _translation_invariant(self)

    @property
    def longest_time_step(self) -> float:
        """As for every molecule where there are hydrogens in the solute, infinite without."""
        mass, rigid = self._hydrogens
        return longest_time_step(mass, rigid) if math.isfinite(mass) else math.inf

    @property
    def _too_fast(self) -> tuple[str, str]:
        mass, rigid = self._hydrogens
        better = "add constraints: HBonds, or" if not rigid else "add"
        return (
            f"hydrogens of {mass:.4g} amu with {'' if rigid else 'un'}constrained bonds",
            f"{better} hydrogenMass: 3.0*amu to system.arguments if it has such arguments",
        )

    @property
    def _hydrogens(self) -> tuple[float, bool]:
        built = self.built
        return hydrogens(built.system, built.topology, built.saved)

    def _build(self) -> Built:
        from openmm import unit

        made = self.test_system
        remove_controls(made.system)
        positions = np.array(made.positions.value_in_unit(unit.nanometer))
        periodic = made.system.usesPeriodicBoundaryConditions()
        saved = _of_molecules(made.topology, solute(made.topology)) if periodic else np.arange(len(positions))
        if periodic:
            made.topology.setPeriodicBoxVectors(made.system.getDefaultPeriodicBoxVectors())
        return Built(
            made.system, made.topology, {"start": positions}, saved if len(saved) else np.arange(len(positions))
        )

    def _constructor_arguments(self) -> dict[str, Any]:
        """As the constructor takes them; raises ValueError that names the one at fault."""
        known = _parameters(_test_systems()[self.name])
        for key in self.arguments:
            if key not in known:
                raise ValueError(f"arguments.{key}: unknown argument of {self.name}, {did_you_mean(key, known)}")
        return {key: _converted(f"arguments.{key}", value, known[key]) for key, value in self.arguments.items()}


def _of_molecules(topology: openmm.app.Topology, atoms: np.ndarray) -> np.ndarray:
    """Those of ``atoms`` that have a bond: single atoms around a molecule are its solvent."""
    bonded = {atom.index for bond in topology.bonds() for atom in bond}
    return atoms[np.isin(atoms, list(bonded))] if bonded else atoms


@functools.cache
def _test_systems() -> dict[str, type[TestSystem]]:
    for name in ("pymbar", "numexpr"):  # they log greetings and their threads
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        from openmmtools import testsystems
    except ModuleNotFoundError as error:
        raise ThermolatentError(
            f"system.kind: openmmtools: {error}; install openmmtools, or write another kind"
        ) from None

    found = inspect.getmembers(testsystems, inspect.isclass)
    base = testsystems.TestSystem
    return {name: kind for name, kind in found if issubclass(kind, base) and kind is not base}


def _parameters(kind: type[TestSystem]) -> dict[str, Any]:
    """Arguments of the constructor and their defaults, with those that it hands on to the classes it is made of."""
    found: dict[str, Any] = {}
    for part in reversed(kind.__mro__[:-1]):
        parameters = inspect.signature(part.__init__).parameters.values()
        found |= {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"}
    return found


def _converted(key: str, value: Any, default: Any) -> Any:
    """A value of the study file as the type that the default is of: a quantity, an option of OpenMM (``HBonds``), ..."""
    from openmm import app, unit

    if isinstance(default, unit.Quantity):
        return _quantity(key, value, default)
    if type(default).__module__ == app.forcefield.__name__:  # HBonds, PME and the like
        options = {name for name in dir(app) if type(getattr(app, name)).__module__ == app.forcefield.__name__}
        if value is not None and value not in options:
            raise ValueError(f"{key}: OpenMM has no option '{value}', {did_you_mean(str(value), options)}")
        return None if value is None else getattr(app, value)
    if default is None and isinstance(value, str):
        return _quantity(key, value, None)
    number = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
    if default is not None and not number and type(value) is not type(default):
        if isinstance(default, tuple) and isinstance(value, list):
            return tuple(value)
        raise ValueError(f"{key}: is {value!r}; write a value like {default!r}, its default")
    return value


def _quantity(key: str, value: Any, default: Any) -> Any:
    from openmm import unit
    from openmmtools.utils import quantity_from_string

    example = "1.5*nanometer" if default is None else f"{default._value:g}*{default.unit.get_name()}"
    try:
        found = quantity_from_string(value)
        compatible = isinstance(found, unit.Quantity) and (default is None or found.unit.is_compatible(default.unit))
    except Exception:  # not text, not an expression, a name that is no unit
        compatible = False
    if not compatible:
        raise ValueError(f"{key}: is {value!r}; write a number times a unit of OpenMM, e.g. '{example}'") from None
    return found


@functools.lru_cache(maxsize=8)
def _translation_invariant(molecule: OpenMMTools) -> bool:
    import openmm as mm

    system, start = molecule.built.system, molecule.built.starts["start"]
    context = mm.Context(system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference"))
    energies = []
    for positions in (start, start + _MOVED):
        context.setPositions(positions)
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    return bool(np.isclose(*energies, rtol=1e-9, atol=1e-6))
