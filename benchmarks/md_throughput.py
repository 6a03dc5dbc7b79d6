"""Walker-steps per second of the stage's MD against a bare ``integrator.step`` loop on the same System.

    python benchmarks/md_throughput.py                 # the study lj7: ratio to a bare loop, target 0.85
    python benchmarks/md_throughput.py --study three_hole --platforms Reference CPU
    python benchmarks/md_throughput.py --forces        # lj7's force as one bond per copy against one bond per pair
    python benchmarks/md_throughput.py --study alanine_dipeptide --walkers 1 2 4 8 16 32 64
                                                       # a molecule: ns/day of all walkers together, against bare loops

Both loops run in turn in one process, ``--repeats`` times, and the fastest of each counts: other work on the machine can
only slow them. The walkers' loop is all of the stage's dynamics: frames fetched, energies computed, arrays and checkpoints
written.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import openmm as mm

from thermolatent.simulate.langevin import langevin, make_context, new_context, platform_name, platform_properties
from thermolatent.simulate.molecules import ON_CORES, minimised_starts, molecule_engine, molecule_system, start_walkers
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.settings import Simulate
from thermolatent.simulate.walkers import simulate_walkers
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.systems.base import System
from thermolatent.systems.lj_cluster import LJCluster
from thermolatent.systems.molecule import Molecule


class PairBonds(LJCluster):
    """The same cluster with the textbook force: a bond per pair and a wall per particle."""

    def build(self, walkers: int = 1) -> mm.System:
        n = self.particles
        pairs = mm.CustomCompoundBondForce(2, "4*(s^-6-s^-3);s=(x1-x2)^2+(y1-y2)^2")
        wall = mm.CustomCentroidBondForce(2, f"0.5*{self.wall}*max(0,sqrt((x1-x2)^2+(y1-y2)^2)-{self.wall_radius})^2")
        system = mm.System()
        for particle in range(walkers * n):
            system.addParticle(1.0)
            wall.addGroup([particle], [1.0])
        for copy in range(walkers):
            members = range(copy * n, (copy + 1) * n)
            centroid = wall.addGroup(list(members), [1.0] * n)
            for pair in itertools.combinations(members, 2):
                pairs.addBond(pair, [])
            for particle in members:
                wall.addBond([particle, centroid], [])
        system.addForce(pairs)
        system.addForce(wall)
        return system


def bare(system: System, settings: Simulate, temperature: float) -> float:
    """Walker-steps per second of ``integrator.step`` alone."""
    integrator = (context := make_context(system, settings, temperature)).getIntegrator()
    integrator.step(settings.save_every)
    steps = settings.frames * settings.save_every
    began = time.perf_counter()
    integrator.step(steps)
    context.getState(positions=True)  # waits for a GPU
    return settings.walkers * steps / (time.perf_counter() - began)


def walkers(system: System, settings: Simulate, temperature: float) -> float:
    """Walker-steps per second of the stage's dynamics."""
    with tempfile.TemporaryDirectory() as folder:
        partial = Partial(f"{folder}/T.partial", {}, settings.walkers, system.n_particles)
        done = simulate_walkers(system, settings, temperature, partial)
    return done["walker_steps"] / done["seconds"]


def compare(study: Study, platform: str, frames: int, repeats: int) -> None:
    """Print one line: bare, walkers, ratio."""
    changes = {"platform": platform, "frames": frames, "equilibration": 0}
    settings = study.simulate.model_copy(update=changes)
    temperature = study.temperatures.train[0]
    runs = [
        (bare(study.system, settings, temperature), walkers(study.system, settings, temperature))
        for _ in range(repeats)
    ]
    alone, whole = (max(column) for column in zip(*runs, strict=True))
    print(
        f"{study.name:>12} {platform_name(study.system, settings):>10}: {settings.walkers} walkers, a frame every "
        f"{settings.save_every} steps: bare {alone:.3g}, walkers {whole:.3g} walker-steps/s, ratio {whole / alone:.3f}",
        flush=True,
    )


def one_copy(study: Study, settings: Simulate, frames: int) -> tuple[float, float]:
    """When a bare loop on one copy of the molecule began and ended, once it was warm; to be run in a process."""
    molecule, temperature = study.system, study.temperatures.train[0]
    system, name = molecule_system(molecule, settings, temperature), platform_name(molecule, settings)
    start = next(iter(minimised_starts(molecule, settings, system).values()))
    integrator = langevin(molecule, settings, temperature)
    context = new_context(system, integrator, name, platform_properties(name, settings))
    context.setPositions(start)
    context.setVelocitiesToTemperature(molecule.kelvin(temperature), 1)
    integrator.step(settings.save_every)
    context.getState(positions=True)
    began = time.time()
    integrator.step(frames * settings.save_every)
    context.getState(positions=True)  # waits for a GPU
    return began, time.time()


def bare_copies(study: Study, settings: Simulate, frames: int, copies: int, pool: Executor) -> float:
    """Steps per second of ``copies`` bare loops at once."""
    with pool:
        times = list(pool.map(one_copy, *zip(*[(study, settings, frames)] * copies, strict=True)))
    return copies * frames * settings.save_every / (max(end for _, end in times) - min(began for began, _ in times))


def engine(study: Study, settings: Simulate, frames: int, threads: int) -> float:
    """Walker-steps per second of the stage's engine, a frame fetched every ``save_every`` steps."""
    temperature, kelvin = study.temperatures.train[0], study.system.kelvin(study.temperatures.train[0])
    driven = molecule_engine(study.system, settings, temperature, threads)
    try:
        start_walkers(driven, study.system, settings, temperature)
        driven.step(settings.save_every, kelvin)
        driven.frame()
        began = time.perf_counter()
        for _ in range(frames):
            driven.step(settings.save_every, kelvin)
            driven.frame()
        return settings.walkers * frames * settings.save_every / (time.perf_counter() - began)
    finally:
        driven.close()


def molecule(study: Study, platform: str, frames: int, repeats: int, counts: list[int], threads: int) -> None:
    """Print ns/day: of one copy, of one copy per core in threads and in processes, of the engine with N walkers."""
    settings = study.simulate.model_copy(update={"platform": platform, "equilibration": 0})
    name = platform_name(study.system, settings)
    spawn = multiprocessing.get_context("spawn")

    def show(what: str, measure, *arguments) -> None:
        speed = max(measure(*arguments) for _ in range(repeats))
        print(f"{study.name:>12} {name:>10}: {what:<34} {speed * settings.time_step * 86.4:9.4g} ns/day", flush=True)

    show("one copy, bare", lambda: bare_copies(study, settings, frames, 1, ProcessPoolExecutor(1, spawn)))
    if name in ON_CORES and threads > 1:
        for kind, pool in (
            ("processes", lambda: ProcessPoolExecutor(threads, spawn)),
            ("threads", lambda: ThreadPoolExecutor(threads)),
        ):
            show(
                f"{threads} copies, bare, in {kind}", lambda p=pool: bare_copies(study, settings, frames, threads, p())
            )
    for count in counts:
        chosen = settings.model_copy(update={"walkers": count})
        per_walker = frames if name not in ON_CORES else max(2, frames * threads // count)
        show(f"{count} walkers, {threads} threads", engine, study, chosen, per_walker, threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="lj7")
    parser.add_argument("--platforms", nargs="+", default=["auto"])
    parser.add_argument("--frames", type=int, default=500, help="saved frames per walker and run")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--forces", action="store_true", help="compare force constructions of LJ7 instead")
    parser.add_argument("--walkers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64], help="of a molecule")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for a molecule's walkers on a CPU")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    study = load_study(arguments.study)
    if arguments.forces:
        settings = study.simulate.model_copy(update={"frames": arguments.frames})
        for system in (LJCluster(), PairBonds()):
            speed = max(bare(system, settings, 0.5) for _ in range(arguments.repeats))
            print(f"{type(system).__name__:>12}: bare {speed:.3g} walker-steps/s", flush=True)
        return
    for platform in arguments.platforms:
        if isinstance(study.system, Molecule):
            molecule(study, platform, arguments.frames, arguments.repeats, arguments.walkers, arguments.threads)
            continue
        compare(study, platform, arguments.frames, arguments.repeats)


if __name__ == "__main__":
    main()
