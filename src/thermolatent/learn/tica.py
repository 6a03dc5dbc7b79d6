"""Time-lagged independent component analysis of the features: the slowest linear combinations (deeptime).

Perez-Hernandez et al., J. Chem. Phys. 139, 015102 (2013). Of the training temperatures together, and of no held-out walker.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from thermolatent.errors import TrainingError
from thermolatent.learn.dataset import TrainingData


def fit_tica(data: TrainingData, lag: int, walkers: np.ndarray, components: int, key: str):
    """deeptime's model of the ``components`` slowest components at ``lag`` frames, from the walkers of the mask.

    Fewer where the features depend on each other. Raises :class:`TrainingError`, naming the study's ``key``, for features
    that do not vary.
    """
    from deeptime.decomposition import TICA

    runs = (f[w] for f in data.features for w in np.flatnonzero(walkers))
    estimator = TICA(lagtime=lag, dim=components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of features that depend on each other it drops what is too much
        try:
            if data.held:
                estimator.fit([np.asarray(run, np.float64) for run in runs])
            else:  # the same sums, from one part of a walker after another
                for part in (part for run in runs for part in _lagged_parts(run, lag)):
                    estimator.partial_fit(part)
            return estimator.fetch_model()
        except Exception as error:  # deeptime's own, and numpy's
            raise TrainingError(f"{key} cannot be made of these features ({error})") from None


def _lagged_parts(run: np.ndarray, lag: int, rows: int = 10_000) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames of one walker ``(frames, n)`` and those one lag later, float64, part by part."""
    for start in range(0, len(run) - lag, rows):
        stop = min(start + rows, len(run) - lag)
        yield np.asarray(run[start:stop], np.float64), np.asarray(run[start + lag : stop + lag], np.float64)


def loadings(model, n_features: int) -> np.ndarray:
    """Weight of each feature in each component, ``(n_features, components)`` float64."""
    return np.asarray(model.transform(np.eye(n_features)) - model.transform(np.zeros((1, n_features))))


def timescales(model, lag: int) -> list[float]:
    """Implied timescale of each component in saved frames, -lag / ln(eigenvalue)."""
    return (-lag / np.log(np.clip(np.abs(model.singular_values[: model.output_dimension]), 1e-12, 1 - 1e-12))).tolist()
