"""Observables: those with a tolerance, and weighted means with errors over independent pieces of MD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_json
from thermolatent.validate.grid import values_of_frames
from thermolatent.validate.settings import POPULATIONS
from thermolatent.validate.uncertainty import multiplicities

if TYPE_CHECKING:
    from thermolatent.files.paths import FrameFiles
    from thermolatent.reweight.estimator import ConditionalReweighting
    from thermolatent.validate.settings import Asked


@dataclass(frozen=True)
class Observable:
    """An observable whose mean gets a verdict.

    Attributes
    ----------
    tolerance: of its mean, in the observable's unit.
    values: of all training frames, ``(N,)``.
    """

    name: str
    tolerance: float
    values: np.ndarray


def judged_observables(
    study: Asked, frames: Mapping[float, FrameFiles], reweighting: ConditionalReweighting
) -> list[Observable]:
    """The observables in ``validate.tolerance``, every column of each feature.

    ``frames`` are files of the training frames. Raises :class:`ArtifactError` if featurize has not run, or if its files are of
    other frames than the reweighting.
    """
    tolerances = {label: own for label, own in study.validate_.tolerance.items() if label != POPULATIONS}
    if not tolerances:
        return []
    path = frames[study.temperatures.train[0]].header
    header = load_json(path, "features' header")
    if len(labels := header.get("observable_labels", [])) != len(names := header.get("observable_names", [])):
        raise ArtifactError(f"{path}: does not say which observables are which; delete it and run featurize again")
    if missing := sorted(set(tolerances) - set(labels)):
        raise ArtifactError(f"{path}: has no observable '{missing[0]}'; delete it and run featurize again")
    values = values_of_frames(frames, "observables", reweighting)
    columns = zip(labels, names, values.T, strict=True)
    return [Observable(name, tolerances[label], own) for label, name, own in columns if label in tolerances]


def weighted_mean(
    values: np.ndarray,
    weights: np.ndarray | None,
    units: np.ndarray,
    strata: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, its standard error, and the equivalent number of independent frames, each ``(k,)``.

    Parameters
    ----------
    values: observables of each frame, ``(N, k)``.
    weights: ``(N,)``, or None for equal ones.
    units: independent piece of MD of each frame, ``(N,)``.
    strata: temperature of each unit, ``(units,)``; units are drawn with replacement within it.
    replicates: bootstrap samples.

    Returns
    -------
    The last is the weighted variance over the squared error, NaN for an error of 0. Both are NaN for too few units.
    """
    values = np.asarray(values, np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    n, k = len(strata), values.shape[1]
    mean = weights @ values / weights.sum()
    centred = values - mean  # avoids cancellation of large offsets
    sums = np.stack([np.bincount(units, weights * centred[:, j], minlength=n) for j in range(k)], axis=1)
    total = np.bincount(units, weights, minlength=n)
    drawn = multiplicities(total, strata, replicates, rng)
    norm = drawn @ total
    # As in bootstrap_masses: replicates without any weight occur only if one unit has all of it.
    means = np.where(norm[:, None] == 0, 0.0, (drawn @ sums) / np.where(norm == 0, 1, norm)[:, None])
    stderr = means.std(axis=0, ddof=1)
    variance = weights @ centred**2 / weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        independent = np.where(stderr > 0, variance / stderr**2, np.nan)
    return mean, stderr, independent
