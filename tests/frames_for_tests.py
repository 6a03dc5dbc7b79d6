"""Frames as the stage featurize writes them."""

from collections.abc import Sequence

import numpy as np

from thermolatent.files.artifacts import save_array, save_json


def write_frames(
    layout,
    temperature,
    features,
    plane,
    energies,
    *,
    kT=None,
    names: Sequence[str] = (),
    observables=None,
    observable_names: Sequence[str] = (),
    log_weights=None,
    **header,
):
    """Write ``features (walkers, frames, n)``, ``plane (walkers, frames, 2)``, ``energies (walkers, frames)`` and what else is
    given; ``header`` goes over the header's other entries. kT is the temperature where nothing is said."""
    walkers, frames = np.shape(features)[:2]
    files = layout.frame_files(temperature)
    save_array(files.features, np.asarray(features, np.float32))
    save_array(files.plane, np.asarray(plane, np.float32))
    save_array(files.energies, np.asarray(energies, np.float64))
    columns = np.empty((walkers, frames, 0)) if observables is None else observables
    save_array(files.observables, np.asarray(columns, np.float32))
    save_array(files.log_weights, np.empty(0) if log_weights is None else np.asarray(log_weights, np.float64))
    told = {
        "names": list(names) or [f"x{i}" for i in range(np.shape(features)[2])],
        "periodic": [False] * np.shape(features)[2],
        "plane_names": ["x", "y"],
        "plane_periodic": [False, False],
        "observable_names": list(observable_names),
        "observable_labels": list(observable_names),
        "temperature": temperature,
        "kT": temperature if kT is None else kT,
        "walkers": walkers,
        "frames": frames,
        "frame_interval": 1.0,
        "heavy_atoms": 0,
    }
    save_json(files.header, told | header)
