"""Gaussian mixtures and the scores against them: exact answers only."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mixtures import GaussianMixture, kl_exact, principal_plane, sample_scores


def two_modes(ratio, dim=3, apart=2.0):
    means = np.zeros((2, dim))
    means[1, 0] = apart
    return GaussianMixture(means, np.array([1 - ratio, ratio]))


def test_the_density_is_that_of_scipy():
    rng = np.random.default_rng(0)
    mixture = GaussianMixture.drawn(4, np.array([0.2, 0.3, 0.5]), rng)
    x = mixture.sample(50, rng)
    expected = sum(w * multivariate_normal(m).pdf(x) for w, m in zip(mixture.weights, mixture.means, strict=True))
    np.testing.assert_allclose(np.exp(mixture.log_prob(x)), expected, rtol=1e-10)


def test_the_density_integrates_to_one():
    mixture = two_modes(0.1, dim=1)
    x = np.linspace(-9, 11, 4001)[:, None]
    assert np.trapezoid(np.exp(mixture.log_prob(x)), x[:, 0]) == pytest.approx(1, abs=1e-9)


def test_samples_have_the_mixture_s_moments():
    mixture = two_modes(0.25)
    x = mixture.sample(200_000, np.random.default_rng(1))
    np.testing.assert_allclose(x.mean(0), [0.5, 0, 0], atol=0.015)
    np.testing.assert_allclose(np.cov(x.T), np.diag([1 + 0.25 * 0.75 * 4, 1, 1]), atol=0.03)


@pytest.mark.parametrize("ratio", [0.001, 0.025, 0.5])
def test_the_free_energy_difference_is_the_closed_form(ratio):
    assert two_modes(ratio).free_energy_difference == pytest.approx(np.log((1 - ratio) / ratio))


@pytest.mark.parametrize("apart", [0.5, 2.0, 10.0])
def test_exact_samples_score_the_exact_difference_however_the_modes_overlap(apart):
    """Counting each point for its nearer mode would not: at 0.5 the modes are one hump."""
    mixture, rng = two_modes(0.2, apart=apart), np.random.default_rng(2)
    reference, floor, generated = (mixture.sample(100_000, rng) for _ in range(3))
    scores = {name: (value, error) for name, value, error in sample_scores(mixture, reference, floor, generated)}
    value, error = scores["delta_F"]
    assert abs(value - mixture.free_energy_difference) < 4 * error
    assert error < 0.03
    assert scores["mode_error"][0] < 0.005
    assert scores["js_pca"][0] == pytest.approx(scores["js_pca_floor"][0], rel=0.1)


def test_samples_of_another_ratio_are_told_apart():
    truth, rng = two_modes(0.2, apart=6.0), np.random.default_rng(3)
    reference, floor = truth.sample(20_000, rng), truth.sample(20_000, rng)
    wrong = two_modes(0.4, apart=6.0).sample(20_000, rng)
    scores = {name: value for name, value, _ in sample_scores(truth, reference, floor, wrong)}
    assert scores["delta_F"] == pytest.approx(np.log(0.6 / 0.4), abs=0.06)
    assert scores["mode_error"] == pytest.approx(0.2, abs=0.01)
    assert scores["js_pca"] > 1.5 * scores["js_pca_floor"]
    # Of the survey's own divergence nearly all is the price of bins that are empty by chance.
    assert scores["kl_survey"] > scores["kl_survey_floor"] > 0.8 * scores["kl_survey"]


def test_a_mode_nobody_generates_costs_a_finite_difference():
    truth, rng = two_modes(0.01, apart=8.0), np.random.default_rng(4)
    reference, floor = truth.sample(1000, rng), truth.sample(1000, rng)
    scores = {n: v for n, v, _ in sample_scores(truth, reference, floor, rng.standard_normal((1000, 3)) - 4)}
    assert scores["delta_F"] == pytest.approx(np.log(1 / 0.0005), abs=0.01)


def test_the_divergence_in_all_dimensions_is_the_closed_form():
    """KL between N(0, I) and N(0, s^2 I) is d (ln s + 1 / (2 s^2) - 1/2)."""
    d, s = 20, 1.3
    truth = GaussianMixture(np.zeros((1, d)), np.ones(1))
    x = truth.sample(100_000, np.random.default_rng(5))
    wide = -(x * x).sum(1) / (2 * s * s) - d * np.log(s) - d / 2 * np.log(2 * np.pi)
    value, error = kl_exact(truth, x, wide)
    assert abs(value - d * (np.log(s) + 1 / (2 * s * s) - 0.5)) < 4 * error
    assert error < 0.01
    value, error = kl_exact(truth, x, truth.log_prob(x))
    assert abs(value) < 1e-12


def test_the_survey_s_divergence_lacks_the_bin_area():
    """Twice as wide coordinates have the same divergence in nats, and a quarter of the survey's."""
    rng = np.random.default_rng(6)
    found = []
    for scale in (1.0, 2.0):
        truth = GaussianMixture(np.zeros((1, 2)), np.ones(1))
        reference, generated = (scale * truth.sample(5000, np.random.default_rng(seed)) for seed in (7, 8))
        scores = {n: v for n, v, _ in sample_scores(truth, reference, truth.sample(10, rng), generated)}
        found.append(scores["kl_survey"])
    assert found[0] == pytest.approx(4 * found[1], rel=0.15)  # up to what 1e-10 per bin does


def test_the_plane_is_that_of_the_largest_spread():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((5000, 4)) * [0.1, 5, 1, 3]
    plane = principal_plane(x)(x)
    np.testing.assert_allclose(plane.std(0), [5, 3], rtol=0.05)
    np.testing.assert_allclose(np.abs(np.corrcoef(plane[:, 0], x[:, 1])[0, 1]), 1, atol=1e-3)
