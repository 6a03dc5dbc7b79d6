"""Tables of ln p: within their tolerance of the exact values, beside peaks and beyond the grid; flows stay exact."""

import numpy as np
import pytest
import torch
from densities_for_tests import fit

from thermolatent.densities import tabulated
from thermolatent.densities.diffusion import DiffusionDensity
from thermolatent.densities.fit import FittedDensity, build_density
from thermolatent.densities.specs import DiffusionSpec
from thermolatent.densities.tabulated import LogDensity, tabulate


def peaks(n, d, seed, spread=0.05):
    """``(n, d)`` around the corners of a cube, a fortieth of the points' range wide, and two points far from all."""
    rng = np.random.default_rng(seed)
    z = rng.choice([-1.0, 1.0], size=(n, d)) + spread * rng.standard_normal((n, d))
    z[:2] = 7.0
    return z


def log_peaks(z, spread=0.05):
    wells = [-np.square((z - center) / spread) / 2 for center in (-1.0, 1.0)]
    return np.logaddexp(*wells).sum(1)


class Counted:
    def __init__(self, function):
        self.function, self.points = function, 0

    def __call__(self, z):
        self.points += len(z)
        return self.function(z)


@pytest.mark.parametrize("d", [1, 2])
def test_a_table_is_within_its_tolerance_and_exact_beyond_the_grid(d):
    z, function = peaks(200_000, d, 0), Counted(log_peaks)
    table = tabulate(function, z, 0.01, depth=15)
    found, exact = table(z), log_peaks(z)
    counts = exact > exact.max() - 15
    assert counts.mean() > 0.99
    assert np.sqrt(np.square(found - exact)[counts].mean()) < 0.02
    np.testing.assert_array_equal(found[:2], exact[:2])
    assert table.values.ndim == d
    assert function.points < len(z) / 2


def test_a_grid_is_refined_until_it_is_fine_enough():
    z = peaks(50_000, 2, 0, spread=0.2)
    coarse = tabulate(lambda z: log_peaks(z, 0.2), z, 0.1, depth=15).values.shape[0]
    fine = tabulate(lambda z: log_peaks(z, 0.2), z, 1e-4, depth=15).values.shape[0]
    assert coarse < fine


@pytest.mark.parametrize(
    "points",
    [peaks(20_000, 3, 0), peaks(500, 2, 0), np.ones((20_000, 2))],
    ids=["three dimensions", "few points", "no extent"],
)
def test_where_a_grid_does_not_pay_there_is_none(points):
    assert tabulate(log_peaks, points, 0.01) is log_peaks


def test_a_function_too_rough_for_any_grid_is_computed():
    def rough(z):
        return np.sin(1e4 * z).sum(1)

    z = np.random.default_rng(0).random((20_000, 1))
    assert tabulate(rough, z, 0.01) is rough


@pytest.fixture(scope="module")
def diffusion():
    """A trained diffusion with four sharp peaks in the plane, sharper at theta = 1 than at 2."""
    torch.manual_seed(0)
    density = DiffusionDensity(DiffusionSpec(width=24), 2, ["steer", "condition"], (1.0, 2.0))
    theta = torch.tensor([1.0, 2.0]).repeat_interleave(5000)
    z = np.concatenate([peaks(5000, 2, seed, spread) for seed, spread in enumerate((0.1, 0.14))])
    z = torch.from_numpy(z).float()
    fit(density, z, theta, steps=400, batch=512)
    return FittedDensity(density, {"T_ref": 1.0, "theta_range": [1.0, 2.0]})


def test_ln_p_of_a_trained_density_by_ode_is_within_a_hundredth_of_a_nat(diffusion):
    z = np.concatenate([diffusion.sample(6_000, T, seed=1) for T in (1.0, 2.0)])
    calls, log_prob = [], diffusion.log_prob
    diffusion.log_prob = lambda z, T: calls.append(len(z)) or log_prob(z, T)
    log_density = LogDensity(diffusion, z)
    found = log_density(z, 1.0)
    solved = len(calls)
    np.testing.assert_array_equal(log_density(z[:100], 1.0), found[:100])
    assert len(calls) <= solved + 1  # the table is there: at most points beyond the grid are solved
    del diffusion.log_prob
    rows = slice(None, None, 8)
    exact = diffusion.log_prob(z[rows], 1.0)
    counts = exact > exact.max() - tabulated.DEPTH
    assert counts.mean() > 0.8
    assert exact[counts].std() > 0.7  # a constant would not do
    assert np.sqrt(np.square(found[rows] - exact)[counts].mean()) < 0.01


def test_a_density_in_closed_form_is_never_tabulated():
    torch.manual_seed(0)
    flow = build_density({"kind": "flow", "couplings": 2, "width": 4}, 2, ["steer"], (1.0, 2.0))
    model = FittedDensity(flow, {"T_ref": 1.0, "theta_range": [1.0, 2.0]})
    z = peaks(20_000, 2, 0)
    np.testing.assert_array_equal(LogDensity(model, z)(z, 1.5), model.log_prob(z, 1.5))
