"""The stage ``featurize``: features, fixed plane and energies of one temperature, frame by frame aligned."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.artifacts import load_array, load_json, new_array, replacing, save_array, save_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.featurize.base import Particles, check_features, columns_on
from thermolatent.featurize.bath import bath_energies, coupled_degrees, coupling_log_weights
from thermolatent.featurize.stream import stream_positions
from thermolatent.layout import Layout, format_temperature
from thermolatent.progress import progress

if TYPE_CHECKING:
    import mdtraj

log = logging.getLogger(__name__)


def run(study: Study, layout: Layout, temperature: float) -> None:
    """Compute ``features (walkers, frames, n)``, ``plane (walkers, frames, 2)`` and ``observables (walkers, frames, k)``, k
    may be 0, all float32, ``energies (walkers, frames)`` float64, kJ/mol, and of weighted frames ``log_weights`` like them.

    Raises :class:`ArtifactError` if a trajectory is missing or truncated, or does not belong to the study.
    """
    protocol = load_json(layout.protocol(temperature), "protocol of the MD")
    _check_protocol(study, layout.protocol(temperature), protocol)
    walkers, saved, frames = protocol["walkers"], protocol["frames"], study.frames
    energies = load_array(layout.md_energies(temperature), "energies of the MD")
    if energies.shape != (walkers, saved):
        raise ArtifactError(
            f"{layout.md_energies(temperature)}: has shape {energies.shape}, must be {(walkers, saved)}; "
            "delete it and run the stage simulate again"
        )
    topology = _topology(study, layout.topology(temperature))
    check_features(study.featurize, topology)
    wanted = (study.featurize.features, study.featurize.plane, study.featurize.observables)
    features, plane, observables = kinds = [columns_on(f, topology) for f in wanted]
    with ExitStack() as renames:
        arrays = [
            new_array(renames.enter_context(replacing(path)), (walkers, frames, columns))
            for path, columns in (
                (layout.features(temperature), len(features.names)),
                (layout.plane(temperature), len(plane.names)),
                (layout.observables(temperature), len(observables.names)),
            )
        ]
        what = f"features at T={format_temperature(temperature)}"
        for walker in progress(range(walkers), what):
            path = layout.trajectory(temperature, walker)
            for first, positions in stream_positions(path, saved, topology.n_atoms, most=frames):
                rows = slice(first, first + len(positions))
                for array, columns in zip(arrays, kinds, strict=True):
                    array[walker, rows] = columns.compute(positions)
                    if not np.isfinite(array[walker, rows]).all():
                        raise ArtifactError(
                            f"{layout.simulation(temperature)}: features of its trajectories are not finite; "
                            "delete the folder and run the stage simulate again"
                        )
        for array in arrays:
            array.flush()
        energies = energies[:, :frames].astype(np.float64)
        log_weights = _md_log_weights(layout, temperature, protocol, frames)
        if (bath := study.featurize.bath) is not None:
            coupled = coupled_degrees(bath, plane.names, arrays[1])
            energies = energies + bath_energies(bath.degrees + coupled, temperature, protocol["kT"])
            if bath.coupled is not None:
                more = coupling_log_weights(coupled, temperature, bath.coupled.neutral)
                log_weights = more if log_weights is None else log_weights + more
        save_array(layout.energies(temperature), energies)
        if log_weights is not None:
            save_array(layout.log_weights(temperature), log_weights)
    save_json(
        layout.features_header(temperature),
        {
            "names": features.names,
            "periodic": list(features.periodic),
            "plane_names": plane.names,
            "plane_periodic": list(plane.periodic),
            "observable_names": observables.names,
            "observable_labels": [f.label for f in study.featurize.observables for _ in f.on(topology).names],
            "temperature": temperature,
            "kT": protocol["kT"],
            "weighted": log_weights is not None,
            "walkers": walkers,
            "frames": frames,
            "frame_interval": protocol["save_every"] * protocol["time_step"],
            "heavy_atoms": _heavy_atoms(topology),
            **_continuity(study, protocol),
        },
    )


def _continuity(study: Study, protocol: dict) -> dict:
    """Where in the files walkers of imported MD are from, and how many frames there are between exchanges of replicas."""
    told = {}
    if study.system.kind == "trajectories":
        files, stride = list(dict.fromkeys(protocol["starts"])), study.system.stride
        places = zip(protocol["starts"], protocol["first_frames"], strict=True)
        told["pieces"] = [[files.index(file), first // stride] for file, first in places]
        if study.system.stretch is not None:
            told["stretch"] = study.system.stretch
    elif protocol.get("continuous") is False:  # our own replica exchange tries after every saved frame
        told["stretch"] = 1
    return told


def _topology(study: Study, path: str) -> Particles | mdtraj.Topology:
    if not study.system.molecular:
        return Particles(study.system.n_particles)
    import mdtraj

    start = mdtraj.load(path)
    start.topology.start = start.xyz[0]
    return start.topology


def _heavy_atoms(topology: Particles | mdtraj.Topology) -> int:
    """Atoms of the solute that are no hydrogen; 0 of a model system. Water and single atoms (ions) are no solute."""
    if isinstance(topology, Particles):
        return 0
    solute = [r for r in topology.residues if not r.is_water and r.n_atoms > 1]
    return sum(atom.element.symbol not in ("H", "D", "VS") for residue in solute for atom in residue.atoms)


def _md_log_weights(layout: Layout, temperature: float, protocol: dict, frames: int) -> np.ndarray | None:
    """Log-weights of biased MD, ``(walkers, frames)`` float64; None of MD that samples its ensemble itself."""
    if not protocol.get("weighted", False):
        return None
    path, shape = layout.md_log_weights(temperature), (protocol["walkers"], protocol["frames"])
    found = load_array(path, "log-weights of the MD")
    if found.shape != shape or not np.isfinite(found).all():
        raise ArtifactError(
            f"{path}: must be {shape} finite numbers; delete the folder and run the stage simulate again"
        )
    return found[:, :frames].astype(np.float64)


def _check_protocol(study: Study, path: str, protocol: dict) -> None:
    wanted = {
        "system": study.system.model_dump(mode="json"),
        "walkers": study.simulate.walkers,
        "frames": study.simulate.frames,
    }
    for key, value in wanted.items():
        if protocol.get(key) != value:
            raise ArtifactError(
                f"{path}: MD was run with {key} {protocol.get(key)}, the study says {value}; run the stage simulate again"
            )
