"""Free energies in kT against closed forms."""

import numpy as np
import pytest

from thermolatent.systems.three_hole import ThreeHole
from thermolatent.validate.free_energy import align, free_energy, free_energy_error, free_energy_rmse


def test_minimum_is_zero_and_empty_bins_are_nan():
    F = free_energy(np.array([0.5, 0.0, 0.25]))
    np.testing.assert_allclose(F, [0, np.nan, np.log(2)])
    assert np.isnan(free_energy(np.zeros(3))).all()


def test_boltzmann_mass_gives_back_the_potential():
    system, T = ThreeHole(kind="three_hole"), 1.25
    edges = np.linspace(-1.5, 1.5, 201), np.linspace(-1, 2, 201)
    F = free_energy(system.exact_histogram(*edges, T).ravel()) * T
    centers = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij"), -1).reshape(-1, 2)
    V = system.plane_energy(centers)
    np.testing.assert_allclose(F, V - V.min(), atol=0.005)


def test_rmse_ignores_a_constant_and_what_lies_high():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(50))
    assert free_energy_rmse(p, 0.3 * p, 1e-9) == pytest.approx(0, abs=1e-12)
    reference = np.array([1.0, 1.0, np.exp(-4.1)])
    assert free_energy_rmse(reference, np.array([1.0, 1.0, 0.9]), 1e-9) == pytest.approx(0, abs=1e-12)


def test_rmse_of_a_known_error():
    """Errors +a and -a in two equal bins, aligned by their mean: a."""
    assert free_energy_rmse(np.array([1.0, 1.0]), np.exp([0.2, -0.2]), 1e-9) == pytest.approx(0.2)


def test_an_empty_bin_is_not_dropped():
    reference, generated = np.full(4, 0.25), np.array([1 / 3, 1 / 3, 1 / 3, 0])
    half = 0.5 / 1000
    error = np.log(0.25 / np.array([1 / 3, 1 / 3, 1 / 3, half]))
    assert free_energy_rmse(reference, generated, half) == pytest.approx(error.std())
    assert free_energy_rmse(reference, generated, half) > 2


def test_standard_error_of_binomial_counts():
    """sqrt((1 - p) / (n p)) to first order."""
    rng, n = np.random.default_rng(1), 10_000
    mass = np.array([0.7, 0.2, 0.1])
    error = free_energy_error(mass, rng.multinomial(n, mass, size=4000) / n)
    np.testing.assert_allclose(error, np.sqrt((1 - mass) / (n * mass)), rtol=0.05)


def test_alignment_is_by_the_mean_where_both_are_finite():
    reference = np.array([0.0, 1.0, np.nan, 3.0])
    aligned = align(np.array([5.0, 8.0, 1.0, np.nan]), reference)
    np.testing.assert_allclose(aligned, [-1, 2, -5, np.nan])
