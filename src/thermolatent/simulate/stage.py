"""The stage ``simulate``: one temperature of a study, from nothing or from its last checkpoint to finished files."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import FORMAT_VERSION, load_arrays, load_json, save_array, save_json
from thermolatent.files.dcd import write_trajectories
from thermolatent.files.locking import only_one
from thermolatent.files.paths import MdFiles
from thermolatent.simulate import PROTOCOL, importing
from thermolatent.simulate.convergence import compare_starts, not_compared, warn_if_unconverged
from thermolatent.simulate.engines import degrees_of_freedom
from thermolatent.simulate.langevin import asked_platform, start_names
from thermolatent.simulate.molecules import RAMP_FROM, RAMP_PART, RAMP_STAGES, saved_series
from thermolatent.simulate.partial import MACHINE, Partial
from thermolatent.simulate.settings import Inputs, Settings, Simulate
from thermolatent.simulate.space import require_space
from thermolatent.simulate.topology import write_topology
from thermolatent.simulate.walkers import simulate_walkers
from thermolatent.systems.base import GAS_CONSTANT, System
from thermolatent.systems.molecule import Molecule
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)


def run(settings: Settings, inputs: Inputs, outputs: MdFiles, threads: int = 1) -> None:
    """Simulate all walkers at one temperature and write trajectories, energies, topology and protocol.

    A killed run continues from ``<folder>.partial``. Finished MD with the same protocol is left unchanged, or continued from
    ``<folder>.restart`` if more frames are asked for. Its lost files are restored from there, on any machine.
    Raises :class:`SimulationError` for a missing platform, a blow-up, or frames to be added to MD of another platform or OpenMM.
    """
    imported = settings.system.existing
    identify = importing.import_identity if imported else protocol_identity
    identity, starts = identify(settings.system, settings.simulate, settings.temperature), None
    if inputs.starts is not None:
        found = load_arrays(inputs.starts, "starts", ("positions", "names"))
        starts, identity = found["positions"], identity | {"starts": found["names"].tolist(), "reseeded": True}
    if is_finished(outputs, identity):
        log.info("%s: complete already, nothing to do", outputs.folder)
    elif imported:
        importing.run(settings, outputs, identity)
    else:
        with only_one(f"{outputs.folder}.lock"):
            _simulate(settings, outputs, identity, starts, threads)


def _simulate(
    settings: Settings, outputs: MdFiles, identity: dict[str, Any], starts: np.ndarray | None, threads: int
) -> None:
    system, simulate, temperature = settings.system, settings.simulate, settings.temperature
    finished = Path(f"{outputs.folder}.restart")
    series = series_of(system, simulate, f"{outputs.folder}.partial", finished)
    shape = simulate.walkers, system.n_particles
    partial = Partial(f"{outputs.folder}.partial", identity, *shape, series, simulate.any_openmm)
    done = partial.reopen(finished, outputs.trajectories)
    if done is None:
        require_space(system, simulate, outputs.folder)
        done = simulate_walkers(system, simulate, temperature, partial, threads, starts)

    saved = {name: partial.series(name, simulate.frames) for name in series}
    shutil.rmtree(finished, ignore_errors=True)  # it would not fit the trajectories any more
    positions = partial.positions(simulate.frames)
    write_trajectories(outputs.trajectories, positions, simulate.save_every, simulate.time_step)
    told = {
        "steps": done["steps"],
        "wall_seconds": round(done["wall_seconds"], 3),
        "walker_steps_per_second": round(done["steps"] * simulate.walkers / max(done["wall_seconds"], 1e-9)),
    }
    write_md(outputs, system, temperature, saved, {**identity, **partial.made_on, **told})
    partial.finish(finished)


def write_md(
    outputs: MdFiles, system: System, temperature: float, saved: dict[str, np.ndarray], protocol: dict[str, Any]
) -> None:
    """Write the files besides trajectories: energies, volumes, topology and, last, the protocol."""
    if protocol.get("reseeded"):  # its walkers are not in equilibrium yet
        convergence = not_compared(protocol["starts"])
    else:
        convergence = compare_starts(saved["energies"], protocol["starts"])
        warn_if_unconverged(convergence, format_temperature(temperature))
    save_array(outputs.energies, saved["energies"])
    if "volumes" in saved:
        save_array(outputs.volumes, saved["volumes"])
    write_topology(system, outputs.topology)
    save_json(outputs.protocol, {**protocol, "convergence": convergence, **thermodynamics(system, temperature, saved)})


def series_of(system: System, simulate: Simulate, *folders: str | Path) -> tuple[str, ...]:
    """Names of the series that are saved besides positions.

    MD of a model system in ``folders`` that was begun without kinetic temperatures continues without them.
    """
    if isinstance(system, Molecule):
        return ("energies", *saved_series(simulate))
    begun = [Path(folder) for folder in folders if Path(folder, "checkpoint").is_file()]
    kinetic = all((folder / "kinetic_temperature.float64").is_file() for folder in begun)
    return ("energies", "kinetic_temperature") if kinetic else ("energies",)


def protocol_identity(system: System, settings: Simulate, temperature: float) -> dict[str, Any]:
    """Everything that determines the frames, JSON-able: the first part of protocol.json and the key of a partial run.

    Keys of :data:`MACHINE` have the values of this machine.
    """
    platform = asked_platform(system, settings)
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
        **(_molecular_identity(system, settings) if isinstance(system, Molecule) else {}),
    }


def _molecular_identity(molecule: Molecule, settings: Simulate) -> dict[str, Any]:
    return {
        "surroundings": molecule.surroundings,
        "degrees_of_freedom": degrees_of_freedom(molecule.built.system),
        "pressure": settings.pressure,
        "volume": settings.volume,
        "heating": {"from": RAMP_FROM, "part_of_equilibration": RAMP_PART, "stages": RAMP_STAGES},
    }


def thermodynamics(system: System, temperature: float, saved: dict[str, np.ndarray]) -> dict[str, Any]:
    """Per walker, mean and standard deviation of the kinetic temperature, in the system's unit, and of a volume that changes.

    ``expected`` is what exact sampling gives: T, and T sqrt(2 / degrees of freedom).
    """
    told = {}
    if "kinetic_temperature" in saved:
        freedom = degrees_of_freedom(system.built.system if isinstance(system, Molecule) else system.build())
        told["kinetic_temperature"] = {"expected": {"mean": temperature, "std": temperature * (2 / freedom) ** 0.5}}
    kelvin = GAS_CONSTANT if system.temperature_unit == "reduced" else 1.0
    for name, key, unit in (("kinetic_temperature", "kinetic_temperature", kelvin), ("volumes", "volume_nm3", 1.0)):
        if name in saved:
            values = unit * saved[name]
            told.setdefault(key, {})
            told[key] |= {"mean": values.mean(axis=1).tolist(), "std": values.std(axis=1).tolist()}
    if "volumes" in saved:
        told["mean_volume"] = float(saved["volumes"].mean())
    return told


def is_finished(md: MdFiles, identity: dict[str, Any]) -> bool:
    """Whether all files exist with a protocol of this identity, made on any machine."""
    try:
        found = load_json(md.protocol, "protocol")
    except ArtifactError:
        return False
    found, wanted = ({"continuous": True, **each} for each in (found, identity))  # a key of tempered frames only
    wanted = {key: value for key, value in json.loads(json.dumps(wanted)).items() if key not in MACHINE}
    same = {key: found.get(key) for key in wanted} == wanted
    frames = [md.columns] if "columns" in identity else [*md.trajectories, md.topology]
    return same and all(Path(file).is_file() for file in (*frames, md.energies))
