"""Kinetic scores of a set of states: GMRQ, implied timescale, and cross-entropy of the predicted next state."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from thermolatent.reweight.design import LEAST_UNITS

#: Folds of the cross-validation, by whole units: walkers, or blocks of imported MD.
FOLDS = 5


def transition_counts(labels: np.ndarray, lag: int, n_states: int, times: np.ndarray | None = None) -> np.ndarray:
    """Sliding-window counts ``(n_states, n_states)`` of label series ``(walkers, frames)``, none across walkers.

    ``times`` ``(walkers, frames)``: how often the transition that begins at each frame counts; once by default.
    """
    pairs = labels[:, :-lag].astype(np.int64) * n_states + labels[:, lag:]
    each = None if times is None else times[:, :-lag].ravel()
    return np.bincount(pairs.ravel(), each, minlength=n_states**2).reshape(n_states, n_states).astype(float)


def _by_unit(
    labels: np.ndarray, lag: int, n_states: int, times: np.ndarray | None, units: np.ndarray | None
) -> np.ndarray:
    """Counts ``(units, n_states, n_states)`` of the transitions that begin in each unit."""
    number = _numbered(units, labels.shape)
    # One set of states per unit, for the beginnings of its transitions.
    pairs = (number[:, :-lag] * n_states + labels[:, :-lag]) * n_states + labels[:, lag:]
    each = None if times is None else times[:, :-lag].ravel()
    n = int(number.max()) + 1
    return np.bincount(pairs.ravel(), each, n * n_states**2).reshape(n, n_states, n_states).astype(float)


def _numbered(units: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """Unit of each frame, numbered from 0; walkers by default."""
    if units is None:
        return np.broadcast_to(np.arange(shape[0])[:, None], shape)
    return np.unique(units, return_inverse=True)[1].reshape(shape)


def _score(train: np.ndarray, test: np.ndarray, processes: int) -> float:
    """Generalised matrix Rayleigh quotient of the leading eigenvectors of the counts ``train`` on the counts ``test``."""
    seen = (train.sum(0) + train.sum(1) > 0) & (test.sum(0) + test.sum(1) > 0)
    if not seen.any():
        return float("nan")
    C, S = [], []
    for counts in (train[np.ix_(seen, seen)], test[np.ix_(seen, seen)]):
        symmetric = (counts + counts.T) / 2
        C.append(symmetric)
        S.append(np.diag(symmetric.sum(axis=1)))
    if min(np.diag(s).min() for s in S) == 0:  # a state whose only transitions lead to unseen ones
        return float("nan")
    vectors = eigh(C[0], S[0])[1][:, ::-1][:, :processes]
    return float(np.trace(np.linalg.solve(vectors.T @ S[1] @ vectors, vectors.T @ C[1] @ vectors)))


def gmrq(
    labels: np.ndarray,
    lag: int,
    n_states: int,
    processes: int | None = None,
    folds: int = FOLDS,
    times: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> tuple[float, float]:
    """Cross-validated variational score (r = 1) of a Markov state model, with its standard error over folds.

    The sum of the leading ``processes`` eigenvalues of the reversible model, the stationary one included: 1 to
    ``processes``, higher is slower. Eigenvectors come from all units but one fold, the score from that fold
    (McGibbon and Pande, J. Chem. Phys. 142, 124105, 2015). With as many processes as states the eigenvectors span
    everything and the score is the trace of the held-out transition matrix.

    Parameters
    ----------
    labels: ``(walkers, frames)`` int.
    lag: in frames.
    processes: default, and at most, ``n_states``.
    times: as in :func:`transition_counts`.
    units: independent piece of MD of each frame, ``(walkers, frames)``; walkers by default. The score is NaN for fewer than
        two, the error for fewer than :data:`~thermolatent.reweight.design.LEAST_UNITS`, as in the functions below.
    """
    counts = _by_unit(labels, lag, n_states, times, units)
    if len(counts) < 2:
        return float("nan"), float("nan")
    fold = np.arange(len(counts)) % min(folds, len(counts))
    processes = min(processes or n_states, n_states)
    scores = [_score(counts[fold != k].sum(0), counts[fold == k].sum(0), processes) for k in range(fold.max() + 1)]
    finite = np.array([s for s in scores if np.isfinite(s)])
    if len(finite) == 0:
        return float("nan"), float("nan")
    known = len(counts) >= LEAST_UNITS and len(finite) > 1
    return float(finite.mean()), float(finite.std(ddof=1) / np.sqrt(len(finite))) if known else float("nan")


def slowest_timescale(
    labels: np.ndarray,
    lag: int,
    n_states: int,
    times: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> tuple[float, float]:
    """Slowest implied timescale -lag / ln(lambda_2), in frames, of the reversible Markov model of all walkers.

    With its jackknife standard error over units. NaN if fewer than two states are visited, or if lambda_2 is not between 0
    and 1 (a process faster than the lag, or one without relaxation in the data). Parameters as in :func:`gmrq`.
    """
    counts = _by_unit(labels, lag, n_states, times, units)
    value = _timescale(counts.sum(0), lag)
    if len(counts) < LEAST_UNITS:
        return value, float("nan")
    left_out = np.array([_timescale(counts.sum(0) - one, lag) for one in counts])
    n = len(left_out)
    return value, float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))


def _timescale(counts: np.ndarray, lag: int) -> float:
    seen = counts.sum(0) + counts.sum(1) > 0
    symmetric = (counts + counts.T)[np.ix_(seen, seen)]
    if len(symmetric) < 2:
        return float("nan")
    second = eigh(symmetric, np.diag(symmetric.sum(axis=1)), eigvals_only=True)[-2]
    return -lag / np.log(second) if 0 < second < 1 else float("nan")


def cross_entropy(
    probabilities: np.ndarray,
    labels: np.ndarray,
    lag: int,
    times: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> tuple[float, float]:
    """E[-ln p(y|z)] in nats, y the label ``lag`` frames after z, with its standard error over units.

    Parameters
    ----------
    probabilities: p(y|z) of each frame, ``(walkers, frames, n_states)``.
    labels, lag, times, units: as in :func:`gmrq`; units with count 0 are left out.
    """
    predicted = np.take_along_axis(probabilities[:, :-lag], labels[:, lag:, None], axis=2)[..., 0]
    each = np.ones(predicted.shape) if times is None else times[:, :-lag]
    number = _numbered(units, labels.shape)[:, :-lag].ravel()
    counted = np.bincount(number, each.ravel())
    losses = np.bincount(number, (each * -np.log(np.maximum(predicted, 1e-30))).ravel())[counted > 0]
    counted = counted[counted > 0]
    value, n = losses.sum() / counted.sum(), len(counted)
    error = float("nan")
    if n >= LEAST_UNITS:
        error = (losses - value * counted).std(ddof=1) / np.sqrt(n) / counted.mean()
    return float(value), float(error)
