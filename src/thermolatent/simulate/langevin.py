"""The OpenMM side of the dynamics: platform, integrator, Context, seeds."""

from __future__ import annotations

import hashlib

import numpy as np
import openmm as mm

from thermolatent.errors import SimulationError
from thermolatent.simulate.devices import own_device
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.base import System
from thermolatent.temperatures import format_temperature


def seed_of(seed: int, temperature: float, purpose: str) -> int:
    """A 31-bit seed that depends on the study's seed, the temperature and what it is for, the same in every process."""
    text = f"{seed}/{format_temperature(temperature)}/{purpose}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % (2**31 - 1) + 1


def asked_platform(system: System, settings: Simulate) -> str:
    """The platform of the study, which this OpenMM may lack."""
    return system.fastest_platform if settings.platform == "auto" else settings.platform


def platform_name(system: System, settings: Simulate) -> str:
    """The platform to run on; raises :class:`SimulationError` if this OpenMM lacks it."""
    name = asked_platform(system, settings)
    available = [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]
    if name not in available:
        raise SimulationError(
            f"simulate.platform: OpenMM has no platform '{name}' here; write one of {', '.join(available)}, or auto"
        )
    return name


def platform_properties(name: str, settings: Simulate, threads: int = 1) -> dict[str, str]:
    """Properties of a Context on the platform: ``threads`` for CPU, ``settings.precision`` and a device for the GPU ones."""
    known = mm.Platform.getPlatformByName(name).getPropertyNames()
    wanted = {"Threads": str(threads), "Precision": settings.precision, "DeterministicForces": "true"}
    if "DeviceIndex" in known and (device := own_device()) is not None:
        wanted["DeviceIndex"] = device
    return {k: v for k, v in wanted.items() if k in known}


def new_context(system: mm.System, integrator: mm.Integrator, name: str, properties: dict[str, str]) -> mm.Context:
    """A Context; raises :class:`SimulationError` where the platform cannot be started."""
    try:
        return mm.Context(system, integrator, mm.Platform.getPlatformByName(name), properties)
    except mm.OpenMMException as error:
        raise SimulationError(
            f"simulate.platform: {name} cannot be started ({str(error).strip()}); write another platform, or auto"
        ) from error


def langevin(system: System, settings: Simulate, temperature: float) -> mm.LangevinMiddleIntegrator:
    """The study's integrator at this temperature, seeded."""
    integrator = mm.LangevinMiddleIntegrator(system.kelvin(temperature), settings.friction, settings.time_step)
    integrator.setRandomNumberSeed(seed_of(settings.seed, temperature, "noise"))
    return integrator


def make_context(system: System, settings: Simulate, temperature: float, threads: int = 1) -> mm.Context:
    """Context of all walkers of a model system at their starting structures with Maxwell-Boltzmann velocities.

    Raises :class:`SimulationError` where the platform cannot be started.
    """
    name = platform_name(system, settings)
    properties = platform_properties(name, settings, threads)
    context = new_context(system.build(settings.walkers), langevin(system, settings, temperature), name, properties)
    context.setPositions(starting_positions(system, settings.walkers).reshape(-1, 3))
    context.setVelocitiesToTemperature(system.kelvin(temperature), seed_of(settings.seed, temperature, "velocities"))
    return context


def start_names(system: System, walkers: int) -> list[str]:
    """The named start of each walker: all starts in turn."""
    names = list(system.starts())
    return [names[w % len(names)] for w in range(walkers)]


def starting_positions(system: System, walkers: int) -> np.ndarray:
    """``(walkers, n_particles, 3)`` in nm."""
    starts = system.starts()
    return np.stack([starts[name] for name in start_names(system, walkers)])
