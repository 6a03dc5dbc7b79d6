"""Time-lagged independent component analysis of the features: the slowest linear combinations (deeptime).

Perez-Hernandez et al., J. Chem. Phys. 139, 015102 (2013). All training temperatures together, without held-out walkers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from thermolatent.errors import TrainingError
from thermolatent.frames import Frames


def fit_tica(data: Frames, lag: int, walkers: np.ndarray, components: int, key: str):
    """deeptime's model of the ``components`` slowest components at ``lag`` frames, from the walkers of the mask.

    A pair of frames one lag apart counts as often as its first frame; no pair crosses an exchange of replicas. Linearly
    dependent features give fewer components. Raises :class:`TrainingError`, which names the study's ``key``, for features
    that do not vary.
    """
    from deeptime.decomposition import TICA

    members = np.flatnonzero(walkers)
    linked = {T: data.linked(T, lag) for T in data.temperatures}
    runs = [(data.features[T][w], data.counts[T][w], linked[T][w]) for T in data.temperatures for w in members]
    estimator = TICA(lagtime=lag, dim=components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deeptime warns of linearly dependent features, which it drops
        try:
            if data.held and not data.weighted and not data.stretch:
                estimator.fit([np.asarray(run, np.float64) for run, _, _ in runs])
                return estimator.fetch_model()
            covariance = TICA.covariance_estimator(lagtime=lag)
            for run, counts, pairs in runs:  # the same sums, chunk by chunk
                for now, later, each in _lagged_parts(run, counts, pairs, lag):
                    covariance.partial_fit((now, later), weights=each if data.weighted else None)
            return estimator.fit(covariance).fetch_model()
        except Exception as error:  # of deeptime or numpy
            raise TrainingError(f"{key} cannot be made of these features ({error})") from None


def _lagged_parts(
    run: np.ndarray, counts: np.ndarray, linked: np.ndarray, lag: int, rows: int = 10_000
) -> Iterator[tuple[np.ndarray, ...]]:
    """Chunks, float64, of one walker's pairs: first frames, frames one lag later, and how often the first ones count."""
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
