"""Bootstrap over walkers, effective sample size and balanced halves."""

import numpy as np
import pytest

from thermolatent.frames import halves
from thermolatent.validate.uncertainty import bootstrap_masses, effective_sample_size, multiplicities, resampled, stream


def test_halves_have_every_start_equally_often():
    for starts in (["a", "b"] * 8, ["a", "b", "c", "d"] * 8, ["a"] * 16, ["a", "b", "c"] * 5):
        half = halves(starts)
        assert abs(2 * half.sum() - len(starts)) <= 1
        for start in set(starts):
            here = np.array(starts) == start
            assert abs(2 * half[here].sum() - here.sum()) <= 1


def test_multiplicities_keep_each_stratum():
    strata = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    counts = multiplicities(np.ones(9), strata, 200, np.random.default_rng(0))
    assert (counts[:, :5].sum(1) == 5).all()
    assert (counts[:, 5:].sum(1) == 4).all()


def test_three_pieces_do_not_tell_how_they_scatter_unless_they_weigh_nothing():
    weights, strata = np.array([1.0, 1, 1, 1, 0, 0, 0]), np.array([0, 0, 0, 0, 1, 1, 1])
    assert np.isfinite(multiplicities(weights, strata, 20, np.random.default_rng(0))).all()
    for few in (np.ones(7), 1 - weights):
        assert np.isnan(multiplicities(few, strata, 20, np.random.default_rng(0))).all()
        assert np.isnan(bootstrap_masses(np.outer(few, [1, 2]), strata, 20, np.random.default_rng(0))).all()


def test_stderr_over_walkers_sees_correlation():
    """Walkers that never leave their state: the error is that of 40 walkers, not of 40,000 frames."""
    rng = np.random.default_rng(1)
    state = rng.random(40) < 0.3
    per_walker = np.stack([state, ~state], axis=1) * 1000.0
    stderr = bootstrap_masses(per_walker, np.zeros(40, int), 4000, rng).std(axis=0)
    p = state.mean()
    np.testing.assert_allclose(stderr, np.sqrt(p * (1 - p) / 40), rtol=0.05)


def test_effective_sample_size():
    assert effective_sample_size(np.full(50, 0.02)) == pytest.approx(50)
    assert effective_sample_size(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective_sample_size(np.array([2.0, 1, 1])) == pytest.approx(16 / 6)


def test_resampled_masses_are_counts_over_n():
    masses = resampled(np.array([[0.2, 0.8], [1.0, 0.0]]), 10, np.random.default_rng(2))
    np.testing.assert_allclose(masses.sum(1), 1)
    np.testing.assert_allclose(masses * 10, np.round(masses * 10))


def test_streams_are_their_labels():
    assert stream("a", 1).random() == stream("a", 1).random()
    assert stream("a", 1).random() != stream("a", 2).random()
