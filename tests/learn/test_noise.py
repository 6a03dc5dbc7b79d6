"""The encoder's noise against exact double wells: what a density of z is on a barrier, and what frame weights are."""

from types import SimpleNamespace

import numpy as np
import pytest

from thermolatent.generate.weights import ModelWeights
from thermolatent.represent.noise import NOISE_WARNING, barrier_excess, warn_if_blurred

Z = np.linspace(-4, 4, 4001)


def double_well(barrier, T=1.0):
    """Density of (z^2 - 1)^2 barrier on the grid, of sum 1."""
    p = np.exp(-barrier * (Z**2 - 1) ** 2 / T)
    return p / p.sum()


def spread(p):
    return np.sqrt(p @ Z**2)


def blurred(p, sigma):
    kernel = np.exp(-0.5 * (Z / sigma) ** 2)
    return np.convolve(p, kernel / kernel.sum(), "same")


def on_barrier(p):
    return p[np.abs(Z) < 0.1].sum()


@pytest.mark.parametrize("barrier", [2.0, 3.0, 5.0])
def test_the_excess_is_that_of_samples_with_noise(barrier):
    rng, p = np.random.default_rng(0), double_well(barrier)
    mu, sigma = rng.choice(Z, 500_000, p=p), 0.2 * spread(p)
    z = mu + sigma * rng.standard_normal(len(mu))
    # of a share s of N samples the relative standard error is 1 / sqrt(N s)
    share = (np.abs(z) < 0.1).mean()
    expected = on_barrier(blurred(p, sigma))
    assert share == pytest.approx(expected, rel=4 / np.sqrt(len(z) * expected))
    top = blurred(p, sigma)[len(Z) // 2] / p[len(Z) // 2] - 1
    assert barrier_excess(0.2, barrier) == pytest.approx(top, rel=1e-3)


def test_the_excess_is_half_of_variance_times_curvature_where_the_noise_is_small():
    for barrier in (2.0, 5.0):
        sigma = 0.02 * spread(double_well(barrier))
        assert barrier_excess(0.02, barrier) == pytest.approx(sigma**2 * 4 * barrier / 2, rel=0.02)


def test_the_warning_begins_at_a_tenth_of_kT_on_a_barrier_of_five():
    assert np.log1p(barrier_excess(NOISE_WARNING)) == pytest.approx(0.1, abs=0.005)


def test_the_warning_says_the_error(caplog):
    warn_if_blurred(np.array([0.02, NOISE_WARNING]))
    assert not caplog.records
    warn_if_blurred(np.array([0.02, 0.2]))
    assert "sigma/std(z) is 0.20, above 0.1" in caplog.text
    assert f"barrier of 5 kT between two wells {100 * barrier_excess(0.2):.0f} % too high" in caplog.text


@pytest.mark.parametrize(
    ("ratio", "T", "of_density", "of_weights"),
    # what docs/reference/densities.md says
    [(0.1, 1.0, 0.057, 0.0085), (0.2, 1.0, 0.282, 0.078), (0.1, 0.7, 0.085, 0.0225), (0.2, 0.7, 0.485, 0.217)],
)
def test_weights_at_mu_are_less_blurred_than_the_density(ratio, T, of_density, of_weights):
    """A model that is exact for z with noise, of training temperatures 1 and 2: frames on a barrier of 3 kT.

    The frames are the grid, and count as often as MD would have them there.
    """
    inside = np.abs(Z) < 1.9
    wells = {t: double_well(3.0, t) for t in (0.7, 1.0, 2.0)}
    sigma = ratio * spread(wells[1.0])
    noised = {t: blurred(p, sigma) for t, p in wells.items()}
    mu, counts = (
        np.concatenate([values, other])
        for values, other in ((Z[inside],) * 2, (wells[1.0][inside], wells[2.0][inside]))
    )

    class Exact:
        representation = SimpleNamespace(encode=lambda rows: rows)
        density = SimpleNamespace(by_ode=False)

        def log_prob(self, z, T):
            return np.log(np.interp(z[:, 0], Z, noised[T]))

    class Data:
        temperatures, frames_at, weighted = (1.0, 2.0), [inside.sum()] * 2, True
        frame_counts = counts * inside.sum()
        rows = staticmethod(lambda: mu[:, None])

        def __len__(self):
            return len(mu)

    weights = np.exp(ModelWeights(Exact(), Data(), None).log_weights(T)[0])
    top = np.abs(mu) < 0.01
    density = noised[T][len(Z) // 2] / wells[T][len(Z) // 2] - 1
    weight = weights[top].sum() / wells[T][np.abs(Z) < 0.01].sum() - 1
    assert (density, weight) == pytest.approx((of_density, of_weights), rel=0.03)
