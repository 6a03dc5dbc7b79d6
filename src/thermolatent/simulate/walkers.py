"""The dynamics itself: all walkers step together, a frame of each is saved every ``save_every`` steps.

The loop stays close to a bare ``integrator.step``: positions are fetched once per saved frame, energies are computed
for a whole chunk of frames at once, files grow and checkpoints are written at chunk borders only.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import openmm as mm

from thermolatent.config import Simulate
from thermolatent.errors import SimulationError
from thermolatent.layout import format_temperature
from thermolatent.progress import progress
from thermolatent.simulate.langevin import make_context, starting_positions
from thermolatent.simulate.partial import Partial
from thermolatent.systems.base import System

log = logging.getLogger(__name__)

#: Frames whose energies are computed together, at the most.
CHUNK_FRAMES = 100
#: Seconds after which a chunk ends even if it is not full, and after which a checkpoint is due.
CHECKPOINT_SECONDS = 10.0
#: Potential energy above the highest start, in kT per particle, that no equilibrium ever reaches.
BLOW_UP = 1e4


def simulate_walkers(
    system: System, settings: Simulate, temperature: float, partial: Partial, threads: int = 1
) -> dict[str, Any]:
    """Run, or go on, until ``partial`` holds all frames.

    Returns the final progress: ``steps`` per walker, ``frames``, ``wall_seconds``, and ``walker_steps`` and
    ``seconds`` of this call alone. Raises :class:`SimulationError` on a blow-up, or when told to stop by SIGTERM or
    SIGUSR1 (after a checkpoint).
    """
    context = make_context(system, settings, temperature, threads)
    state = _resume(context, partial)
    run = _Run(context, system, settings, temperature, partial, state)
    first = state["steps"]
    started = time.monotonic()
    with _stop_signals() as stop, progress(run.total_steps, f"MD at T={format_temperature(temperature)}", first) as bar:
        while state["steps"] < run.total_steps:
            before = state["steps"]
            run.advance(stop)
            bar.update(state["steps"] - before)
            if stop.is_set():
                run.checkpoint()
                raise SimulationError(
                    f"MD at T={format_temperature(temperature)} told to stop after {state['frames']} of "
                    f"{settings.frames} frames, all of them saved; run it again to go on"
                )
    run.checkpoint()
    seconds = time.monotonic() - started
    return {**state, "walker_steps": (state["steps"] - first) * settings.walkers, "seconds": seconds}


def _resume(context: mm.Context, partial: Partial) -> dict[str, Any]:
    found = partial.resume()
    if found is not None:
        state, checkpoint = found
        try:
            context.loadCheckpoint(checkpoint)
        except mm.OpenMMException as error:
            log.warning("%s: checkpoint is not for this machine (%s), starting again", partial.folder, error)
            partial.clear()
        else:
            log.info("%s: going on after %d frames", partial.folder, state["frames"])
            return state
    return {"steps": 0, "frames": 0, "wall_seconds": 0.0}


class _Run:
    """One simulation on its way; ``state`` is what a checkpoint records."""

    def __init__(self, context, system, settings, temperature, partial, state):
        self.context, self.system, self.settings, self.partial, self.state = context, system, settings, partial, state
        self.temperature = temperature
        self.total_steps = settings.equilibration + settings.frames * settings.save_every
        self._shape = (settings.walkers, system.n_particles, 3)
        starts = system.potential_energy(starting_positions(system, settings.walkers))
        self._highest = float(starts.max()) + BLOW_UP * system.n_particles * system.kT(temperature)
        self._checkpointed = self._clock = time.monotonic()

    def advance(self, stop: threading.Event) -> None:
        """One chunk: equilibration steps, or frames that are appended to the partial arrays."""
        before, began = self.state["steps"], time.monotonic()
        frames = []
        if before < self.settings.equilibration:
            while self.state["steps"] < self.settings.equilibration and not self._over(began, stop):
                self._step(min(self.settings.save_every, self.settings.equilibration - self.state["steps"]))
            self._energies(self._positions()[None], before)
        else:
            missing = self.settings.frames - self.state["frames"]
            while len(frames) < min(CHUNK_FRAMES, missing) and not (frames and self._over(began, stop)):
                self._step(self.settings.save_every)
                frames.append(self._positions())
            positions = np.stack(frames)
            energies = self._energies(positions, before)
            self.partial.append(to_save(self.system, positions), energies)
            self.state["frames"] += len(frames)
        if time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS:
            self.checkpoint()

    @staticmethod
    def _over(began: float, stop: threading.Event) -> bool:
        return stop.is_set() or time.monotonic() - began > CHECKPOINT_SECONDS

    def _step(self, steps: int) -> None:
        try:
            self.context.getIntegrator().step(steps)
        except mm.OpenMMException as error:
            raise self._failed(None, self.state["steps"], str(error).strip()) from error
        self.state["steps"] += steps

    def _positions(self) -> np.ndarray:
        """``(walkers, n_particles, 3)`` in nm, float64."""
        try:
            state = self.context.getState(positions=True)
        except mm.OpenMMException as error:
            raise self._failed(None, self.state["steps"], str(error).strip()) from error
        return state.getPositions(asNumpy=True)._value.reshape(self._shape)

    def _energies(self, positions: np.ndarray, step: int) -> np.ndarray:
        """Energies ``(frames, walkers)``; raises if a walker has left the physical range."""
        with np.errstate(all="ignore"):
            energies = self.system.potential_energy(positions)
            wrong = ~(energies < self._highest) | ~np.isfinite(positions).all(axis=(2, 3))
        if wrong.any():
            walker = int(np.argwhere(wrong.any(axis=0))[0, 0])
            value = energies[wrong[:, walker].argmax(), walker]
            raise self._failed(walker, step, f"its energy is {value:.4g}")
        return energies

    def _failed(self, walker: int | None, step: int, what: str) -> SimulationError:
        who = "a walker" if walker is None else f"walker {walker}"
        temperature = format_temperature(self.temperature)
        return SimulationError(
            f"MD at T={temperature}: {who} blew up between steps {step} and {self.state['steps']} ({what}); "
            f"lower simulate.time_step (now {self.settings.time_step} ps) or raise simulate.friction"
        )

    def checkpoint(self) -> None:
        """Make all frames so far count."""
        now = time.monotonic()
        self.state["wall_seconds"] += now - self._clock
        self._clock = self._checkpointed = now
        self.partial.checkpoint(self.state, self.context.createCheckpoint())


def to_save(system: System, positions: np.ndarray) -> np.ndarray:
    """Positions ``(frames, walkers, n, 3)`` as they are written: centroid removed and z = 0 where neither matters.

    The centroid of a translation-invariant system diffuses without end, and float32 would lose digits to it.
    """
    if system.translation_invariant:
        positions = positions - positions.mean(axis=2, keepdims=True)
    if system.planar:
        positions = positions * (1.0, 1.0, 0.0)
    return positions


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGUSR1 set (batch systems send them before a job's time is over)."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
