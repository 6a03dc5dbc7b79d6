"""The integrator against closed forms: trajectories, divergences, both directions, the exact end."""

import math

import pytest
import torch

from thermolatent.densities.ode import integrate, velocity_and_divergence
from thermolatent.errors import ThermolatentError


def cubic(x, t):
    """x(t) = x0 / sqrt(1 + 2 t x0^2), and its divergence integrates to -1.5 ln(1 + 2 t x0^2)."""
    return -(x**3)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_linear_flow_is_the_matrix_exponential(d):
    generator = torch.Generator().manual_seed(d)
    matrix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    x = torch.randn(20, d, generator=generator, dtype=torch.float64)
    end, change = integrate(lambda x, t: x @ matrix.T, x, 0.5, 1.7, 1e-9, divergence=True)
    torch.testing.assert_close(end, x @ torch.matrix_exp(1.2 * matrix).T, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(change, torch.full((20,), 1.2 * float(matrix.trace()), dtype=torch.float64))


def test_a_time_dependent_rate():
    x = torch.ones(3, 1, dtype=torch.float64)
    end, change = integrate(lambda x, t: math.cos(t) * x, x, 0.0, 2.0, 1e-9, divergence=True)
    torch.testing.assert_close(end, x * math.exp(math.sin(2)), rtol=1e-7, atol=0)
    torch.testing.assert_close(change, math.sin(2) * x[:, 0], rtol=1e-7, atol=0)


def test_divergence_of_a_nonlinear_flow():
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    end, change = integrate(cubic, x, 0.0, 1.5, 1e-8, divergence=True)
    torch.testing.assert_close(end, x / (1 + 3 * x**2).sqrt(), rtol=0, atol=1e-6)
    torch.testing.assert_close(change, -1.5 * torch.log(1 + 3 * x[:, 0] ** 2), rtol=0, atol=1e-6)


def test_there_and_back():
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    end, forwards = integrate(cubic, x, 0.0, 1.5, 1e-7, divergence=True)
    back, backwards = integrate(cubic, end, 1.5, 0.0, 1e-7, divergence=True)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-5)
    torch.testing.assert_close(backwards, -forwards, rtol=0, atol=1e-5)


def test_the_tolerance_sets_the_error():
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    exact = x / (1 + 3 * x**2).sqrt()
    errors = [float((integrate(cubic, x, 0.0, 1.5, t)[0] - exact).abs().max()) for t in (1e-3, 1e-5, 1e-7)]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    assert errors[2] < 1e-6


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0), (-5.7, 5.1)])
def test_it_ends_exactly_where_asked_and_never_looks_beyond(start, end):
    """The survey's code overshoots to 100/99."""
    times = []

    def velocity(x, t):
        times.append(t)
        return -x * math.sin(3 * t)

    integrate(velocity, torch.ones(4, 1, dtype=torch.float64), start, end, 1e-5)
    assert times[0] == start
    assert times[-1] == end
    assert min(times) == min(start, end)
    assert max(times) == max(start, end)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_divergence_is_the_trace_of_the_jacobian(d):
    torch.manual_seed(d)
    network = torch.nn.Sequential(torch.nn.Linear(d, 8), torch.nn.SiLU(), torch.nn.Linear(8, d)).double()
    x = torch.randn(5, d, dtype=torch.float64)
    v, divergence = velocity_and_divergence(lambda x, t: t * network(x), x, 0.7)
    torch.testing.assert_close(v, 0.7 * network(x).detach())
    for row, value in zip(x, divergence, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda r: 0.7 * network(r), row)
        assert float(value) == pytest.approx(float(jacobian.trace()), abs=1e-10)


def test_a_uniform_field_has_no_divergence():
    end, change = integrate(lambda x, t: torch.full_like(x, 2.0), torch.zeros(3, 2), 0.0, 1.0, 1e-5, divergence=True)
    torch.testing.assert_close(end, torch.full((3, 2), 2.0))
    assert (change == 0).all()


def test_no_points():
    end, change = integrate(cubic, torch.zeros(0, 2), 0.0, 1.0, 1e-5, divergence=True)
    assert end.shape == (0, 2)
    assert change.shape == (0,)


def test_a_velocity_that_is_not_finite_is_an_error():
    with pytest.raises(ThermolatentError, match="not finite"):
        integrate(lambda x, t: x / 0, torch.zeros(2, 1), 0.0, 1.0, 1e-5)


def test_a_trajectory_that_runs_away_is_an_error():
    """dx/dt = x^2 from 1 is infinite at t = 1."""
    with pytest.raises(ThermolatentError, match="t = "):
        integrate(lambda x, t: x**2, torch.ones(2, 1, dtype=torch.float64), 0.0, 2.0, 1e-5)
