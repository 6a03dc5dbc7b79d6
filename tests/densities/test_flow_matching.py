"""Flow matching with an exact velocity in place of the network, its end, its couplings."""

import math

import pytest
import torch
from densities_for_tests import Gaussian

from thermolatent.densities.flow_matching import FlowMatchingDensity, optimal_pairing
from thermolatent.densities.specs import FlowMatchingSpec
from thermolatent.densities.tilted import TiltedGaussian


class ExactGaussian(FlowMatchingDensity):
    """From N(0, theta I) to N(m, theta C), independent coupling: with S = (1-t)^2 + t^2 C,
    v = m + (t C - (1-t)) S^-1 (x - t m), the theta of numerator and denominator cancelling."""

    def set(self, mean, covariance):
        self.mean, self.covariance, self.times = mean, covariance, []
        return self

    def velocity(self, x, t, theta, network):
        self.times.append(float(t[0]))
        t = float(t[0])
        eye = torch.eye(len(self.mean), dtype=x.dtype)
        inner = torch.linalg.inv((1 - t) ** 2 * eye + t**2 * self.covariance)
        return self.mean + (x - t * self.mean) @ ((t * self.covariance - (1 - t) * eye) @ inner).T


def exact_gaussian(d, tolerance=1e-6):
    gaussian = Gaussian(d)
    density = ExactGaussian(FlowMatchingSpec(width=4, tolerance=tolerance), d, ["steer"], (1.0, 3.0)).double()
    density.fit_scale(1.3 * gaussian.sample(200, seed=9) + 0.4)
    return density.set(*gaussian.whitened(density.whitening)), gaussian


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_log_prob_and_samples_of_a_gaussian(d):
    density, gaussian = exact_gaussian(d)
    z = gaussian.sample(50, seed=2)
    for theta in (1.0, 2.3):
        exact = torch.distributions.MultivariateNormal(gaussian.mean, scale_tril=math.sqrt(theta) * gaussian.root)
        found = density.log_prob(z, torch.full((50,), theta, dtype=torch.float64))
        torch.testing.assert_close(found, exact.log_prob(z), rtol=0, atol=1e-4)
        sample = density.sample(40_000, theta, torch.Generator().manual_seed(0))
        size = float(exact.covariance_matrix.diagonal().max())
        torch.testing.assert_close(sample.mean(0), gaussian.mean, rtol=0, atol=0.03 * math.sqrt(size))
        torch.testing.assert_close(sample.T.cov().reshape(d, d), exact.covariance_matrix, rtol=0, atol=0.03 * size)


@pytest.mark.parametrize("coupling", ["independent", "ot"])
def test_untrained_it_is_the_gaussian_of_the_data(coupling):
    """With nothing learned yet: whitening, base and the velocity between Gaussians."""
    d, gaussian = 5, Gaussian(5)
    z = gaussian.sample(20_000, seed=1)
    density = FlowMatchingDensity(
        FlowMatchingSpec(width=4, coupling=coupling, tolerance=1e-6), d, ["steer"], (1.0, 3.0)
    ).double()
    density.fit_scale(z)
    for p in density.network.parameters():
        torch.nn.init.zeros_(p)
    exact = torch.distributions.MultivariateNormal(z.mean(0), z.T.cov())
    found = density.log_prob(z[:50], torch.ones(50, dtype=torch.float64))
    torch.testing.assert_close(found, exact.log_prob(z[:50]), rtol=0, atol=0.03)  # the base's own spread is sampled


def test_a_file_from_before_the_gaussian_velocity_means_what_it_meant():
    spec = FlowMatchingSpec(width=4)
    density, older = (FlowMatchingDensity(spec, 2, ["steer"], (1.0, 3.0)) for _ in range(2))
    state = density.state_dict()
    assert state.pop("gaussian_share") == 1
    older.load_state_dict(state)
    x, t, theta = torch.ones(3, 2), torch.tensor([0.2]), torch.ones(1)
    raw = density.network.raw
    torch.testing.assert_close(older.velocity(x, t, theta, raw), raw(x, t, theta))
    assert not torch.allclose(density.velocity(x, t, theta, raw), raw(x, t, theta))


def test_the_first_velocity_of_an_optimal_coupling_is_that_of_its_own_correlation():
    """In 30 dimensions a batch correlates both ends by a few tenths: what no multiple of x can improve, at any time."""
    d, gaussian = 30, torch.Generator().manual_seed(0)
    w = torch.randn(20_000, d, generator=gaussian, dtype=torch.float64)
    density = FlowMatchingDensity(FlowMatchingSpec(width=4, coupling="ot"), d, ["steer"], (1.0, 1.0)).double()
    density.fit_scale(w)
    assert 0.5 < float(density.gaussian_share) < 0.95
    theta, u = torch.ones(len(w), dtype=torch.float64), torch.randn(w.shape, generator=gaussian, dtype=torch.float64)
    u = u[optimal_pairing(u, w, theta)]
    for t in torch.tensor([[0.1], [0.4], [0.8]], dtype=torch.float64):
        x = torch.lerp(u, w, t)
        v = density.velocity(x, t, theta[:1], density.network.average)
        left, size = ((w - u - v) * x).mean(), (w - u).square().mean()
        assert abs(float(left / size)) < 0.01


def test_it_ends_at_exactly_one():
    """The survey's code overshoots to 100/99."""
    density, gaussian = exact_gaussian(2)
    density.sample(10, 1.0, torch.Generator().manual_seed(0))
    assert (density.times[0], density.times[-1], max(density.times)) == (0.0, 1.0, 1.0)
    density.times.clear()
    density.log_prob(gaussian.sample(5, 0), torch.ones(5, dtype=torch.float64))
    assert (density.times[0], density.times[-1], min(density.times)) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("coupling", ["independent", "ot"])
def test_the_loss_is_the_squared_error_along_straight_lines(coupling):
    """Data equal to one point m: v = (m - x) / (1 - t) is exact, so the loss vanishes; shifted by one it is one."""
    density = FlowMatchingDensity(FlowMatchingSpec(coupling=coupling), 2, ["steer"], (1.0, 2.0)).double()
    point = torch.tensor([0.5, -1.0], dtype=torch.float64)
    z = point.expand(64, 2)
    density.velocity = lambda x, t, theta, network: (point - x) / (1 - t[:, None])
    assert float(density.loss(z, torch.ones(64, dtype=torch.float64))) == pytest.approx(0, abs=1e-15)
    density.velocity = lambda x, t, theta, network: (point - x) / (1 - t[:, None]) + 1
    assert float(density.loss(z, torch.ones(64, dtype=torch.float64))) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_optimal_transport_is_a_permutation_that_costs_less(d):
    torch.manual_seed(0)
    u, w = torch.randn(500, d), torch.randn(500, d) + 1
    theta = torch.tensor([1.0, 2.0]).repeat(250)
    pairing = optimal_pairing(u, w, theta)
    assert torch.equal(pairing.sort().values, torch.arange(500))
    assert torch.equal(theta[pairing], theta)
    assert float((u[pairing] - w).square().sum()) < 0.9 * float((u - w).square().sum())


def test_optimal_transport_on_a_line_is_sorting():
    torch.manual_seed(0)
    u, w = torch.randn(100, 1), torch.randn(100, 1)
    paired = u[optimal_pairing(u, w, torch.ones(100))]
    torch.testing.assert_close(paired[w[:, 0].argsort()], u.sort(dim=0).values)


def test_temperatures_that_all_differ_are_coupled_independently():
    torch.manual_seed(0)
    u, w = torch.randn(50, 2), torch.randn(50, 2)
    assert torch.equal(optimal_pairing(u, w, torch.linspace(1, 2, 50)), torch.arange(50))


@pytest.mark.parametrize("tau", [0.0, 2.0])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_base_points_of_a_batch_follow_each_rows_temperature(d, tau):
    base = TiltedGaussian(d, tau)
    theta = torch.tensor([1.0, 2.5]).repeat(40_000)
    each = base.sample_each(theta, torch.Generator().manual_seed(0))
    for at in (1.0, 2.5):
        expected = base.sample(40_000, at, torch.Generator().manual_seed(1)).norm(dim=1)
        found = each[theta == at].norm(dim=1)
        levels = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
        torch.testing.assert_close(found.quantile(levels), expected.quantile(levels), rtol=0.03, atol=0.01)
        assert float(each[theta == at].mean().abs()) < 0.05
