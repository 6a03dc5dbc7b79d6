"""Sliced Wasserstein distance against closed forms."""

import numpy as np
import pytest

from thermolatent.validate.sliced import directions, sliced_w2, sliced_w2_with_error, standardize


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_shift_costs_its_length_over_root_d(d):
    x = np.random.default_rng(0).normal(size=(4000, d))
    shift = np.zeros(d)
    shift[0] = 3.0
    tolerance = 1e-12 if d < 3 else 0.25  # equal angles are an exact quadrature in the plane
    assert sliced_w2(x, x + shift) == pytest.approx(3 / np.sqrt(d), rel=tolerance)


def test_scaling_a_gaussian():
    """W2 of N(0, 1) and N(0, s^2) is |s - 1| in every direction."""
    x = np.random.default_rng(1).normal(size=(50_000, 2))
    y = np.random.default_rng(2).normal(size=(50_000, 2)) * 1.5
    assert sliced_w2(x, y) == pytest.approx(0.5, abs=0.02)


def test_unequal_sizes_are_exact():
    """Repeating every point changes no distribution, hence no distance."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(35, 2))
    expected = sliced_w2(np.repeat(x, 7, axis=0), np.repeat(y, 12, axis=0))  # both 420
    assert sliced_w2(x, y) == pytest.approx(expected, rel=1e-12)


def test_units_are_the_references_standard_deviation():
    x = np.random.default_rng(4).normal(size=(10_000, 2)) * [1, 100]
    transform = standardize(x)
    np.testing.assert_allclose(transform(x).std(axis=0), 1)


def test_angles_have_no_border():
    rng = np.random.default_rng(5)
    x = rng.normal(np.pi, 0.3, size=(10_000, 1))
    wrapped = (x + np.pi) % (2 * np.pi) - np.pi
    transform = standardize(wrapped, [True])
    assert sliced_w2(transform(x), transform(wrapped)) < 1e-10
    assert sliced_w2(transform(wrapped), transform(wrapped + 1)) > 0.5


def test_directions_are_unit_vectors_and_seeded():
    for d in (1, 2, 7):
        np.testing.assert_allclose(np.linalg.norm(directions(d, 3), axis=1), 1)
        np.testing.assert_array_equal(directions(d, 3), directions(d, 3))


def test_standard_error_matches_repetitions():
    """The jackknife over walkers against the scatter of independent repetitions (a shift of 1)."""
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(16), 100)

    def sample(shift):
        walker = rng.normal(scale=0.3, size=(16, 1, 2))  # frames of a walker are correlated
        return (walker + rng.normal(size=(16, 100, 2)) + shift).reshape(-1, 2)

    results = [sliced_w2_with_error(sample(0), sample([1, 0]), groups, groups) for _ in range(60)]
    value, stderr = np.array(results).T
    assert np.sqrt((stderr**2).mean()) == pytest.approx(value.std(ddof=1), rel=0.35)
