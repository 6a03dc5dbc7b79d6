"""Markov weights against exact chains."""

import numpy as np
import pytest
from scipy.stats import t as student

from thermolatent.errors import ThermolatentError
from thermolatent.markov import Chains, MarkovModel, transition_counts

#: Flows x_ij = pi_i T_ij of three states in a row; the second is left slowly.
FLOWS = np.array([[0.09, 0.01, 0.0], [0.01, 0.576, 0.014], [0.0, 0.014, 0.286]])
PI = FLOWS.sum(1)
T = FLOWS / PI[:, None]


def chains(rng, walkers, frames, start):
    """Series of states ``(walkers, frames)`` that begin in ``start`` ``(walkers,)``."""
    edges, states = T.cumsum(1), np.empty((walkers, frames), int)
    states[:, 0] = start
    for t in range(1, frames):
        states[:, t] = (rng.random((walkers, 1)) > edges[states[:, t - 1]]).sum(1)
    return states


def test_exact_counts_give_the_exact_chain():
    """Whatever the rows' totals: where the walkers started does not matter."""
    model = MarkovModel.of((np.array([[700.0], [20], [900]]) * T)[None])
    np.testing.assert_allclose(model.stationary, PI, rtol=1e-7)
    np.testing.assert_allclose(model.transition, T, atol=1e-8)
    second = np.sort(np.linalg.eigvals(T).real)[-2]
    assert model.timescale(5) == pytest.approx(-5 / np.log(second))


def test_counts_sum_to_the_stationary_distribution_and_leave_the_beginning_out():
    states = chains(np.random.default_rng(0), 8, 400, np.zeros(8, int))
    found = Chains(states, 10)
    assert not found.counts[:, :10].any()
    assert found.counts.mean() == pytest.approx(1)
    shares = np.bincount(states.ravel(), found.counts.ravel()) / states.size
    np.testing.assert_allclose(shares, found.model.stationary)


def test_transitions_are_of_one_walker_and_a_lag_apart():
    counts = transition_counts(np.array([[0, 1, 1, 0], [1, 1, 1, 1]]), 2, 2)
    np.testing.assert_array_equal(counts, [[[0, 1], [1, 0]], [[0, 0], [0, 2]]])


def test_the_response_is_the_derivative_of_pi():
    rng = np.random.default_rng(1)
    counts = rng.poisson(3, (6, 7, 7)).astype(float)
    response = MarkovModel.of(counts).response
    for walker in (0, 4):
        ends = []
        for step in (1e-4, -1e-4):
            moved = counts.copy()
            moved[walker] *= 1 + step
            ends.append(np.log(MarkovModel.of(moved).stationary))
        np.testing.assert_allclose(response[walker], (ends[0] - ends[1]) / 2e-4, atol=1e-7)
    np.testing.assert_allclose(response.sum(0), 0, atol=1e-8)


def test_a_state_without_a_way_back_counts_nothing():
    states = np.array([[0, 1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 1, 0, 2]])
    found = Chains(states, 1)
    assert found.model.stationary[2] == found.counts[1, 6] == 0
    assert not found.response[:, 2].any()


def test_walkers_that_stay_apart_count_where_most_of_the_transitions_are():
    found = Chains(np.repeat([[0], [1], [1]], 20, axis=1), 2)
    np.testing.assert_array_equal(found.counts[0], 0)
    assert found.counts.mean() == pytest.approx(1)
    np.testing.assert_allclose(found.response, [[0, 0], [0, -0.5], [0, -0.5]])
    assert np.isnan(found.timescales()).all()


def test_features_that_do_not_vary_are_told_in_one_line():
    with pytest.raises(
        ThermolatentError, match=r"featurize\.features: Markov states of reseeded MD cannot be made"
    ) as caught:
        Chains.of(np.ones((4, 50, 3), np.float32))
    assert "\n" not in str(caught.value)


def test_intervals_of_shares_hold_from_starts_out_of_equilibrium():
    """All walkers begin in one state. 150 sets; its plain share is off by a third of the value."""
    rng, hits, plain = np.random.default_rng(2), [], []
    U = 48
    for _ in range(150):
        found = Chains(chains(rng, U, 60, np.full(U, 2)), 5)
        shares = found.model.stationary
        weight = found.counts / found.counts.sum()
        for s in range(3):
            direct = weight * ((found.states == s) - shares[s])
            by_state = np.bincount(found.states.ravel(), direct.ravel(), 3)
            own = direct.sum(1) + found.response @ by_state
            assert abs(own.sum()) < 1e-9
            half = student.ppf(0.975, U - 1) * np.sqrt(U / (U - 1) * (own**2).sum()) / (shares[s] * (1 - shares[s]))
            hits.append(abs(np.log(shares[s] / (1 - shares[s])) - np.log(PI[s] / (1 - PI[s]))) <= half)
        plain.append((found.used == 2).mean())
    assert 0.92 <= np.mean(hits) <= 0.98
    assert np.mean(plain) > 1.3 * PI[2]


def test_chapman_kolmogorov_passes_a_chain_and_not_its_shadow():
    """The shadow does not tell the two ends of the row apart, nor a hidden memory."""
    rng = np.random.default_rng(3)
    states = chains(rng, 32, 400, np.arange(32) % 3)
    predicted, seen, error = Chains(states, 4).chapman_kolmogorov(states, 3)
    np.testing.assert_allclose(predicted, [np.linalg.matrix_power(T, 8)[s, s] for s in range(3)], atol=0.05)
    assert (np.abs(predicted - seen) < 3 * error).all()
    slow = np.array([0, 1, 0])[np.clip(states + (states == 2), 0, 2) % 3]  # ends and middle change places
    flicker = rng.random(states.shape) < 0.3
    shadow = np.where(flicker, rng.integers(0, 2, states.shape), slow)
    predicted, seen, error = Chains(shadow, 1).chapman_kolmogorov(shadow, 2)
    assert (np.abs(predicted - seen) > 4 * error).all()


def test_few_transitions_per_state_are_no_memory():
    """Frames that forget at once, in 40 states with forty transitions each: most of what seems to be memory is bias."""
    rng, worst = np.random.default_rng(5), []
    for _ in range(12):
        states = rng.integers(0, 40, (8, 200))
        predicted, seen, error = Chains(states, 20).chapman_kolmogorov(states % 3, 3)
        worst.append((np.abs(predicted - seen) / error).max())
    assert np.median(worst) < 2
    assert max(worst) < -student.ppf(0.001, 7)


def test_states_of_features_follow_what_is_slow():
    """A slow coordinate among fast noise of larger amplitude."""
    rng = np.random.default_rng(4)
    states = chains(rng, 16, 300, np.arange(16) % 3)
    features = np.concatenate(
        [states[..., None] + 0.05 * rng.normal(size=(16, 300, 1)), rng.normal(0, 3, (16, 300, 4))], -1
    )
    found = Chains.of(features.astype(np.float32))
    assert found.lag == 30
    purity = [np.bincount(states[found.states == i]).max() for i in range(found.states.max() + 1)]
    assert sum(purity) > 0.97 * states.size
    np.testing.assert_allclose(np.bincount(states.ravel(), found.counts.ravel()) / states.size, PI, atol=0.12)
