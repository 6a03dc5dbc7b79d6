"""The stage ``featurize``: features, fixed plane and energies of one temperature, frame by frame aligned."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.artifacts import load_array, load_json, replacing, save_array, save_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.featurize.base import Particles, check_features, columns_on
from thermolatent.featurize.stream import stream_positions
from thermolatent.layout import Layout, format_temperature
from thermolatent.progress import progress

if TYPE_CHECKING:
    import mdtraj

log = logging.getLogger(__name__)


def run(study: Study, layout: Layout, temperature: float) -> None:
    """Compute ``features (walkers, frames, n)`` and ``plane (walkers, frames, 2)``, float32, from the trajectories.

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
    features, plane = (columns_on(f, topology) for f in (study.featurize.features, study.featurize.plane))
    with ExitStack() as renames:
        arrays = [
            np.lib.format.open_memmap(
                renames.enter_context(replacing(path)), mode="w+", dtype=np.float32, shape=(walkers, frames, columns)
            )
            for path, columns in (
                (layout.features(temperature), len(features.names)),
                (layout.plane(temperature), len(plane.names)),
            )
        ]
        what = f"features at T={format_temperature(temperature)}"
        for walker in progress(range(walkers), what):
            path = layout.trajectory(temperature, walker)
            for first, positions in stream_positions(path, saved, topology.n_atoms, most=frames):
                rows = slice(first, first + len(positions))
                for array, columns in zip(arrays, (features, plane), strict=True):
                    array[walker, rows] = columns.compute(positions)
        for array in arrays:
            if not np.isfinite(array).all():
                raise ArtifactError(
                    f"{layout.simulation(temperature)}: features of its trajectories are not finite; "
                    "delete the folder and run the stage simulate again"
                )
            array.flush()
        save_array(layout.energies(temperature), energies[:, :frames].astype(np.float64))
    save_json(
        layout.features_header(temperature),
        {
            "names": features.names,
            "periodic": list(features.periodic),
            "plane_names": plane.names,
            "plane_periodic": list(plane.periodic),
            "temperature": temperature,
            "kT": protocol["kT"],
            "walkers": walkers,
            "frames": frames,
            "frame_interval": protocol["save_every"] * protocol["time_step"],
        },
    )


def _topology(study: Study, path: str) -> Particles | mdtraj.Topology:
    if not study.system.molecular:
        return Particles(study.system.n_particles)
    import mdtraj

    return mdtraj.load_topology(path)


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
