"""Densities fitted to samples whose distribution is known."""

import math

import numpy as np
import pytest
import torch

from thermolatent.densities.descent import FitSettings
from thermolatent.densities.fit import _mean_over_blocks, contiguous_blocks, fit_density
from thermolatent.densities.tau import CANDIDATES, search_tau
from thermolatent.densities.tilted import TiltedGaussian
from thermolatent.errors import ThermolatentError, TrainingError
from thermolatent.learn.model import load_density, save_density
from thermolatent.sampling import held_out_units

SPLINE = {"kind": "flow", "transform": "spline", "couplings": 4, "width": 32}
QUICK = {"steps": 40, "batch_size": 256, "evaluate_every": 20}
CENTRES = np.array([[-1.5, 0.0], [1.5, 0.5]])
TEMPERATURES = (0.5, 1.0)


def mixture_log_prob(z, T):
    """ln of a mixture with variance 0.1 T and Boltzmann weights of two wells 0.6 apart in energy."""
    weight = np.exp(-np.array([0.0, 0.6]) / T)
    square = ((z[:, None] - CENTRES) ** 2).sum(-1)
    parts = np.log(weight / weight.sum()) - square / (0.2 * T) - np.log(2 * np.pi * 0.1 * T)
    return np.logaddexp.reduce(parts, axis=1)


def mixture_samples(n, T, seed):
    rng = np.random.default_rng(seed)
    weight = np.exp(-np.array([0.0, 0.6]) / T)
    return CENTRES[rng.choice(2, n, p=weight / weight.sum())] + rng.normal(size=(n, 2)) * math.sqrt(0.1 * T)


@pytest.fixture(scope="module")
def mixture():
    """A density fitted to the mixture at two temperatures, its samples taking turns."""
    z = np.stack([mixture_samples(6000, T, i) for i, T in enumerate(TEMPERATURES)], axis=1).reshape(-1, 2)
    temperatures = np.tile(TEMPERATURES, 6000)
    settings = {"steps": 600, "batch_size": 512, "learning_rate": 5e-3, "evaluate_every": 100}
    return fit_density(z, temperatures, {**SPLINE, "tau": 2}, ["steer", "condition"], seed=1, **settings)


@pytest.mark.parametrize("T", TEMPERATURES)
def test_a_mixture_is_fitted_at_both_temperatures(mixture, T):
    fresh = mixture_samples(20_000, T, 99)
    divergence = (mixture_log_prob(fresh, T) - mixture.log_prob(fresh, T)).mean()
    assert -0.005 < divergence < 0.03  # the other temperature's mixture: 0.3
    share = (mixture.sample(20_000, T, seed=3)[:, 0] > 0).mean()
    assert share == pytest.approx(1 / (1 + math.exp(0.6 / T)), abs=0.02)


def test_the_held_out_score_is_that_of_fresh_samples_within_its_error(mixture):
    expected = np.mean([-mixture.log_prob(mixture_samples(50_000, T, 98), T).mean() for T in TEMPERATURES])
    assert 0.005 < mixture.about["held_out_stderr"] < 0.05  # 0.8 nats of scatter in 2400 independent rows: 0.016
    assert abs(mixture.about["held_out"] - expected) < 4 * mixture.about["held_out_stderr"]


def test_one_temperature_per_row_is_the_same_as_one_at_a_time(mixture):
    z = mixture_samples(50, 1.0, 5)
    at = np.where(np.arange(50) % 2, 0.5, 1.0)
    expected = np.where(at == 0.5, mixture.log_prob(z, 0.5), mixture.log_prob(z, 1.0))
    np.testing.assert_allclose(mixture.log_prob(z, at), expected, atol=1e-5)


def test_a_saved_density_is_the_same(mixture, tmp_path):
    path = tmp_path / "density.safetensors"
    save_density(path, mixture)
    again = load_density(path)
    assert again.about == mixture.about
    assert again.temperature_range == (0.5, 1.0)
    np.testing.assert_array_equal(again.sample(100, 0.7, seed=2), mixture.sample(100, 0.7, seed=2))
    z = mixture_samples(100, 0.7, 6)
    np.testing.assert_array_equal(again.log_prob(z, 0.7), mixture.log_prob(z, 0.7))


@pytest.mark.parametrize("density", [SPLINE, {"kind": "diffusion"}, {"kind": "flow_matching"}])
@pytest.mark.parametrize("d", [1, 5])
def test_any_density_in_any_dimension(density, d):
    z = np.random.default_rng(0).normal(size=(2000, d))
    fitted = fit_density(z, 300, density, **QUICK)
    assert fitted.sample(77, 300, seed=0).shape == (77, d)
    # Whitened Gaussian data: every density starts near the answer, d/2 ln(2 pi e).
    assert fitted.about["held_out"] == pytest.approx(d / 2 * math.log(2 * math.pi * math.e), abs=0.5)


def test_the_seed_decides_and_the_global_random_state_is_left_alone():
    z = np.random.default_rng(0).normal(size=(500, 2))
    state = torch.random.get_rng_state()
    first, again, other = (fit_density(z, 1.0, SPLINE, seed=seed, **QUICK).log_prob(z, 1.0) for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), state)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_are_held_out_in_contiguous_blocks_of_each_temperature():
    temperatures = np.repeat([2.0, 1.0], [1000, 500])
    block = contiguous_blocks(temperatures)
    for T, size in ((2.0, 20), (1.0, 10)):
        own = block[temperatures == T]
        assert (np.diff(own) >= 0).all()
        assert set(np.bincount(own - own.min())) == {size}
    assert not set(block[:1000]) & set(block[1000:])
    held = held_out_units(50, 0.2)
    assert held.sum() == 10
    assert (np.diff(np.flatnonzero(held)) > 1).all()


def test_the_standard_error_sees_correlation():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(50), 100)
    independent = rng.normal(size=5000)
    mean, error = _mean_over_blocks(independent, block)
    assert mean == pytest.approx(independent.mean())
    assert error == pytest.approx(1 / math.sqrt(5000), rel=0.3)
    assert _mean_over_blocks(np.repeat(rng.normal(size=50), 100), block)[1] == pytest.approx(1 / math.sqrt(50), rel=0.3)


GOOD = np.zeros((100, 2)) + np.random.default_rng(0).normal(size=(100, 2))


@pytest.mark.parametrize(
    ("z", "temperatures", "density", "words"),
    [
        (GOOD[:, 0], 1.0, SPLINE, r"shape \(100,\); \(n, d\) is needed"),
        (GOOD[:, :0], 1.0, SPLINE, r"shape \(100, 0\)"),
        (GOOD, np.ones(99), SPLINE, r"shape \(99,\); one number or \(100,\)"),
        (GOOD, 0.0, SPLINE, "not a number above 0"),
        (GOOD, np.nan, SPLINE, "not a number above 0"),
        (np.where(np.arange(200).reshape(100, 2) == 7, np.inf, GOOD), 1.0, SPLINE, "1 of 100 samples are not finite"),
        (GOOD, np.repeat([1.0, 2.0], [90, 10]), SPLINE, "T = 2 has 10 samples; at least 50"),
        (GOOD.astype(str), 1.0, SPLINE, "real numbers are needed"),
        (GOOD[:, :1], 1.0, {"kind": "flow"}, "flow: a realnvp coupling needs d >= 2; use transform: spline"),
        (GOOD, 1.0, {"kind": "vampprior"}, "needs a representation"),
    ],
)
def test_what_cannot_be_fitted_is_refused(z, temperatures, density, words):
    with pytest.raises(TrainingError, match=words):
        fit_density(z, temperatures, density, **QUICK)


def test_wrong_settings_are_refused():
    with pytest.raises(ThermolatentError, match="did you mean 'flow'"):
        fit_density(GOOD, 1.0, {"kind": "flwo"})
    with pytest.raises(ThermolatentError, match="held_out is 1"):
        fit_density(GOOD, 1.0, SPLINE, held_out=1)
    with pytest.raises(ThermolatentError, match="lower one first"):
        fit_density(GOOD, 1.0, SPLINE, temperature_range=(2, 1))


@pytest.mark.parametrize("true", [0.0, 3.0])
def test_the_tau_that_made_the_samples_is_found(true):
    z = TiltedGaussian(2, true).sample(4000, 1.0, torch.Generator().manual_seed(1)).numpy()
    density = {"kind": "flow", "couplings": 2, "width": 4, "tau": "auto"}
    fitted = fit_density(z, 1.0, density, steps=400, batch_size=512, evaluate_every=200)
    assert fitted.about["density"]["tau"] == true
    search = fitted.about["tau_search"]
    assert search["steps"] == 50
    assert search["tau"][np.argmin(search["held_out"])] == true
    assert float(fitted.density.base.tau) == true


def test_nothing_is_searched_without_a_tilted_base_or_with_a_number():
    def score(spec, settings):
        raise AssertionError

    assert search_tau({"kind": "diffusion"}, FitSettings(), score) == ({"kind": "diffusion"}, None)
    assert search_tau({"base": "tilted", "tau": 1.5}, FitSettings(), score) == ({"base": "tilted", "tau": 1.5}, None)
    assert search_tau({"base": "gaussian", "tau": "auto"}, FitSettings(), score)[0]["tau"] == 0
    fitted = fit_density(GOOD, 1.0, {**SPLINE, "base": "gaussian", "tau": "auto"}, **QUICK)
    assert "tau_search" not in fitted.about


def test_scores_that_are_known_are_not_computed_again():
    tried, seen = [], []

    def score(spec, settings):
        tried.append(spec["tau"])
        return abs(spec["tau"] - 2.2)

    known = {0.0: 5.0, 1.0: 0.1}
    spec, search = search_tau(
        {"base": "tilted", "tau": "auto"},
        FitSettings(steps=80),
        score,
        known,
        lambda scores, _: seen.append(len(scores)),
    )
    assert tried == [2.0, 3.0, 4.0]
    assert seen == [3, 4, 5]
    assert (spec["tau"], search["tau"], search["steps"]) == (1.0, list(CANDIDATES), 10)
    assert known == {0.0: 5.0, 1.0: 0.1}
