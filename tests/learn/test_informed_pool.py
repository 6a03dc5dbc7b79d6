"""Frames drawn by weight for informed training."""

import numpy as np
import pytest

from thermolatent.learn.informed import InformedPool
from thermolatent.sampling import systematic_resample


def test_systematic_resampling_counts_are_within_one_of_expected():
    rng = np.random.default_rng(0)
    weight = rng.random(50)
    counts = np.bincount(systematic_resample(weight, 10_000, rng), minlength=50)
    assert np.abs(counts - 10_000 * weight / weight.sum()).max() <= 1
    assert len(systematic_resample(weight, 0, rng)) == 0


def make_pool(weights, allowed=None, seed=0):
    n = 20_000
    allowed = np.ones(n, bool) if allowed is None else allowed
    return InformedPool(weights, (1.0, 2.0), allowed, np.where(np.arange(n) < n // 2, 0.5, 1.0), 100, 10, seed)


def test_pool_draws_by_weight_and_uniformly_in_inverse_temperature():
    favourite = np.zeros(20_000)
    favourite[5000:15_000] = 1e-4
    pool = make_pool(lambda T: favourite)
    draws = [pool.draw(step) for step in range(10)]
    rows, temperatures = np.concatenate([d[0] for d in draws]), np.concatenate([d[1] for d in draws])
    by_weight = ~np.isin(temperatures, [0.5, 1.0])
    assert by_weight.mean() == pytest.approx(10_000 / 11_000, abs=0.02)  # trust n / (n + 1000)
    assert ((rows >= 5000) & (rows < 15_000))[by_weight].all()
    counts = np.histogram(1 / temperatures[by_weight], bins=4, range=(1, 2))[0]
    assert np.ptp(counts) <= 0.05 * by_weight.sum()


def test_temperatures_that_cannot_be_trusted_fall_back_to_training_frames():
    single = np.zeros(20_000)
    single[7] = 1.0
    pool = make_pool(lambda T: single)
    rows, temperatures = pool.draw(0)
    assert (rows == 7).mean() < 0.05
    assert set(temperatures[rows != 7]) <= {0.5, 1.0}
    np.testing.assert_array_equal(temperatures, np.where(rows < 10_000, 0.5, 1.0))


def test_frames_that_have_next_to_no_weight_are_weighed_among_themselves():
    """Held-out walkers may have nearly all of it: what is left for the others is still shared out by weight."""
    allowed = np.arange(20_000) < 10_000
    weights = np.where(allowed, 1e-200, 1e-4)
    rows, temperatures = make_pool(lambda T: weights, allowed).draw(0)
    assert (rows < 10_000).all()
    assert (~np.isin(temperatures, [0.5, 1.0])).mean() == pytest.approx(10_000 / 11_000, abs=0.05)


def test_frames_without_any_weight_are_training_frames():
    allowed = np.arange(20_000) < 10_000
    rows, temperatures = make_pool(lambda T: np.where(allowed, 0.0, 1e-4), allowed).draw(0)
    assert (rows < 10_000).all()
    assert set(temperatures) == {0.5}


def test_pool_uses_allowed_frames_only_and_depends_on_the_step_alone():
    allowed = np.arange(20_000) % 3 == 0
    flat = np.full(20_000, 5e-5)
    first, second = make_pool(lambda T: flat, allowed), make_pool(lambda T: flat, allowed)
    for step in range(25):
        first.draw(step)
    for a, b in zip(first.draw(25), second.draw(25), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.draw(25)[0] % 3 == 0).all()
