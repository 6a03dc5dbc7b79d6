"""The dynamics: all walkers step together, and frames are saved every ``save_every`` steps.

An engine moves them (:mod:`thermolatent.simulate.engines`). The loop stays close to a bare ``integrator.step``:
positions are fetched once per saved frame, energies are computed for a whole chunk of frames at once, files grow and
checkpoints are written at chunk borders only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm as mm

from thermolatent.errors import SimulationError, Stopped
from thermolatent.progress import progress
from thermolatent.rates import rate_text
from thermolatent.simulate.engines import Engine, Failed, Frame, Together, degrees_of_freedom
from thermolatent.simulate.langevin import make_context, seed_of, starting_positions
from thermolatent.simulate.molecules import Bonds, kelvin_at, molecule_engine, ramp_stage, start_walkers
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.settings import Simulate
from thermolatent.stopping import stop_signals
from thermolatent.systems.base import System
from thermolatent.systems.molecule import Molecule
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Frames whose energies are computed together, at the most.
CHUNK_FRAMES = 100
#: Seconds after which a chunk ends even if it is not full, and after which a checkpoint is due.
CHECKPOINT_SECONDS = 10.0
#: Potential energy above the highest start, in kT per particle, that is never reached in equilibrium.
BLOW_UP = 1e4


def simulate_walkers(
    system: System,
    settings: Simulate,
    temperature: float,
    partial: Partial,
    threads: int = 1,
    starts: np.ndarray | None = None,
) -> dict[str, Any]:
    """Start or continue the dynamics until ``partial`` holds all frames.

    ``starts`` ``(walkers, n_particles, 3)`` in nm: with new velocities; None for the system's starts.

    Returns the final progress: ``steps`` per walker, ``frames``, ``wall_seconds``, and ``walker_steps`` and
    ``seconds`` of this call alone. Raises :class:`SimulationError` on a blow-up, :class:`Stopped` after a checkpoint when
    SIGTERM or SIGUSR1 came.
    """
    if isinstance(system, Molecule):
        engine = molecule_engine(system, settings, temperature, threads)
    else:
        context = make_context(system, settings, temperature, threads)
        engine = Together(context, settings.walkers, degrees_of_freedom(system.build()))

    def start() -> None:
        if isinstance(system, Molecule):
            start_walkers(engine, system, settings, temperature, positions=starts)
        elif starts is not None:
            seed = seed_of(settings.seed, temperature, "velocities")
            engine.start(starts, system.kelvin(temperature), [(seed, seed)])

    dynamics = Dynamics(system, settings, temperature, temperature, f"MD at T={format_temperature(temperature)}")
    return simulate_with(engine, start, dynamics, partial)


@dataclass(frozen=True)
class Dynamics:
    """What an engine simulates.

    Attributes
    ----------
    temperature, hottest: lowest and highest temperature of a walker.
    name: for messages.
    """

    system: System
    settings: Simulate
    temperature: float
    hottest: float
    name: str


def simulate_with(engine: Engine, start: Callable[[], None], dynamics: Dynamics, partial: Partial) -> dict[str, Any]:
    """As :func:`simulate_walkers`, with an engine whose walkers ``start`` places."""
    try:
        state = _resume(engine, partial)
        if state["steps"] == 0:
            start()
        return _to_the_end(_Run(engine, dynamics, partial, state))
    finally:
        engine.close()


def _to_the_end(run: _Run) -> dict[str, Any]:
    state, settings = run.state, run.settings
    first = state["steps"]
    started = time.monotonic()
    with stop_signals() as stop, progress(run.total_steps, run.name, first) as bar:
        while state["steps"] < run.total_steps:
            before = state["steps"]
            run.advance(stop)
            bar.update(state["steps"] - before, run.rate(state["steps"] - first, time.monotonic() - started))
            if stop.is_set():
                run.checkpoint()
                raise Stopped(
                    f"{run.name} told to stop after {state['frames']} of "
                    f"{settings.frames} frames, all of them saved; run it again to go on"
                )
    run.checkpoint()
    seconds = time.monotonic() - started
    return {**state, "walker_steps": (state["steps"] - first) * settings.walkers, "seconds": seconds}


def _resume(engine: Engine, partial: Partial) -> dict[str, Any]:
    found = partial.resume()
    if found is not None:
        state, checkpoint = found
        try:
            engine.restore(checkpoint)
        except (mm.OpenMMException, ValueError) as error:
            raise SimulationError(
                f"{partial.folder}: its checkpoint cannot be read by this OpenMM and device ({str(error).strip()}); go on where "
                "it was begun, or start again: remove this folder, and the one that ends in .restart if there is one"
            ) from error
        log.info("%s: going on after %d frames", partial.folder, state["frames"])
        return state
    return {"steps": 0, "frames": 0, "wall_seconds": 0.0}


class _Run:
    """A simulation in progress; ``state`` is what a checkpoint records."""

    def __init__(self, engine: Engine, dynamics: Dynamics, partial: Partial, state: dict[str, Any]):
        system, settings, temperature = dynamics.system, dynamics.settings, dynamics.temperature
        self.engine, self.system, self.settings, self.partial, self.state = engine, system, settings, partial, state
        self.temperature, self.name = temperature, dynamics.name
        self.total_steps = settings.equilibration + settings.frames * settings.save_every
        self._kelvin = system.kelvin(temperature)
        self._highest, self._bonds = np.inf, None
        if isinstance(system, Molecule):
            self._bonds = Bonds.of(system)
        else:
            starts = system.potential_energy(starting_positions(system, settings.walkers))
            self._highest = float(starts.max()) + BLOW_UP * system.n_particles * system.kT(dynamics.hottest)
        self._checkpointed = self._clock = time.monotonic()

    def advance(self, stop: threading.Event) -> None:
        """One chunk: equilibration steps, or frames that are appended to the partial arrays."""
        before, began = self.state["steps"], time.monotonic()
        frames = []
        if before < self.settings.equilibration:
            self._equilibrate()
            while self.state["steps"] < self.settings.equilibration and not self._over(began, stop):
                self._equilibrate()
            self._checked([self._frame()], before)
        else:
            missing = self.settings.frames - self.state["frames"]
            while len(frames) < min(CHUNK_FRAMES, missing) and not (frames and self._over(began, stop)):
                self._step(self.settings.save_every, self._kelvin)
                frames.append(self._frame())
            positions, series = self._checked(frames, before)
            self.partial.append(to_save(self.system, positions), series)
            self.state["frames"] += len(frames)
        if time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS:
            self.checkpoint()

    @staticmethod
    def _over(began: float, stop: threading.Event) -> bool:
        return stop.is_set() or time.monotonic() - began > CHECKPOINT_SECONDS

    def _equilibrate(self) -> None:
        """A few steps; a molecule's first ones heat it."""
        done, kelvin, most = self.state["steps"], self._kelvin, self.settings.save_every
        if isinstance(self.system, Molecule):
            kelvin = kelvin_at(done, self.system, self.settings, self.temperature)
            most = ramp_stage(self.settings) if kelvin < self._kelvin else most
        self._step(min(most, self.settings.equilibration - done), kelvin)

    def _step(self, steps: int, kelvin: float) -> None:
        try:
            self.engine.step(steps, kelvin)
        except Failed as error:
            raise self._failed(error.walker, self.state["steps"], error.reason) from error
        self.state["steps"] += steps

    def _frame(self) -> Frame:
        try:
            return self.engine.frame()
        except Failed as error:
            raise self._failed(error.walker, self.state["steps"], error.reason) from error

    def _checked(self, frames: list[Frame], step: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Positions ``(frames, walkers, n, 3)`` and all series ``(frames, walkers)``; raises if a walker has left the
        physical range."""
        positions = np.stack([positions for positions, _ in frames])
        series = {name: np.stack([numbers[name] for _, numbers in frames]) for name in frames[0][1]}
        if self._bonds and (broken := self._bonds.broken(positions)):
            raise self._failed(broken[0], step, broken[1])
        with np.errstate(all="ignore"):
            if "energies" not in series:
                series["energies"] = self.system.potential_energy(positions)
            energies = series["energies"]
            wrong = ~(energies < self._highest) | ~np.isfinite(positions).all(axis=(2, 3))
        if wrong.any():
            walker = int(np.argwhere(wrong.any(axis=0))[0, 0])
            value = energies[wrong[:, walker].argmax(), walker]
            raise self._failed(walker, step, f"its energy is {value:.4g}")
        return positions, series

    def _failed(self, walker: int | None, step: int, what: str) -> SimulationError:
        who = "a walker" if walker is None else self.engine.name(walker)
        remedy = f"lower simulate.time_step (now {self.settings.time_step} ps) or raise simulate.friction"
        if isinstance(self.system, Molecule):
            remedy = f"the time step is too long for the fastest motion, or the start is strained: {remedy}"
            if self.settings.equilibration:
                remedy += f" or simulate.equilibration (now {self.settings.equilibration} steps)"
            else:
                remedy += ", or heat gently: set simulate.equilibration (now 0 steps)"
        return SimulationError(
            f"{self.name}: {who} blew up between steps {step} and {self.state['steps']} ({what}); {remedy}"
        )

    def rate(self, steps: int, seconds: float) -> str:
        """Speed as text."""
        reduced = self.system.temperature_unit == "reduced"
        return rate_text(steps * self.settings.walkers / max(seconds, 1e-9), self.settings.time_step, reduced)

    def checkpoint(self) -> None:
        """Save a checkpoint, which makes all frames so far valid."""
        now = time.monotonic()
        self.state["wall_seconds"] += now - self._clock
        self._clock = self._checkpointed = now
        self.partial.checkpoint(self.state, self.engine.checkpoint())


def to_save(system: System, positions: np.ndarray) -> np.ndarray:
    """Positions ``(frames, walkers, n, 3)`` as they are written: without centroid and z if the energy does not depend on them.

    The centroid of a translation-invariant system diffuses, which costs digits of float32.
    """
    if system.translation_invariant:
        positions = positions - positions.mean(axis=2, keepdims=True)
    if system.planar:
        positions = positions * (1.0, 1.0, 0.0)
    return positions
