"""The tilted Gaussian against published values, quadrature and its own samples."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from thermolatent.densities.tilted import TiltedGaussian
from thermolatent.systems.three_hole import ThreeHole

CASES = [(tau, d, theta) for tau in (0.0, 2.0, 3.0) for d in (1, 2, 3, 5) for theta in (0.5, 1.0, 2.5)]


def log_radial(tau, d, theta):
    return lambda r: (d - 1) * math.log(r) + tau * r - r * r / (2 * theta) if r > 0 else -math.inf


@pytest.mark.parametrize(
    ("tau", "d", "theta", "bracket"),
    [(3, 2, 1, 677.0047), (2, 2, 1, 37.2005), (2, 2, 2.5, 1176.499), (2, 3, 1.5, 281.1405)],
)
def test_normaliser_matches_the_closed_form(tau, d, theta, bracket):
    log_z = TiltedGaussian(d, tau).log_normaliser(torch.tensor([theta], dtype=torch.float64))
    assert math.exp(float(log_z) - d / 2 * math.log(2 * math.pi * theta)) == pytest.approx(bracket, rel=1e-6)


@pytest.mark.parametrize(("tau", "d", "theta"), CASES)
def test_density_integrates_to_one(tau, d, theta):
    base = TiltedGaussian(d, tau)
    area = 2 * math.pi ** (d / 2) / math.gamma(d / 2)

    def shell(r):
        u = torch.zeros(1, d, dtype=torch.float64)
        u[0, 0] = r
        return area * r ** (d - 1) * float(base.log_prob(u, torch.tensor([theta], dtype=torch.float64)).exp())

    assert quad(shell, 0, base.outer_radius(theta) + 10, limit=200)[0] == pytest.approx(1, abs=1e-6)


def test_normaliser_does_not_overflow_where_hypergeometric_functions_do():
    # s = tau^2 theta / 2 = 2000; for d = 2 the integral is sqrt(2 pi) a exp(a^2 / 2) up to exp(-a^2 / 2)
    a = math.sqrt(4000.0)
    log_z = TiltedGaussian(2, a).log_normaliser(torch.tensor([1.0], dtype=torch.float64))
    expected = math.log(2 * math.pi) + math.log(a) + a * a / 2 + 0.5 * math.log(2 * math.pi)
    assert float(log_z) == pytest.approx(expected, rel=1e-10)


def test_normaliser_is_differentiable_in_tau():
    base = TiltedGaussian(3, 1.7)
    base.tau.requires_grad_(True)
    theta = torch.tensor([1.3], dtype=torch.float64)
    base.log_normaliser(theta).sum().backward()
    # d ln Z / d tau is the mean radius
    mean_radius = base.sample(400_000, 1.3, torch.Generator().manual_seed(1)).norm(dim=1).mean()
    assert float(base.tau.grad) == pytest.approx(float(mean_radius), rel=2e-3)


@pytest.mark.parametrize(("tau", "d", "theta"), CASES)
def test_radius_of_samples_follows_the_density(tau, d, theta):
    base = TiltedGaussian(d, tau)
    radius = base.sample(20_000, theta, torch.Generator().manual_seed(3)).norm(dim=1).numpy()
    grid = np.linspace(1e-9, base.outer_radius(theta) + 3, 20_001)
    density = np.exp([log_radial(tau, d, theta)(r) for r in grid])
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    assert stats.kstest(radius, lambda r: np.interp(r, grid, cdf / cdf[-1])).pvalue > 1e-4


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_sample_count_is_honoured(n):
    assert TiltedGaussian(2, 3.0).sample(n, 1.0, torch.Generator().manual_seed(0)).shape == (n, 2)


def test_tau_zero_is_a_gaussian_of_variance_theta():
    u = torch.randn(50, 3, dtype=torch.float64)
    theta = torch.full((50,), 2.5, dtype=torch.float64)
    exact = torch.distributions.Normal(0.0, math.sqrt(2.5)).log_prob(u).sum(1)
    torch.testing.assert_close(TiltedGaussian(3, 0.0).log_prob(u, theta), exact)


def test_gradient_at_the_origin_is_finite():
    u = torch.zeros(1, 2, requires_grad=True)
    TiltedGaussian(2, 3.0).log_prob(u, torch.ones(1)).sum().backward()
    assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize(("tau", "d", "theta", "mode"), [(3, 2, 1, 3.303), (2, 2, 1, 2.414), (2, 2, 2.5, 5.458)])
def test_most_likely_radius(tau, d, theta, mode):
    from thermolatent.densities.tilted import radial_mode

    a = torch.tensor(tau * math.sqrt(theta))
    assert math.sqrt(theta) * float(radial_mode(a, d)) == pytest.approx(mode, abs=1e-3)


def kl(tau, a, b):
    """KL(r_a || r_b) in the plane, by quadrature over the radius."""
    r = np.linspace(1e-4, 40, 8001)
    u = torch.tensor(np.stack([r, 0 * r], axis=1))
    first, second = (TiltedGaussian(2, tau).log_prob(u, torch.full((len(r),), t, dtype=torch.float64)) for t in (a, b))
    first, second = first.detach().numpy(), second.detach().numpy()
    return float((2 * np.pi * r * np.exp(first) * (first - second)).sum() * (r[1] - r[0]))


def test_divergence_between_temperatures_grows_with_tau_beyond_what_data_have():
    """Why tau: auto is 0 on three-hole between 0.5 and 1.5: a steered flow has the divergences of its base (docs/theory.md)."""
    edges = np.linspace(-5, 5, 251)
    cold, hot = (ThreeHole().exact_histogram(edges, edges, T).ravel() + 1e-300 for T in (0.5, 1.5))
    data = [(p * np.log(p / q)).sum() for p, q in ((cold, hot), (hot, cold))]
    assert data == pytest.approx([0.62, 1.03], abs=0.01)
    found = {tau: (kl(tau, 1.0, 3.0), kl(tau, 3.0, 1.0)) for tau in (0.0, 1.0, 3.0)}
    assert found[0.0] == pytest.approx((math.log(3) - 2 / 3, 2 - math.log(3)), abs=1e-3)
    assert found[1.0] == pytest.approx((1.32, 3.37), abs=0.01)
    assert found[3.0] == pytest.approx((6.65, 19.35), abs=0.01)
