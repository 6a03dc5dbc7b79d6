"""MBAR against harmonic baths, whose free energies are known."""

import numpy as np
import pytest

from thermolatent.mbar import effective_fraction, initial_free_energies, log_sum, log_weights, solve_free_energies


def test_log_sum_is_logaddexp():
    values = np.random.default_rng(0).normal(scale=300, size=(50, 4))
    np.testing.assert_allclose(log_sum(values), np.logaddexp.reduce(values, axis=1), rtol=1e-13)


def test_mbar_of_one_ensemble_is_plain_boltzmann_reweighting():
    rng = np.random.default_rng(0)
    energies = rng.normal(size=1000)
    log_w = log_weights(0.3 * energies, energies[:, None], np.array([1000]), np.zeros(1))
    expected = np.exp(0.7 * energies)
    np.testing.assert_allclose(np.exp(log_w), expected / expected.sum(), rtol=1e-10)


def test_the_free_energy_of_one_temperature_is_zero():
    np.testing.assert_array_equal(solve_free_energies(np.arange(1000.0)[:, None], np.array([1000])), [0.0])


def test_weights_of_counts_are_those_of_repeated_frames():
    energies, times = np.random.default_rng(0).normal(size=20), np.arange(20) % 3
    single = log_weights(0.3 * energies, energies[:, None], np.array([times.sum()]), np.zeros(1), times)
    repeated = np.repeat(energies, times)
    expected = np.exp(log_weights(0.3 * repeated, repeated[:, None], np.array([times.sum()]), np.zeros(1)))
    summed = np.bincount(np.repeat(np.arange(20), times), expected, minlength=20)
    np.testing.assert_allclose(np.exp(single), summed, rtol=1e-12)


def test_effective_fraction():
    assert effective_fraction(np.zeros(10)) == pytest.approx(1)
    assert effective_fraction(np.array([0.0] + [-1e3] * 9)) == pytest.approx(0.1)


@pytest.mark.parametrize("temperatures", [(0.2, 0.5), (0.5, 0.2), (0.4, 0.2, 0.5), (0.2, 0.3, 0.4, 0.5, 0.7)])
def test_mbar_solves_harmonic_baths_exactly(temperatures, caplog):
    """f_k of M degrees of freedom is (M/2) ln b_k; independent of the solver, whose start is only a trapezoid."""
    degrees, n, b = 24, 20_000, 1 / np.array(temperatures)
    rng = np.random.default_rng(0)
    energies = np.concatenate([rng.gamma(degrees / 2, T, n) for T in temperatures])
    reduced, counts = energies[:, None] * b, np.full(len(b), n)
    exact = degrees / 2 * np.log(b / b[0])
    f = solve_free_energies(reduced, counts)
    np.testing.assert_allclose(f, exact, atol=0.1)
    np.testing.assert_allclose(initial_free_energies(reduced, counts), exact, atol=2.5)
    # MBAR's own equations: each ensemble's weights add up to one
    log_mixture = np.logaddexp.reduce(np.log(counts) + f - reduced, axis=1)
    np.testing.assert_allclose(np.exp(f - reduced - log_mixture[:, None]).sum(0), 1, rtol=1e-4)
    assert not caplog.records


@pytest.mark.parametrize("degrees", [400, 2000, 20_000])
def test_mbar_without_overlap_warns_and_ends(degrees, caplog):
    """pymbar from f = 0 goes on for many minutes here, with three temperatures: the test would not end."""
    temperatures = np.array([0.2, 0.4, 0.5])
    energies = np.concatenate([np.random.default_rng(1).gamma(degrees / 2, T, 20_000) for T in temperatures])
    f = solve_free_energies(energies[:, None] / temperatures, np.full(3, 20_000))
    assert np.isfinite(f).all()
    assert "hardly overlap" in caplog.text
