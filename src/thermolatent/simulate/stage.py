"""The stage ``simulate``: one temperature of a study, from nothing or from its last checkpoint to finished files."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm

from thermolatent.artifacts import FORMAT_VERSION, load_json, replacing, save_array, save_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError, SimulationError
from thermolatent.layout import Layout, format_temperature
from thermolatent.simulate import PROTOCOL
from thermolatent.simulate.convergence import compare_starts, warn_if_unconverged
from thermolatent.simulate.langevin import platform_name, start_names
from thermolatent.simulate.partial import Partial
from thermolatent.simulate.trajectories import write_trajectories
from thermolatent.simulate.walkers import simulate_walkers

log = logging.getLogger(__name__)


def run(study: Study, layout: Layout, temperature: float, threads: int = 1) -> None:
    """Simulate all walkers at one temperature and write trajectories, energies, topology and protocol.

    A run that was killed goes on from ``<folder>.partial``; a finished one with the same protocol is left alone.
    Raises :class:`SimulationError` for a missing platform or a blow-up.
    """
    if temperature not in study.temperatures.simulated:
        known = ", ".join(map(format_temperature, study.temperatures.simulated))
        raise SimulationError(
            f"study {study.name} has no MD at T={format_temperature(temperature)}; simulated: {known}"
        )
    system, settings = study.system, study.simulate
    identity = protocol_identity(study, temperature)
    if _finished(layout, temperature, identity, settings.walkers):
        log.info("%s: complete already, nothing to do", layout.simulation(temperature))
        return
    partial = Partial(f"{layout.simulation(temperature)}.partial", identity, settings.walkers, system.n_particles)
    done = simulate_walkers(system, settings, temperature, partial, threads)

    energies = np.ascontiguousarray(partial.energies(settings.frames).T)
    starts = start_names(system, settings.walkers)
    convergence = compare_starts(energies, starts)
    warn_if_unconverged(convergence, format_temperature(temperature))
    write_trajectories(
        layout.trajectories(temperature, settings.walkers),
        partial.positions(settings.frames),
        settings.save_every,
        settings.time_step,
    )
    save_array(layout.md_energies(temperature), energies)
    _write_topology(study, layout.topology(temperature))
    save_json(
        layout.protocol(temperature),
        {
            **identity,
            "steps": done["steps"],
            "wall_seconds": round(done["wall_seconds"], 3),
            "walker_steps_per_second": round(done["walker_steps"] / max(done["seconds"], 1e-9)),
            "convergence": convergence,
        },
    )
    partial.remove()


def protocol_identity(study: Study, temperature: float) -> dict[str, Any]:
    """Everything that decides the frames, JSON-able: the first part of protocol.json and the key of a partial run."""
    system, settings = study.system, study.simulate
    platform = platform_name(system, settings)
    on_gpu = platform not in ("Reference", "CPU")
    return {
        "format": FORMAT_VERSION,
        "protocol": PROTOCOL,
        "system": system.model_dump(mode="json"),
        "temperature": temperature,
        "kT": system.kT(temperature),
        "walkers": settings.walkers,
        "frames": settings.frames,
        "save_every": settings.save_every,
        "equilibration": settings.equilibration,
        "integrator": "LangevinMiddleIntegrator",
        "time_step": settings.time_step,
        "friction": settings.friction,
        "seed": settings.seed,
        "platform": platform,
        "precision": settings.precision if on_gpu else {"Reference": "double", "CPU": "single"}[platform],
        "openmm": mm.version.version,
        "starts": start_names(system, settings.walkers),
        "centroid_removed": system.translation_invariant,
    }


def _finished(layout: Layout, temperature: float, identity: dict[str, Any], walkers: int) -> bool:
    """Whether a protocol of this identity and all its files are there."""
    files = [*layout.trajectories(temperature, walkers), layout.md_energies(temperature), layout.topology(temperature)]
    try:
        found = load_json(layout.protocol(temperature), "protocol")
    except ArtifactError:
        return False
    same = {key: found.get(key) for key in identity} == json.loads(json.dumps(identity))
    return same and all(Path(file).is_file() for file in files)


def _write_topology(study: Study, path: str) -> None:
    """PDB of one copy at its first start."""
    from openmm import app, unit

    start = next(iter(study.system.starts().values()))
    with replacing(path) as temporary, temporary.open("w") as file:
        # PDBFile.writeFile also notes the date, and same runs should give same bytes
        app.PDBFile.writeModel(study.system.topology(), start * unit.nanometer, file)
        app.PDBFile.writeFooter(study.system.topology(), file)
