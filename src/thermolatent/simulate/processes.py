"""Walkers distributed over processes, each with a Context of one copy.

Processes and not threads: contexts of the Reference platform share one random number generator, so only one may run at a
time in a process; on the CPU platform threads are at best as fast (``benchmarks/md_throughput.py`` with a molecule's study).
"""

from __future__ import annotations

import multiprocessing
import signal
from typing import Any

import numpy as np
import openmm as mm

from thermolatent.simulate.engines import Engine, Failed, Frame, InTurn, Recipe, joined, pack, unpack


class Processes(Engine):
    """As :class:`InTurn`, with the walkers distributed over processes."""

    def __init__(self, recipe: Recipe, walkers: int, processes: int):
        context = multiprocessing.get_context("spawn")
        self._parts = [part for part in np.array_split(np.arange(walkers), processes) if len(part)]
        self._pipes, self._processes = [], []
        for part in self._parts:
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, recipe, int(part[0])), daemon=True)
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)
        self._all("ready")

    def start(self, positions: np.ndarray, kelvin: float, seeds: list[tuple[int, int]]) -> None:
        self._each("start", [(positions[p], kelvin, [seeds[w] for w in p]) for p in self._parts])

    def step(self, steps: int, kelvin: float) -> None:
        self._all("step", steps, kelvin)

    def step_each(self, steps: int, kelvins: np.ndarray, factors: np.ndarray) -> None:
        """As :meth:`InTurn.step_each`."""
        self._each("step_each", [(steps, kelvins[part], factors[part]) for part in self._parts])

    def frame(self) -> Frame:
        return joined(self._all("frame"))

    def checkpoint(self) -> bytes:
        return pack([walker for part in self._all("checkpoint") for walker in unpack(part)])

    def restore(self, checkpoint: bytes) -> None:
        walkers = unpack(checkpoint)
        self._each("restore", [(pack([walkers[w] for w in part]),) for part in self._parts])

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()

    def _all(self, name: str, *arguments: Any) -> list[Any]:
        return self._each(name, [arguments] * len(self._pipes))

    def _each(self, name: str, arguments: list[tuple]) -> list[Any]:
        """Call a method in every process at once; raises the first of their errors."""
        try:
            for pipe, values in zip(self._pipes, arguments, strict=True):
                pipe.send((name, values))
            answers = [pipe.recv() for pipe in self._pipes]
        except (EOFError, BrokenPipeError) as error:
            raise Failed(None, "a process of the simulation was killed; is there enough memory?") from error
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def _serve(pipe: Any, recipe: Recipe, first: int) -> None:
    """Main loop of a process: call the methods that the pipe names until its other end is closed."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # the parent decides when to stop
    engine = None
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            engine = engine or InTurn(recipe, first)
            answer = None if name == "ready" else getattr(engine, name)(*arguments)
        except mm.OpenMMException as error:
            answer = ValueError(str(error))  # the original cannot be sent
        except Exception as error:
            answer = error
        pipe.send(answer)
