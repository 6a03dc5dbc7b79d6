"""GMRQ of Markov chains whose eigenvalues are known."""

import numpy as np
import pytest

from thermolatent.frames import Frames
from thermolatent.validate.kinetics import cross_entropy, gmrq, slowest_timescale, transition_counts


def chain(P, walkers, frames, seed):
    """Label series ``(walkers, frames)`` of a Markov chain."""
    rng = np.random.default_rng(seed)
    cumulative, state = np.cumsum(P, axis=1), rng.integers(len(P), size=walkers)
    series = []
    for _ in range(frames):
        series.append(state)
        state = (rng.random((walkers, 1)) > cumulative[state]).sum(axis=1)
    return np.array(series).T


THREE = np.array([[0.95, 0.04, 0.01], [0.04, 0.92, 0.04], [0.01, 0.04, 0.95]])  # symmetric: uniform, reversible


@pytest.mark.parametrize("lag", [1, 5])
def test_all_processes_sum_the_eigenvalues(lag):
    value, stderr = gmrq(chain(THREE, 32, 4000, 0), lag, 3)
    expected = np.trace(np.linalg.matrix_power(THREE, lag))
    assert value == pytest.approx(expected, abs=0.02)
    assert 0 < stderr < 0.02


def test_leading_processes_only():
    values = np.sort(np.linalg.eigvalsh(THREE))[::-1]
    value, _ = gmrq(chain(THREE, 32, 4000, 1), 1, 3, processes=2)
    assert value == pytest.approx(values[:2].sum(), abs=0.01)


def test_agrees_with_deeptime():
    """Trace of deeptime's reversible maximum-likelihood matrix, all walkers for training and test."""
    from deeptime.markov import TransitionCountEstimator
    from deeptime.markov.msm import MaximumLikelihoodMSM

    series = chain(THREE, 40, 3000, 2)
    counts = TransitionCountEstimator(1, "sliding").fit_fetch(list(series))
    msm = MaximumLikelihoodMSM(reversible=True).fit_fetch(counts)
    assert gmrq(series, 1, 3)[0] == pytest.approx(np.trace(msm.transition_matrix), abs=0.01)


def test_counts_never_cross_walkers():
    counts = transition_counts(np.array([[0, 0, 1], [2, 2, 2]]), 1, 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 0, 0], [0, 0, 2]])


def test_counts_never_cross_an_exchange():
    """Replicas that change places after every 10 frames count as walkers of 10 frames do."""
    labels = chain(THREE, 400, 10, 5)
    x = np.zeros((4, 1000, 1), np.float32)
    exchanged = Frames({1.0: 1.0}, {1.0: x}, {1.0: x}, {1.0: x[..., 0]}, stretch={1.0: 10})
    times = exchanged.counts[1.0] * exchanged.linked(1.0, 2)
    counts = transition_counts(labels.reshape(4, 1000), 2, 3, times)
    np.testing.assert_array_equal(counts, transition_counts(labels, 2, 3))
    assert cross_entropy(THREE[labels].reshape(4, 1000, 3), labels.reshape(4, 1000), 2, times)[0] == pytest.approx(
        cross_entropy(THREE[labels], labels, 2)[0]
    )


def test_states_that_a_fold_misses_and_no_walker_at_all():
    series = np.array([[0, 1, 0, 1], [0, 1, 0, 1], [0, 0, 1, 2]])
    assert np.isfinite(gmrq(series, 1, 3)[0])
    value, stderr = gmrq(np.array([[0, 0, 0], [1, 1, 1]]), 1, 2)
    assert np.isnan(value)
    assert np.isnan(stderr)


@pytest.mark.parametrize("lag", [1, 5])
def test_slowest_timescale_of_a_known_chain(lag):
    second = np.sort(np.linalg.eigvalsh(THREE))[-2]
    value, stderr = slowest_timescale(chain(THREE, 32, 4000, 3), lag, 3)
    assert value == pytest.approx(-1 / np.log(second), abs=4 * stderr + 0.1)
    assert 0 < stderr < 2


def test_no_timescale_where_one_state_is_seen():
    assert np.isnan(slowest_timescale(np.zeros((3, 50), int), 1, 2)[0])


def test_cross_entropy_of_the_true_predictor_is_the_entropy_of_the_chain():
    labels = chain(THREE, 16, 4000, 4)
    value, stderr = cross_entropy(THREE[labels], labels, 1)
    entropy = -(THREE * np.log(THREE)).sum(1).mean()
    assert value == pytest.approx(entropy, abs=4 * stderr)
    assert cross_entropy(np.full((*labels.shape, 3), 1 / 3), labels, 1)[0] == pytest.approx(np.log(3))
