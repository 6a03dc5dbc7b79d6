"""How well a set of states holds the slow processes of the MD, and how well a model foresees the next state."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

#: Folds of the cross-validation, by whole walkers.
FOLDS = 5


def transition_counts(labels: np.ndarray, lag: int, n_states: int, times: np.ndarray | None = None) -> np.ndarray:
    """Sliding-window counts ``(n_states, n_states)`` of label series ``(walkers, frames)``, none across walkers.

    ``times`` ``(walkers, frames)`` is how often the transition that begins at each frame counts; once by default.
    """
    pairs = labels[:, :-lag].astype(np.int64) * n_states + labels[:, lag:]
    each = None if times is None else times[:, :-lag].ravel()
    return np.bincount(pairs.ravel(), each, minlength=n_states**2).reshape(n_states, n_states).astype(float)


def _by_walker(labels: np.ndarray, lag: int, n_states: int, times: np.ndarray | None) -> np.ndarray:
    times = np.ones(labels.shape, np.int64) if times is None else times
    pairs = zip(labels, times, strict=True)
    return np.array([transition_counts(walker[None], lag, n_states, each[None]) for walker, each in pairs])


def _score(train: np.ndarray, test: np.ndarray, processes: int) -> float:
    """Generalised matrix Rayleigh quotient on ``test`` of the leading eigenvectors of ``train`` (counts)."""
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
) -> tuple[float, float]:
    """Cross-validated variational score (r = 1) of a Markov state model, with its standard error over folds.

    The sum of the leading ``processes`` eigenvalues of the reversible model, the stationary one included: 1 to
    ``processes``, higher is slower. Eigenvectors come from all walkers but one fold, the score from that fold
    (McGibbon and Pande, J. Chem. Phys. 142, 124105, 2015). With as many processes as states the eigenvectors span
    everything and the score is the trace of the held-out transition matrix.

    Parameters
    ----------
    labels: ``(walkers, frames)`` int, at least two walkers.
    lag: in frames.
    processes: default, and at most, ``n_states``.
    times: of :func:`transition_counts`.
    """
    counts = _by_walker(labels, lag, n_states, times)
    fold = np.arange(len(labels)) % min(folds, len(labels))
    processes = min(processes or n_states, n_states)
    scores = [_score(counts[fold != k].sum(0), counts[fold == k].sum(0), processes) for k in range(fold.max() + 1)]
    finite = np.array([s for s in scores if np.isfinite(s)])
    if len(finite) == 0:
        return float("nan"), float("nan")
    error = finite.std(ddof=1) / np.sqrt(len(finite)) if len(finite) > 1 else float("nan")
    return float(finite.mean()), float(error)


def slowest_timescale(
    labels: np.ndarray, lag: int, n_states: int, times: np.ndarray | None = None
) -> tuple[float, float]:
    """Slowest implied timescale -lag / ln(lambda_2), in frames, of the reversible Markov model of all walkers.

    With its jackknife standard error over walkers. NaN where fewer than two states are visited, or where lambda_2 is not
    between 0 and 1 (a process faster than the lag, or one never seen to relax).

    Parameters
    ----------
    labels: ``(walkers, frames)`` int.
    lag: in frames.
    times: of :func:`transition_counts`.
    """
    counts = _by_walker(labels, lag, n_states, times)
    value = _timescale(counts.sum(0), lag)
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
    probabilities: np.ndarray, labels: np.ndarray, lag: int, times: np.ndarray | None = None
) -> tuple[float, float]:
    """E[-ln p(y|z)] in nats, y the label ``lag`` frames after z, with its standard error over walkers.

    Parameters
    ----------
    probabilities: p(y|z) of each frame, ``(walkers, frames, n_states)``.
    labels: ``(walkers, frames)`` int.
    times: of :func:`transition_counts`; a walker of which nothing counts is left out.
    """
    foreseen = np.take_along_axis(probabilities[:, :-lag], labels[:, lag:, None], axis=2)[..., 0]
    each = np.ones(foreseen.shape) if times is None else times[:, :-lag]
    counting = each.sum(axis=1) > 0
    by_walker = np.average(-np.log(np.maximum(foreseen, 1e-30))[counting], axis=1, weights=each[counting])
    weight = each[counting].sum(axis=1) / each[counting].sum(axis=1).mean()
    value, n = (weight * by_walker).mean(), len(by_walker)
    error = (weight * (by_walker - value)).std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
    return float(value), float(error)
