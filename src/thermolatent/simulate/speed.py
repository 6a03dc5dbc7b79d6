"""How fast this machine simulates a system: some seconds of its own dynamics, on the platform that a run would take."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from thermolatent.errors import SimulationError
from thermolatent.rates import ns_per_day
from thermolatent.simulate.engines import Engine, Failed, Together
from thermolatent.simulate.langevin import make_context, platform_name
from thermolatent.simulate.molecules import ON_CORES, molecule_engine, start_walkers
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.base import System
from thermolatent.systems.molecule import Molecule

#: Minimisation steps before the clock starts: enough that nothing blows up while it is cold.
_MINIMISE = 100
#: Kelvin at which it is: the speed is the same, and a strained start does no harm.
_COLD = 50.0
#: Seconds a single call of the engine should take.
_CHUNK_SECONDS = 0.5


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes
    ----------
    platform: of OpenMM.
    walker_steps_per_second: of one job; where the platform uses cores, of one thread on a core that does nothing else.
    time_step: ps, or the reduced unit.
    jobs: temperatures that can run side by side on this machine.
    share: of a core that the measurement got; 1 on a GPU.
    """

    platform: str
    walker_steps_per_second: float
    time_step: float
    jobs: int
    share: float

    @property
    def ns_per_day(self) -> float:
        """Of one job, all walkers together."""
        return ns_per_day(self.walker_steps_per_second, self.time_step)


def measure(
    system: System,
    settings: Simulate,
    temperature: float,
    seconds: float = 10.0,
    ready: Callable[[], object] = lambda: None,
) -> Speed:
    """Step for about ``seconds``, after building and minimising, which are not counted. ``ready`` is called between the two.

    Raises :class:`ThermolatentError` where the system cannot be built or the platform not started.
    """
    platform = platform_name(system, settings)
    on_cores = platform in ON_CORES
    if isinstance(system, Molecule) and on_cores:
        settings = settings.model_copy(update={"walkers": 2})  # they take turns: two are as fast as many
    kelvin = system.kelvin(temperature)
    if isinstance(system, Molecule):
        kelvin = min(kelvin, _COLD)
        engine: Engine = molecule_engine(system, settings, temperature)
        start_walkers(engine, system, settings, temperature, _MINIMISE)
    else:
        engine = Together(make_context(system, settings, temperature), settings.walkers)
    try:
        steps = 10
        began = time.perf_counter()
        engine.step(steps, kelvin)  # the first ones compile kernels
        while (spent := time.perf_counter() - began) < _CHUNK_SECONDS:
            steps = min(10 * steps, int(steps * 2 * _CHUNK_SECONDS / spent) + 1)
            began = time.perf_counter()
            engine.step(steps, kelvin)
        ready()
        done, began, cpu = 0, time.perf_counter(), time.process_time()
        while (spent := time.perf_counter() - began) < seconds:
            engine.step(steps, kelvin)
            done += steps
        busy = min(spent, time.process_time() - cpu) if on_cores else spent
    except Failed as error:
        raise SimulationError(f"probe of the speed: {error.reason}; lower the time step, or leave it out") from error
    finally:
        engine.close()
    jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    rate = done * settings.walkers / busy
    return Speed(platform, rate, settings.time_step, jobs if on_cores else 1, busy / spent)
