"""The stage ``featurize``: features, fixed plane and energies of one temperature, frame by frame aligned."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import numpy as np

from thermolatent.artifacts import load_array, load_json, replacing, save_array, save_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.featurize.base import Feature
from thermolatent.featurize.stream import stream_positions
from thermolatent.layout import Layout, format_temperature
from thermolatent.progress import progress

log = logging.getLogger(__name__)


def run(study: Study, layout: Layout, temperature: float) -> None:
    """Compute ``features (walkers, frames, n)`` and ``plane (walkers, frames, 2)``, float32, from the trajectories.

    Raises :class:`ArtifactError` if a trajectory is missing or truncated, or does not belong to the study.
    """
    protocol = load_json(layout.protocol(temperature), "protocol of the MD")
    _check_protocol(study, layout.protocol(temperature), protocol)
    walkers, frames, particles = protocol["walkers"], protocol["frames"], study.system.n_particles
    features, plane = study.featurize.features, study.featurize.plane
    energies = load_array(layout.md_energies(temperature), "energies of the MD")
    if energies.shape != (walkers, frames):
        raise ArtifactError(
            f"{layout.md_energies(temperature)}: has shape {energies.shape}, must be {(walkers, frames)}; "
            "delete it and run the stage simulate again"
        )
    names, plane_names = _names(features, particles), _names(plane, particles)
    with ExitStack() as renames:
        arrays = [
            np.lib.format.open_memmap(
                renames.enter_context(replacing(path)), mode="w+", dtype=np.float32, shape=(walkers, frames, columns)
            )
            for path, columns in (
                (layout.features(temperature), len(names)),
                (layout.plane(temperature), len(plane_names)),
            )
        ]
        what = f"features at T={format_temperature(temperature)}"
        for walker in progress(range(walkers), what):
            for first, positions in stream_positions(layout.trajectory(temperature, walker), frames, particles):
                rows = slice(first, first + len(positions))
                for array, columns in zip(arrays, (features, plane), strict=True):
                    array[walker, rows] = np.concatenate([f.compute(positions) for f in columns], axis=1)
        for array in arrays:
            if not np.isfinite(array).all():
                raise ArtifactError(
                    f"{layout.simulation(temperature)}: features of its trajectories are not finite; "
                    "delete the folder and run the stage simulate again"
                )
            array.flush()
        save_array(layout.energies(temperature), energies.astype(np.float64))
    save_json(
        layout.features_header(temperature),
        {
            "names": names,
            "periodic": _periodic(features, particles),
            "plane_names": plane_names,
            "plane_periodic": _periodic(plane, particles),
            "temperature": temperature,
            "kT": protocol["kT"],
            "walkers": walkers,
            "frames": frames,
            "frame_interval": protocol["save_every"] * protocol["time_step"],
        },
    )


def _names(features: list[Feature], particles: int) -> list[str]:
    return [name for feature in features for name in feature.names(particles)]


def _periodic(features: list[Feature], particles: int) -> list[bool]:
    return [flag for feature in features for flag in feature.periodic(particles)]


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
