"""Weighted means and their errors, where both are known."""

import numpy as np
import pytest

from thermolatent.validate.observables import weighted_mean


def frames(rng, walkers=40, n=500, correlated=0.0):
    """Frames ``(walkers * n, 1)`` of unit variance, of which each walker shares a part."""
    own = rng.normal(size=(walkers, 1)) * np.sqrt(correlated)
    return (own + np.sqrt(1 - correlated) * rng.normal(size=(walkers, n))).reshape(-1, 1)


@pytest.mark.parametrize("correlated", [0.0, 0.3])
def test_error_is_the_scatter_of_repeated_runs(correlated):
    rng, walkers, n = np.random.default_rng(1), 40, 500
    who = np.repeat(np.arange(walkers), n)
    found = [
        weighted_mean(frames(rng, walkers, n, correlated), None, who, np.zeros(walkers, int), 100, rng)
        for _ in range(60)
    ]
    scatter = np.std([mean[0] for mean, _, _ in found])
    assert np.mean([stderr[0] for _, stderr, _ in found]) == pytest.approx(scatter, rel=0.25)
    independent = 1 / (correlated / walkers + (1 - correlated) / (walkers * n))
    assert np.median([n_eff[0] for *_, n_eff in found]) == pytest.approx(independent, rel=0.35)


def test_weights_turn_one_gaussian_into_another():
    rng, walkers, n = np.random.default_rng(2), 50, 4000
    x = rng.normal(size=walkers * n)
    weights = np.exp(0.5 * x)  # N(0, 1) times exp(x / 2) is N(1/2, 1)
    who = np.repeat(np.arange(walkers), n)
    values = np.stack([x, 1e6 + x**2], axis=1)
    mean, stderr, _ = weighted_mean(values, weights, who, np.repeat([0, 1], walkers // 2), 200, rng)
    assert abs(mean[0] - 0.5) < 4 * stderr[0] < 0.04
    assert abs(mean[1] - 1e6 - 1.25) < 4 * stderr[1] < 0.06


def test_one_walker_with_all_the_weight_has_no_error_to_show():
    rng = np.random.default_rng(3)
    weights = np.repeat([1.0, 0.0, 0.0, 0.0], 10)
    mean, stderr, _ = weighted_mean(
        rng.normal(size=(40, 1)), weights, np.repeat(range(4), 10), np.zeros(4, int), 50, rng
    )
    assert stderr[0] == pytest.approx(0, abs=1e-15)
    assert np.isfinite(mean[0])
