"""Simulation of a molecule: box and barostat, minimised starts, choice of engine, heating ramp, broken bonds."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass

import numpy as np
import openmm as mm

from thermolatent.errors import SimulationError
from thermolatent.simulate.copies import bond_lengths, make_copies, why_not
from thermolatent.simulate.engines import Engine, InTurn, Recipe, Together, degrees_of_freedom, masses_of
from thermolatent.simulate.langevin import (
    langevin,
    new_context,
    platform_name,
    platform_properties,
    seed_of,
    start_names,
)
from thermolatent.simulate.processes import Processes
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.base import System
from thermolatent.systems.molecule import Molecule

log = logging.getLogger(__name__)

#: Platforms on which a walker runs on one core.
ON_CORES = ("Reference", "CPU")
#: Heating: first temperature as a share of the final one, share of the equilibration, number of stages.
RAMP_FROM, RAMP_PART, RAMP_STAGES = 0.1, 0.2, 10
#: A bond is broken above this multiple of its force-field length.
BROKEN = 1.5
#: Root mean square force at which a minimisation ends, kJ/mol/nm.
_TOLERANCE = 10.0


def molecule_engine(molecule: Molecule, settings: Simulate, temperature: float, threads: int = 1) -> Engine:
    """The engine for this molecule and platform; :func:`start_walkers` or a checkpoint gives it walkers.

    On a GPU, copies in one Context if the molecule allows it; else walkers in turn, in ``threads`` processes on the CPU.
    """
    name = platform_name(molecule, settings)
    if name not in ON_CORES:
        system = molecule_system(molecule, settings, temperature)
        if (reason := why_not(system)) is None:
            integrator, properties = langevin(molecule, settings, temperature), platform_properties(name, settings)
            context = new_context(make_copies(system, settings.walkers).system, integrator, name, properties)
            return Together(context, settings.walkers, degrees_of_freedom(system))
        log.info("%s: no copies in one Context because of %s; walkers take turns", molecule.kind, reason)
    return engine_in_turn(molecule, settings, temperature, settings.walkers, threads)


def engine_in_turn(
    system: System, settings: Simulate, temperature: float, walkers: int, threads: int = 1
) -> InTurn | Processes:
    """The engine whose walkers take turns, of a molecule or a model system; in ``threads`` processes on the CPU."""
    name = platform_name(system, settings)
    one = molecule_system(system, settings, temperature) if isinstance(system, Molecule) else system.build()
    recipe = Recipe(
        system=mm.XmlSerializer.serialize(one),
        integrator=mm.XmlSerializer.serialize(langevin(system, settings, temperature)),
        platform=name,
        properties=platform_properties(name, settings),
        saved=np.asarray(system.built.saved) if isinstance(system, Molecule) else np.arange(system.n_particles),
        degrees_of_freedom=degrees_of_freedom(one),
        energies=getattr(system, "surroundings", "") == "explicit",
        pressure=settings.pressure,
    )
    processes = min(threads, walkers) if name in ON_CORES else 1
    return InTurn(recipe) if processes == 1 else Processes(recipe, walkers, processes)


def start_walkers(
    engine: Engine,
    molecule: Molecule,
    settings: Simulate,
    temperature: float,
    iterations: int = 0,
    positions: np.ndarray | None = None,
) -> None:
    """Put every walker at its minimised start, or at its ``positions`` ``(walkers, all particles, 3)`` in nm, with random
    velocities of the ramp's first temperature.

    ``iterations``: maximum of the minimisation; 0 for no limit.
    """
    system = molecule_system(molecule, settings, temperature)
    if positions is None:
        starts = minimised_starts(molecule, settings, system, iterations)
        positions = np.stack([starts[name] for name in start_names(molecule, settings.walkers)])
    if isinstance(engine, Together):
        middle = np.average(positions, axis=1, weights=masses_of(system))
        positions = positions + (make_copies(system, settings.walkers).centers - middle)[:, None]
    seeds = [
        tuple(seed_of(settings.seed, temperature, f"{purpose}/{walker}") for purpose in ("noise", "velocities"))
        for walker in range(settings.walkers)
    ]
    engine.start(positions, kelvin_at(0, molecule, settings, temperature), seeds)


def molecule_system(molecule: Molecule, settings: Simulate, temperature: float) -> mm.System:
    """One copy as it is simulated: in the study's volume, or with a barostat at its pressure.

    Raises :class:`SimulationError` for a box that is too small for the cutoff.
    """
    system = copy.deepcopy(molecule.built.system)
    if molecule.surroundings != "explicit":
        return system
    if settings.volume is not None:
        scale = box_scale(molecule, settings)
        system.setDefaultPeriodicBoxVectors(*(vector * scale for vector in system.getDefaultPeriodicBoxVectors()))
    width = min(vector[axis]._value for axis, vector in enumerate(system.getDefaultPeriodicBoxVectors()))
    for force in system.getForces():
        if isinstance(force, mm.NonbondedForce) and 2 * (cutoff := force.getCutoffDistance()._value) > width:
            raise SimulationError(
                f"system: its box is only {width:.3g} nm wide, less than twice the cutoff of {cutoff:g} nm; "
                "add more solvent, or raise simulate.volume"
            )
    if settings.pressure is not None:
        barostat = mm.MonteCarloBarostat(settings.pressure, molecule.kelvin(temperature))
        barostat.setRandomNumberSeed(seed_of(settings.seed, temperature, "barostat"))
        system.addForce(barostat)
    return system


def saved_series(settings: Simulate) -> tuple[str, ...]:
    """Names of the series that are saved besides the energy."""
    return ("kinetic_temperature",) + (("volumes",) if settings.pressure is not None else ())


def box_scale(molecule: Molecule, settings: Simulate) -> float:
    """Factor on the edges of the molecule's box that gives it the study's volume."""
    vectors = molecule.built.system.getDefaultPeriodicBoxVectors()
    volume = np.prod([vector[axis]._value for axis, vector in enumerate(vectors)])  # they are in reduced form
    return float(settings.volume / volume) ** (1 / 3)


def minimised_starts(
    molecule: Molecule, settings: Simulate, system: mm.System, iterations: int = 0
) -> dict[str, np.ndarray]:
    """Each start ``(all particles, 3)`` in nm at its local energy minimum, in the box of ``system``.

    Raises :class:`SimulationError` for one whose energy is not finite.
    """
    name = platform_name(molecule, settings)
    context = new_context(system, mm.VerletIntegrator(0.001), name, platform_properties(name, settings))
    result = {}
    for start, positions in molecule.built.starts.items():
        log.info("minimising start '%s', %d particles", start, len(positions))
        if settings.volume is not None:
            positions = _scaled(context, positions, box_scale(molecule, settings))
        context.setPositions(positions)
        mm.LocalEnergyMinimizer.minimize(context, _TOLERANCE, iterations)
        state = context.getState(positions=True, energy=True)
        if not np.isfinite(state.getPotentialEnergy()._value):
            raise SimulationError(
                f"system: start '{start}' has no finite energy even after minimisation; atoms lie on top of each other"
            )
        result[start] = state.getPositions(asNumpy=True)._value
    return result


def _scaled(context: mm.Context, positions: np.ndarray, scale: float) -> np.ndarray:
    """Positions with every molecule moved as a whole, as by a barostat."""
    positions = np.array(positions, dtype=float)
    for members in map(list, context.getMolecules()):
        positions[members] += (scale - 1) * positions[members].mean(axis=0)
    return positions


def kelvin_at(step: int, molecule: Molecule, settings: Simulate, temperature: float) -> float:
    """Temperature of the thermostat: a ramp at the beginning of the equilibration, in stages, then the final one."""
    stage = step // ramp_stage(settings)
    rise = min(1.0, stage / RAMP_STAGES) if settings.equilibration else 1.0
    return molecule.kelvin(temperature) * (RAMP_FROM + (1 - RAMP_FROM) * rise)


def ramp_stage(settings: Simulate) -> int:
    """Steps at one temperature of the ramp."""
    return max(1, int(RAMP_PART * settings.equilibration / RAMP_STAGES))


@dataclass(frozen=True)
class Bonds:
    """Bonds between saved atoms with a length in the force field.

    Attributes
    ----------
    pairs: ``(bonds, 2)`` indices of saved atoms.
    lengths: ``(bonds,)`` in nm.
    names: of the saved atoms.
    """

    pairs: np.ndarray
    lengths: np.ndarray
    names: list[str]

    @classmethod
    def of(cls, molecule: Molecule) -> Bonds:
        """Bonds of the topology; other harmonic bonds are restraints."""
        built = molecule.built
        lengths = bond_lengths(built.system)
        saved = {int(atom): index for index, atom in enumerate(built.saved)}
        found = {}
        for bond in built.topology.bonds():
            pair = tuple(sorted((bond[0].index, bond[1].index)))
            if pair in lengths and saved.keys() >= set(pair):
                found[saved[pair[0]], saved[pair[1]]] = lengths[pair]
        atoms = list(built.topology.atoms())
        names = [f"{atoms[i].residue.name}{atoms[i].residue.id}-{atoms[i].name}" for i in built.saved]
        return cls(np.array(list(found), dtype=int).reshape(-1, 2), np.array(list(found.values())), names)

    def broken(self, positions: np.ndarray) -> tuple[int, str] | None:
        """``(walker, what)`` of the first bond out of bounds in ``positions (frames, walkers, atoms, 3)``, if any."""
        first, second = self.pairs.T
        with np.errstate(invalid="ignore"):
            lengths = np.linalg.norm(positions[:, :, first] - positions[:, :, second], axis=-1)
        wrong = np.argwhere(~(lengths <= BROKEN * self.lengths))
        if len(wrong):
            frame, walker, bond = wrong[0]
            ends = " to ".join(self.names[i] for i in self.pairs[bond])
            length = lengths[frame, walker, bond]
            return int(walker), f"its bond {ends} is {length:.3g} nm long, should be {self.lengths[bond]:.3g}"
        lost = np.argwhere(~np.isfinite(positions).all(axis=(2, 3)))
        return (int(lost[0, 1]), "its coordinates are not numbers") if len(lost) else None
