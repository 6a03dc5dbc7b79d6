"""Engines move the walkers: all of them in one Context, or one after the other in one Context of a single copy."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import openmm as mm

from thermolatent.simulate.langevin import new_context
from thermolatent.systems.base import BAR_NM3, GAS_CONSTANT

#: Per walker and frame, beside the positions: names of what an engine can give.
Frame = tuple[np.ndarray, dict[str, np.ndarray]]


class Failed(Exception):
    """OpenMM cannot continue, mostly since a coordinate is not a number. ``walker`` is None if unknown."""

    def __init__(self, walker: int | None, reason: str):
        super().__init__(walker, reason)
        self.walker, self.reason = walker, reason


class Engine:
    """All walkers of a simulation, with common steps, frames and checkpoints."""

    def start(self, positions: np.ndarray, kelvin: float, seeds: list[tuple[int, int]]) -> None:
        """Put walkers at ``positions (walkers, all particles, 3)`` in nm with random velocities.

        ``seeds``: of each walker, for noise and velocities. One Context of all walkers is seeded for noise already, and uses
        the first seed for velocities.
        """
        raise NotImplementedError

    def step(self, steps: int, kelvin: float) -> None:
        """Move every walker by ``steps`` at a temperature; raises :class:`Failed`."""
        raise NotImplementedError

    def frame(self) -> Frame:
        """Positions ``(walkers, saved particles, 3)`` in nm, float64, and per-walker numbers ``(walkers,)`` by name.

        These may be ``energies`` (U, or U + pV where there is a pressure, kJ/mol; where they are missing the
        system's ``potential_energy`` is used), ``volumes`` (nm^3) and ``kinetic_temperature`` (K).
        """
        raise NotImplementedError

    def checkpoint(self) -> bytes:
        """The complete state, including the random number generators."""
        raise NotImplementedError

    def restore(self, checkpoint: bytes) -> None:
        """Go back to a checkpoint; raises OpenMMException or ValueError if it is not of this system and platform."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what the engine holds."""

    def name(self, walker: int) -> str:
        """What a walker is called in a message."""
        return f"walker {walker}"


class Together(Engine):
    """One Context with all walkers, particles ordered walker by walker.

    With ``degrees_of_freedom`` of one walker frames have kinetic temperatures, for which velocities are fetched.
    """

    def __init__(self, context: mm.Context, walkers: int, degrees_of_freedom: int = 0):
        self._context, self._walkers, self._freedom = context, walkers, degrees_of_freedom
        self._integrator = context.getIntegrator()
        self._kelvin = self._integrator.getTemperature()._value
        self._masses = masses_of(context.getSystem()).reshape(walkers, -1)

    def start(self, positions: np.ndarray, kelvin: float, seeds: list[tuple[int, int]]) -> None:
        self._context.setPositions(positions.reshape(-1, 3))
        self._context.setVelocitiesToTemperature(kelvin, seeds[0][1])

    def step(self, steps: int, kelvin: float) -> None:
        if kelvin != self._kelvin:
            self._integrator.setTemperature(kelvin)
            self._kelvin = kelvin
        try:
            self._integrator.step(steps)
        except mm.OpenMMException as error:
            raise Failed(None, str(error).strip()) from error

    def frame(self) -> Frame:
        try:
            state = self._context.getState(positions=True, velocities=bool(self._freedom))
        except mm.OpenMMException as error:
            raise Failed(None, str(error).strip()) from error
        positions = state.getPositions(asNumpy=True)._value.reshape(self._walkers, -1, 3)
        if not self._freedom:
            return positions, {}
        velocities = state.getVelocities(asNumpy=True)._value.reshape(positions.shape)
        return positions, {"kinetic_temperature": kinetic_temperature(velocities, self._masses, self._freedom)}

    def checkpoint(self) -> bytes:
        return self._context.createCheckpoint()

    def restore(self, checkpoint: bytes) -> None:
        self._context.loadCheckpoint(checkpoint)


@dataclass(frozen=True)
class Recipe:
    """What a process needs to make a Context of one copy.

    Attributes
    ----------
    system, integrator: XML.
    platform, properties: where it runs.
    saved: indices of the particles whose positions are wanted.
    degrees_of_freedom: of the whole system.
    energies: whether frames have them (explicit solvent, whose positions are not saved).
    pressure: bar, with a MonteCarloBarostat in the system; None for a constant volume.
    """

    system: str
    integrator: str
    platform: str
    properties: dict[str, str]
    saved: np.ndarray
    degrees_of_freedom: int
    energies: bool
    pressure: float | None


class InTurn(Engine):
    """One Context of one copy for all walkers in turn; between turns a walker is a checkpoint with its own random numbers."""

    def __init__(self, recipe: Recipe, first: int = 0):
        self._recipe, self._first = recipe, first
        self._system = mm.XmlSerializer.deserialize(recipe.system)
        self._integrator = mm.XmlSerializer.deserialize(recipe.integrator)
        self._context = new_context(self._system, self._integrator, recipe.platform, recipe.properties)
        self._masses = masses_of(self._system)
        place = {int(atom): index for index, atom in enumerate(recipe.saved)}
        molecules = [[place[i] for i in members if i in place] for members in self._context.getMolecules()]
        self._molecules = [members for members in molecules if members]
        self._walkers: list[bytes] = []
        self._frames: list[Frame] = []

    def start(self, positions: np.ndarray, kelvin: float, seeds: list[tuple[int, int]]) -> None:
        self._walkers = []
        for place, (noise, velocities) in zip(positions, seeds, strict=True):
            self._integrator.setRandomNumberSeed(noise)
            for force in self._system.getForces():
                if isinstance(force, mm.MonteCarloBarostat):
                    force.setRandomNumberSeed(noise)
            self._context.reinitialize()  # the only moment at which seeds are read
            self._context.setPositions(place)
            self._context.setVelocitiesToTemperature(kelvin, velocities)
            self._walkers.append(self._context.createCheckpoint())

    def step(self, steps: int, kelvin: float) -> None:
        self.step_each(steps, np.full(len(self._walkers), kelvin), np.ones(len(self._walkers)))

    def step_each(self, steps: int, kelvins: np.ndarray, factors: np.ndarray) -> None:
        """Like :meth:`step`, with a temperature per walker, after its velocities are multiplied by its factor."""
        self._frames = []
        for walker, (checkpoint, kelvin, factor) in enumerate(zip(self._walkers, kelvins, factors, strict=True)):
            try:
                self._context.loadCheckpoint(checkpoint)
                if factor != 1.0:
                    velocities = self._context.getState(velocities=True).getVelocities(asNumpy=True)
                    self._context.setVelocities(velocities * float(factor))
                self._integrator.setTemperature(float(kelvin))
                if self._recipe.pressure is not None:
                    self._context.setParameter(mm.MonteCarloBarostat.Temperature(), float(kelvin))
                self._integrator.step(steps)
                self._frames.append(self._look())
                self._walkers[walker] = self._context.createCheckpoint()
            except mm.OpenMMException as error:
                raise Failed(self._first + walker, str(error).strip()) from error

    def _look(self) -> Frame:
        recipe = self._recipe
        state = self._context.getState(positions=True, velocities=True, energy=recipe.energies)
        velocities = state.getVelocities(asNumpy=True)._value
        seen = {"kinetic_temperature": kinetic_temperature(velocities, self._masses, recipe.degrees_of_freedom)}
        if recipe.energies:
            seen["energies"] = state.getPotentialEnergy()._value
        if recipe.pressure is not None:
            seen["volumes"] = state.getPeriodicBoxVolume()._value
            seen["energies"] += recipe.pressure * BAR_NM3 * seen["volumes"]
        positions = state.getPositions(asNumpy=True)._value[recipe.saved]
        if self._system.usesPeriodicBoundaryConditions():
            positions = gathered(positions, self._molecules, state.getPeriodicBoxVectors(asNumpy=True)._value)
        return positions, seen

    def frame(self) -> Frame:
        return joined(
            [(positions[None], {k: np.array([v]) for k, v in seen.items()}) for positions, seen in self._frames]
        )

    def checkpoint(self) -> bytes:
        return pack(self._walkers)

    def restore(self, checkpoint: bytes) -> None:
        walkers = unpack(checkpoint)
        for walker in walkers:
            self._context.loadCheckpoint(walker)
        self._walkers = walkers


def gathered(positions: np.ndarray, molecules: list[list[int]], box: np.ndarray) -> np.ndarray:
    """Positions ``(n, 3)`` with every molecule at the image nearest to the first molecule.

    ``box (3, 3)`` has the vectors in reduced form. OpenMM keeps each molecule whole, but moves it into the box.
    """
    positions = np.array(positions)
    middle = positions[molecules[0]].mean(axis=0)
    for members in molecules[1:]:
        away = positions[members].mean(axis=0) - middle
        shift = np.zeros(3)
        for axis in (2, 1, 0):  # a later vector has components along the earlier ones
            shift -= box[axis] * np.round((away + shift)[axis] / box[axis, axis])
        positions[members] += shift
    return positions


def joined(frames: list[Frame]) -> Frame:
    """Frames of several groups of walkers as one."""
    positions = np.concatenate([positions for positions, _ in frames])
    return positions, {name: np.concatenate([seen[name] for _, seen in frames]) for name in frames[0][1]}


def pack(parts: list[bytes]) -> bytes:
    """Byte strings as one, each after its length."""
    return b"".join(struct.pack("<Q", len(part)) + part for part in parts)


def unpack(content: bytes) -> list[bytes]:
    """The inverse of :func:`pack`."""
    parts, place = [], 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        parts.append(content[place + 8 : place + 8 + length])
        place += 8 + length
    return parts


def masses_of(system: mm.System) -> np.ndarray:
    """``(particles,)`` in amu."""
    return np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])


def degrees_of_freedom(system: mm.System) -> int:
    """Three per particle with a mass, less one per constraint: nothing removes the motion of the centre of mass."""
    return 3 * int((masses_of(system) > 0).sum()) - system.getNumConstraints()


def kinetic_temperature(velocities: np.ndarray, masses: np.ndarray, degrees_of_freedom: int) -> np.ndarray:
    """``2 K / (f k)`` in kelvin of velocities ``(..., particles, 3)`` in nm/ps and masses ``(..., particles)`` in amu."""
    twice = np.einsum("...pi,...pi,...p->...", velocities, velocities, masses)
    return twice / (degrees_of_freedom * GAS_CONSTANT)
