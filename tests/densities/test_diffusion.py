"""Diffusion with an exact score in place of the network: samplers, log-density and bound against closed forms."""

import math

import pytest
import torch
from densities_for_tests import Gaussian, two_peaks

from thermolatent.densities.diffusion import DiffusionDensity
from thermolatent.densities.schedules import DiscreteSchedule, LinearSchedule, alpha_sigma
from thermolatent.densities.specs import DiffusionSpec


class ExactGaussian(DiffusionDensity):
    """Data N(m, theta C) once whitened; eps_hat = s sigma (alpha^2 theta C + s^2 sigma^2)^-1 (z - alpha m)."""

    def set(self, mean, covariance):
        self.mean = mean
        self.eigenvalues, self.axes = torch.linalg.eigh(covariance)
        return self

    def predict_noise(self, z, ell, theta, network):
        alpha, sigma = (v[:, None] for v in alpha_sigma(ell))
        noise = self.scale(theta)[:, None] * sigma
        spread = alpha**2 * theta[:, None] * self.eigenvalues + noise**2
        return noise * ((z - alpha * self.mean) @ self.axes / spread) @ self.axes.T


def exact_gaussian(d=2, seed=0, temperature=("steer",), centred=False, **spec):
    """A density that knows its Gaussian, and the Gaussian of z at theta = 1. The whitening is of another sample; with
    ``centred`` its mean is right."""
    gaussian = Gaussian(d, seed)
    density = ExactGaussian(DiffusionSpec(width=4, **spec), d, list(temperature), (1.0, 3.0)).double()
    density.fit_scale(1.3 * gaussian.sample(200, seed=9) + 0.4)
    if centred:
        density.whitening.mean.copy_(gaussian.mean)
    return density.set(*gaussian.whitened(density.whitening)), gaussian


def at_temperature(gaussian, z, theta):
    scaled = torch.distributions.MultivariateNormal(gaussian.mean, scale_tril=math.sqrt(theta) * gaussian.root)
    return scaled.log_prob(z)


def test_the_last_alpha_bar_of_the_papers_schedule():
    schedule = DiscreteSchedule()
    assert len(schedule.levels) == 100
    assert float(schedule.alpha_bar[-1]) == pytest.approx(2.14e-5, rel=2e-3)
    alpha, sigma = alpha_sigma(schedule.levels)
    torch.testing.assert_close(alpha**2, schedule.alpha_bar)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha))


def test_linear_schedule_in_closed_form():
    levels = LinearSchedule(steps=5).levels
    t = torch.linspace(1e-4, 1, 5, dtype=torch.float64)
    torch.testing.assert_close(alpha_sigma(levels)[0], torch.exp(-(0.1 * t + 9.95 * t * t) / 2))


@pytest.mark.parametrize("schedule", [LinearSchedule(100), DiscreteSchedule()], ids=["linear", "discrete"])
def test_levels_are_drawn_by_their_weight(schedule):
    for likelihood in (True, False):
        drawn = schedule.draw(100_000, likelihood, torch.Generator().manual_seed(0))
        assert schedule.low <= float(drawn.min()) <= float(drawn.max()) <= schedule.high
        if isinstance(schedule, DiscreteSchedule):
            snr = torch.exp(-2 * schedule.levels)
            weight = (snr[:-1] / snr[1:] - 1) / 2 if likelihood else torch.ones(100, dtype=torch.float64)
            counts = torch.stack([(drawn == level).sum() for level in schedule.levels[-len(weight) :]]) / 100_000
            torch.testing.assert_close(counts.double(), weight / weight.sum(), rtol=0, atol=2e-5)
            assert not likelihood or schedule.weight == pytest.approx(float(weight.sum()))
        elif likelihood:
            assert float(drawn.mean()) == pytest.approx((schedule.low + schedule.high) / 2, abs=1e-3)
        else:
            half = alpha_sigma(drawn.median())[0]
            assert float(half) == pytest.approx(math.exp(-(0.05 + 9.95 / 4) / 2), abs=1e-3)


@pytest.mark.parametrize(("exponent", "theta"), [(1.0, 1.0), (1.0, 3.0), (0.5, 3.0)])
@pytest.mark.parametrize(("schedule", "sampler"), [("linear", "ode"), ("linear", "ancestral"), ("discrete", "ode")])
def test_samplers_reproduce_a_gaussian(schedule, sampler, exponent, theta):
    """The first noise is scaled by s(theta) too; the public sampler forgets, which shows as a wrong covariance."""
    density, gaussian = exact_gaussian(schedule=schedule, sampler=sampler, exponent=exponent, steps=400)
    sample = density.sample(20_000, theta, torch.Generator().manual_seed(0))
    covariance = theta * gaussian.root @ gaussian.root.T
    size = float(covariance.diagonal().max())
    torch.testing.assert_close(sample.mean(0), gaussian.mean, rtol=0, atol=0.03 * math.sqrt(size))
    torch.testing.assert_close(sample.T.cov(), covariance, rtol=0, atol=0.04 * size)


@pytest.mark.parametrize("theta", [1.0, 3.0])
def test_the_papers_sampler_reproduces_a_gaussian(theta):
    """A hundred coarse steps: variances a few per cent too large, no more."""
    density, gaussian = exact_gaussian(schedule="discrete", sampler="ancestral")
    sample = density.sample(40_000, theta, torch.Generator().manual_seed(0))
    exact = theta * (gaussian.root @ gaussian.root.T)
    torch.testing.assert_close(sample.mean(0), gaussian.mean, rtol=0, atol=0.03 * math.sqrt(theta))
    torch.testing.assert_close(sample.T.cov(), exact, rtol=0, atol=0.08 * float(exact.diagonal().max()))


@pytest.mark.parametrize(("temperature", "exponent"), [(["steer"], 1.0), (["steer"], 0.5), (["condition"], 1.0)])
def test_the_base_has_the_scale_of_the_temperature(temperature, exponent):
    density = DiffusionDensity(DiffusionSpec(exponent=exponent), 2, temperature, (1.0, 3.0))
    base = density.sample_base(100_000, 2.5, torch.Generator().manual_seed(0))
    expected = 2.5**exponent if temperature == ["steer"] else 1.0
    assert float(base.std()) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("temperature", [["steer"], ["condition"]], ids="+".join)
def test_log_prob_is_the_gaussians(d, temperature):
    """Whitening's log-determinant included: z has another mean and covariance."""
    density, gaussian = exact_gaussian(d, temperature=temperature, tolerance=1e-6, centred=True)
    z = gaussian.sample(50, seed=2)
    for theta in (1.0, 1.7, 3.0):
        found = density.log_prob(z, torch.full((50,), theta, dtype=torch.float64))
        torch.testing.assert_close(found, at_temperature(gaussian, z, theta), rtol=0, atol=1e-3)


def test_log_prob_is_the_pushforward_of_the_base():
    """Off the whitening's centre the base N(0, s^2) and the diffused data differ by alpha m, 0.7 % of the mean: the density is
    exactly the base carried along the ODE, here an affine map between two Gaussians."""
    density, gaussian = exact_gaussian(tolerance=1e-8)
    z, theta = gaussian.sample(50, seed=2), 1.7
    w = (density.whitening(z) - density.mean) @ density.axes
    alpha, sigma = (float(v) for v in alpha_sigma(torch.tensor(density.schedule.high, dtype=torch.float64)))
    first = theta * density.eigenvalues + (theta * math.exp(density.schedule.low)) ** 2
    last = alpha**2 * theta * density.eigenvalues + (theta * sigma) ** 2
    end = alpha * density.mean @ density.axes + w * (last / first).sqrt()
    exact = torch.distributions.Normal(0.0, theta).log_prob(end).sum(1) + (last / first).log().sum() / 2
    found = density.log_prob(z, torch.full((50,), theta, dtype=torch.float64)) - density.whitening.log_det
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-5)
    torch.testing.assert_close(found + density.whitening.log_det, at_temperature(gaussian, z, theta), rtol=0, atol=0.01)


def test_log_prob_takes_a_temperature_per_row():
    density, gaussian = exact_gaussian(tolerance=1e-6, centred=True)
    z, theta = gaussian.sample(4, seed=2), torch.tensor([1.0, 1.5, 2.0, 3.0], dtype=torch.float64)
    exact = torch.stack([at_temperature(gaussian, row, float(t)) for row, t in zip(z, theta, strict=True)])
    torch.testing.assert_close(density.log_prob(z, theta), exact, rtol=0, atol=1e-3)


@pytest.mark.parametrize("theta", [1.0, 2.5])
@pytest.mark.parametrize("d", [1, 3])
def test_the_likelihood_bound_is_tight_for_the_exact_score(d, theta):
    density, gaussian = exact_gaussian(d)
    sample = gaussian.mean + math.sqrt(theta) * (gaussian.sample(200_000, seed=3) - gaussian.mean)
    at = torch.full((len(sample),), theta, dtype=torch.float64)
    entropy = -float(at_temperature(gaussian, sample, theta).mean())
    with torch.no_grad():
        assert float(density.loss(sample, at)) == pytest.approx(entropy, abs=0.02)


@pytest.mark.parametrize("schedule", ["linear", "discrete"])
def test_the_likelihood_loss_bounds_the_entropy_of_any_data(schedule):
    """A score for other data: the loss lies above the cross-entropy of that density, and so above the entropy."""
    density, gaussian = exact_gaussian(schedule=schedule)
    density.eigenvalues = density.eigenvalues * 1.5
    sample = gaussian.sample(300_000, seed=3)
    at = torch.ones(len(sample), dtype=torch.float64)
    cross_entropy = -float(density.log_prob(sample[:2000], at[:2000]).mean())
    entropy = -float(gaussian.log_prob(sample[:2000]).mean())
    with torch.no_grad():
        loss = float(density.loss(sample, at))
    assert cross_entropy > entropy + 0.02
    assert loss > cross_entropy - 0.02


def test_the_papers_loss_is_the_mean_squared_error_of_the_noise():
    """For the exact score of a Gaussian, each axis leaves 1 - s^2 sigma^2 / (alpha^2 theta lambda + s^2 sigma^2)."""
    density, gaussian = exact_gaussian(weighting="paper", schedule="discrete")
    sample = gaussian.mean + math.sqrt(2) * (gaussian.sample(200_000, seed=3) - gaussian.mean)
    alpha, sigma = alpha_sigma(density.schedule.levels[:, None])
    noise = (2 * sigma) ** 2
    expected = 1 - noise / (2 * alpha**2 * density.eigenvalues + noise)
    with torch.no_grad():
        found = density.loss(sample, torch.full((len(sample),), 2.0, dtype=torch.float64))
    assert float(found) == pytest.approx(float(expected.mean()), rel=0.02)


class ExactPeaks(DiffusionDensity):
    """Whitened data 0.3 N(-1, 0.04 theta) + 0.7 N(1, 0.09 theta) in one dimension, by automatic differentiation."""

    def predict_noise(self, z, ell, theta, network):
        alpha, sigma = (v[:, None] for v in alpha_sigma(ell))
        noise = self.scale(theta)[:, None] * sigma
        with torch.enable_grad():
            # A row's score must stay a function of z for the divergence.
            z = z if z.requires_grad else z.detach().requires_grad_()
            parts = []
            for share, mean, spread in ((0.3, -1.0, 0.2), (0.7, 1.0, 0.3)):
                variance = (alpha * spread) ** 2 * theta[:, None] + noise**2
                parts.append(math.log(share) - (z - alpha * mean) ** 2 / (2 * variance) - variance.log() / 2)
            log_p = torch.logsumexp(torch.cat(parts, 1), 1)
            score = torch.autograd.grad(log_p.sum(), z, create_graph=True)[0]
        return -noise * score


@pytest.mark.parametrize(("schedule", "sampler"), [("linear", "ode"), ("linear", "ancestral"), ("discrete", "ode")])
@pytest.mark.parametrize("theta", [1.0, 2.0])
def test_samplers_reproduce_a_mixture_at_two_temperatures(schedule, sampler, theta):
    spec = DiffusionSpec(schedule=schedule, sampler=sampler, steps=400)
    density = ExactPeaks(spec, 1, ["steer"], (1.0, 2.0)).double()
    sample = density.sample(20_000, theta, torch.Generator().manual_seed(0))
    exact = two_peaks(1_000_000, theta, seed=1)
    assert float((sample < 0).double().mean()) == pytest.approx(float((exact < 0).double().mean()), abs=0.01)
    for side in (-1, 1):
        found, expected = (v[v * side > 0] for v in (sample, exact))
        assert float(found.mean()) == pytest.approx(float(expected.mean()), abs=0.015)
        assert float(found.std()) == pytest.approx(float(expected.std()), rel=0.06 if sampler == "ancestral" else 0.03)


def test_log_prob_of_the_mixture():
    """Its mean is 0.4, hence the wider margin (see the pushforward above)."""
    density = ExactPeaks(DiffusionSpec(tolerance=1e-6), 1, ["steer"], (1.0, 2.0)).double()
    z = torch.linspace(-1.6, 1.8, 35, dtype=torch.float64)[:, None]
    spreads = torch.tensor([0.2, 0.3], dtype=torch.float64) * math.sqrt(2)
    peaks = torch.distributions.Normal(torch.tensor([-1.0, 1.0], dtype=torch.float64), spreads)
    exact = torch.logsumexp(peaks.log_prob(z) + torch.tensor([0.3, 0.7], dtype=torch.float64).log(), 1)
    found = density.log_prob(z, torch.full((35,), 2.0, dtype=torch.float64))
    torch.testing.assert_close(found, exact, rtol=0, atol=6e-3)


def test_an_untrained_model_steers_like_a_harmonic_well():
    density = DiffusionDensity(DiffusionSpec(), 2, ["steer", "condition"], (1.0, 3.0))
    for theta in (1.0, 2.5):
        sample = density.sample(50_000, theta, torch.Generator().manual_seed(0))
        torch.testing.assert_close(sample.var(0), torch.full((2,), theta), rtol=0.03, atol=0)
