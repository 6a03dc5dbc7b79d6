"""Frames from the files of the stage featurize."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_array, load_json, require_finite
from thermolatent.files.paths import FrameFiles
from thermolatent.frames import Frames
from thermolatent.markov import Chains


def load_frames(files: Mapping[float, FrameFiles], protocols: Mapping[float, str] | None = None) -> Frames:
    """Open the files of the stage featurize at each temperature.

    ``protocols`` of the MD, by temperature, give the walkers' starts. Raises :class:`ArtifactError` for missing or inconsistent
    files.
    """
    found = Frames({}, {}, {}, {})
    for T, paths in files.items():
        _load_temperature(found, T, paths)
        if T in (protocols or {}):
            found.starts[T] = load_json(protocols[T], "protocol of the MD")["starts"]
            if len(found.starts[T]) != found.shape(T)[0]:
                raise ArtifactError(
                    f"{protocols[T]}: names {len(found.starts[T])} starts, {paths.features} holds {found.shape(T)[0]} walkers; "
                    "delete that and run featurize again"
                )
    return replace(found)


def _load_temperature(found: Frames, T: float, paths: FrameFiles) -> None:
    """Put the frames at one temperature into ``found``."""
    header = load_json(paths.header, "features' header")
    expected = (header["walkers"], header["frames"])
    for kind in ("features", "plane", "energies", *(["observables"] if header["observable_names"] else [])):
        path = getattr(paths, kind)
        array = load_array(path, kind, mmap=True)
        if array.shape[:2] != expected:
            raise ArtifactError(
                f"{path}: holds {array.shape[0]} walkers of {array.shape[1]} frames, must be {expected[0]} of "
                f"{expected[1]}; delete it and run featurize again"
            )
        getattr(found, kind)[T] = array
    require_finite(found.plane[T].reshape(-1, 2), paths.plane, "points")
    log_weights = load_array(paths.log_weights, "log-weights")
    if log_weights.size:
        if log_weights.shape != expected or not np.isfinite(log_weights).all():
            raise ArtifactError(
                f"{paths.log_weights}: must be {expected} finite numbers; delete it and run featurize again"
            )
        found.counts[T] = np.exp(log_weights - log_weights.max())
    if "chains_lag" in header:
        states = load_array(paths.chains, "Markov states")
        if states.shape != expected or states.dtype.kind != "i" or states.min() < 0:
            raise ArtifactError(
                f"{paths.chains}: must be {expected} numbers of states; delete it and run featurize again"
            )
        found.chains[T] = Chains(states, header["chains_lag"])
    if "pieces" in header:
        found.pieces[T] = np.array(header["pieces"], int).reshape(-1, 2)
        if len(found.pieces[T]) != expected[0]:
            raise ArtifactError(
                f"{paths.header}: has the origin of {len(found.pieces[T])} walkers, must be {expected[0]}; delete it and run "
                "featurize again"
            )
    if "stretch" in header:
        found.stretch[T] = float(header["stretch"])
    found.kT[T] = header["kT"]
    found.observable_names, found.plane_periodic = header["observable_names"], tuple(header["plane_periodic"])
