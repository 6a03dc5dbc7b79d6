"""Time-lagged independent component analysis of the features: the slowest linear combinations (deeptime).

Perez-Hernandez et al., J. Chem. Phys. 139, 015102 (2013). Of the training temperatures together, and of no held-out walker.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from thermolatent.errors import TrainingError
from thermolatent.frames import Frames


def fit_tica(data: Frames, lag: int, walkers: np.ndarray, components: int, key: str):
    """deeptime's model of the ``components`` slowest components at ``lag`` frames, from the walkers of the mask.

    Two frames one lag apart count as often as the first of them, and no pair crosses an exchange of replicas. Fewer components
    where the features depend on each other.
    Raises :class:`TrainingError`, naming the study's ``key``, for features that do not vary.
    """
    from deeptime.decomposition import TICA

    members = np.flatnonzero(walkers)
    linked = {T: data.linked(T, lag) for T in data.temperatures}
    runs = [(data.features[T][w], data.counts[T][w], linked[T][w]) for T in data.temperatures for w in members]
    estimator = TICA(lagtime=lag, dim=components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of features that depend on each other it drops what is too much
        try:
            if data.held and not data.weighted and not data.stretch:
                estimator.fit([np.asarray(run, np.float64) for run, _, _ in runs])
                return estimator.fetch_model()
            covariance = TICA.covariance_estimator(lagtime=lag)
            for run, counts, going_on in runs:  # the same sums, from one part of a walker after another
                for now, later, each in _lagged_parts(run, counts, going_on, lag):
                    covariance.partial_fit((now, later), weights=each if data.weighted else None)
            return estimator.fit(covariance).fetch_model()
        except Exception as error:  # deeptime's own, and numpy's
            raise TrainingError(f"{key} cannot be made of these features ({error})") from None


def _lagged_parts(
    run: np.ndarray, counts: np.ndarray, linked: np.ndarray, lag: int, rows: int = 10_000
) -> Iterator[tuple[np.ndarray, ...]]:
    """Frames of one walker ``(frames, n)`` that are linked to those one lag later, these and how often the first count,
    float64, part by part."""
    for start in range(0, len(run) - lag, rows):
        stop = min(start + rows, len(run) - lag)
        pair, own = (run[start:stop], run[start + lag : stop + lag]), linked[start:stop]
        if own.any():
            yield *(np.asarray(part, np.float64)[own] for part in pair), counts[start:stop][own]


def loadings(model, n_features: int) -> np.ndarray:
    """Weight of each feature in each component, ``(n_features, components)`` float64."""
    return np.asarray(model.transform(np.eye(n_features)) - model.transform(np.zeros((1, n_features))))


def timescales(model, lag: int) -> list[float]:
    """Implied timescale of each component in saved frames, -lag / ln(eigenvalue)."""
    return (-lag / np.log(np.clip(np.abs(model.singular_values[: model.output_dimension]), 1e-12, 1 - 1e-12))).tolist()
