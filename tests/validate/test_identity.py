"""The thermodynamic identity on a harmonic oscillator, where everything is known: U = x^2 / 2, p_T = N(0, T)."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from thermolatent.validate import stage
from thermolatent.validate.identity import (
    MAX_FRAMES,
    RESOLVED,
    STEP,
    identity_discrepancy,
    log_density_error,
    slope_in_b,
    trust_identity,
)


def gaussian(power):
    """ln p(x|T) of a Gaussian whose variance is T^power; the true one has power 1."""

    def log_prob(z, T):
        return -0.5 * z[:, 0] ** 2 / T**power - 0.5 * np.log(2 * np.pi * T**power)

    return log_prob


@pytest.mark.parametrize("T", [0.5, 1.0, 2.0, 0.5 * (1 + STEP / 2), 2.0 / (1 + STEP / 2)])
def test_slope_is_the_derivative_and_nothing_beyond_the_range_is_asked_for(T):
    z, asked = np.linspace(-3, 3, 50)[:, None], []

    def log_prob(points, temperature):
        asked.append(temperature)
        return gaussian(1)(points, temperature)

    slope = slope_in_b(log_prob, z, T, 1 / T, (0.5, 2.0))
    np.testing.assert_allclose(slope, T / 2 - z[:, 0] ** 2 / 2, atol=1e-3)
    assert 0.5 * (1 - 1e-9) <= min(asked) < max(asked) <= 2.0 * (1 + 1e-9)


def test_a_model_of_one_temperature_has_no_slope():
    assert np.isnan(slope_in_b(gaussian(1), np.zeros((3, 1)), 1.0, 1.0, (1.0, 1.0))).all()


@pytest.fixture(scope="module")
def frames():
    """Positions at T = 1 and which half each frame's walker is in."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(200_000, 1)), np.arange(200_000) % 2 == 0


@pytest.mark.parametrize("learned", [(0.5, 2.0), (1.0, 2.0), (0.5, 1.0)])
@pytest.mark.parametrize(("power", "violation"), [(1.0, 0.0), (0.0, 1.0), (1.5, 0.5), (2.0, 1.0), (0.5, 0.5)])
def test_violation_is_exact(frames, power, violation, learned):
    """For variance T^a the slope at T = 1 is a (1 - x^2) / 2, so |a - 1| standard deviations of U are wrong.

    Less what U varies within a bin, 2 %.
    """
    z, half = frames
    slope = slope_in_b(gaussian(power), z, 1.0, 1.0, learned)
    assert identity_discrepancy(slope, z[:, 0] ** 2 / 2, z, half) == pytest.approx(violation, rel=0.04, abs=0.02)


def test_energy_that_the_latent_does_not_see_does_not_count(frames):
    """A bath of 200 degrees of freedom: by plain averages in bins its noise alone would be three times as much."""
    z, half = frames
    rng = np.random.default_rng(1)
    U = z[:, 0] ** 2 / 2
    bath = rng.gamma(100, size=len(U))
    slope = slope_in_b(gaussian(1.5), z, 1.0, 1.0, (0.5, 2.0))
    found = [identity_discrepancy(s, U + bath, z, half, std=U.std()) for s in (slope, 0.5 - U)]
    assert found[0] == pytest.approx(0.5, abs=0.08)
    assert found[1] < 0.15
    assert identity_discrepancy(slope, U + bath, z, half) == pytest.approx(found[0] * U.std() / (U + bath).std())


def test_nothing_to_compare_is_nan():
    z, half = np.zeros((10, 1)), np.ones(10, bool)
    assert np.isnan(identity_discrepancy(np.zeros(10), np.arange(10.0), z, half))  # one half is empty
    assert np.isnan(identity_discrepancy(np.zeros(10), np.ones(10), z, half ^ (np.arange(10) < 5)))  # U is constant


@pytest.mark.parametrize("frames_per_walker", [500, MAX_FRAMES // 4])
def test_of_a_model_in_the_units_of_the_study(frames_per_walker):
    """kT = 2.5 at T = 300, U = kT x^2 / 2: evaluated on at most MAX_FRAMES frames, which are spread over all walkers."""
    rng, asked = np.random.default_rng(2), []
    z = rng.normal(size=(8, frames_per_walker, 1)).astype(np.float32)

    def log_prob(points, temperature):
        asked.append(len(points))
        return gaussian(1)(points, temperature / 300)

    model = SimpleNamespace(
        log_prob=log_prob, about={"theta_range": [1.0, 2.0], "T_ref": 300.0}, density=SimpleNamespace(by_ode=False)
    )
    half = np.arange(8) % 2 == 0
    assert trust_identity(model, 2.5, 300.0, z, 2.5 * z[..., 0] ** 2 / 2, half) < 0.05
    assert trust_identity(model, 2.5, 300.0, z, -2.5 * z[..., 0] ** 2 / 2, half) == pytest.approx(2, abs=0.1)
    assert max(asked) <= MAX_FRAMES
    assert max(asked) == min(z.size, MAX_FRAMES)


def test_the_slope_of_a_density_by_ode_is_tabulated_and_the_figure_is_the_same():
    rng, asked = np.random.default_rng(2), []
    z = rng.normal(size=(8, 5000, 1)).astype(np.float32)

    def log_prob(points, temperature):
        asked.append(len(points))
        return gaussian(1)(points, temperature / 300)

    about = {"theta_range": [1.0, 2.0], "T_ref": 300.0}
    half, energies, found, evaluations = np.arange(8) % 2 == 0, -2.5 * z[..., 0] ** 2 / 2, [], []
    for by_ode in (False, True):
        model = SimpleNamespace(log_prob=log_prob, about=about, density=SimpleNamespace(by_ode=by_ode))
        asked.clear()
        found.append(trust_identity(model, 2.5, 300.0, z, energies, half))
        evaluations.append(sum(asked))
    assert found[1] == pytest.approx(found[0], abs=1e-3)
    assert found[0] > 1
    assert evaluations[1] < evaluations[0] / 5


def test_error_of_ln_p_between_is_that_of_the_cubic_through_two_right_values_with_wrong_slopes():
    """A model that is the cubic in b with the truth's values and other slopes at b = 1 and 3; the truth is a parabola."""
    b = np.linspace(1, 3, 9)
    values, slopes, errors = np.array([1.0, 9.0]), np.array([2.0, 6.0]), np.array([0.3 * 2, 0.4 * 5])
    wrong = CubicHermiteSpline([1, 3], values, slopes + errors * (1, -1))  # opposite signs add up
    found = [log_density_error({1.0: (0.3, 2.0), 3.0: (0.4, 5.0)}, x) for x in b]
    np.testing.assert_allclose(found, wrong(b) - b**2, atol=1e-12)


def test_error_of_ln_p_beyond_grows_with_the_distance_from_the_nearest():
    violations = {3.0: (2.0, 0.1), 1.0: (0.5, 0.6), 2.0: (9.0, 1.0)}
    found = [log_density_error(violations, b) for b in (0.5, 1.0, 2.0, 3.0, 5.0)]
    assert found == pytest.approx([0.15, 0, 0, 0, 0.4])


def test_violations_within_noise_put_ln_p_off_by_nothing():
    assert log_density_error({1.0: (RESOLVED, 100.0)}, 2.0) == 0
    assert log_density_error({1.0: (1.01 * RESOLVED, 100.0)}, 2.0) == pytest.approx(101 * RESOLVED)


def test_validate_says_at_each_temperature_what_the_violations_come_to():
    """A Gaussian whose variance is T^2, not T: its slope in b is off by (2 b - 1) x^2 / 2, of which the spread is known."""
    study = SimpleNamespace(
        temperatures=SimpleNamespace(train=[0.5, 2.0], generated=[0.4, 0.5, 1.0, 2.0, 3.0]),
        system=SimpleNamespace(kT=lambda T: T),
    )
    rng, rows = np.random.default_rng(0), {}
    points = {T: np.sqrt(T) * rng.standard_normal((20, 2000, 1)) for T in study.temperatures.train}
    half = np.arange(20) < 10
    model = SimpleNamespace(
        about={"theta_range": [0.5, 4.0], "T_ref": 0.5}, density=SimpleNamespace(by_ode=False), log_prob=gaussian(2)
    )
    tables = SimpleNamespace(
        seed=0,
        training=SimpleNamespace(
            energies={T: p[..., 0] ** 2 / 2 for T, p in points.items()},
            half=dict.fromkeys(points, half),
            counts={T: np.ones(p.shape[:2]) for T, p in points.items()},
        ),
        add=lambda model, T, plane, metric, value, *_: rows.setdefault(metric, {}).update({T: value}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "Model", SimpleNamespace(load=lambda path: model))
        layout = SimpleNamespace(model=lambda *_: None)
        stage._identity(study, layout, "wrong", tables, SimpleNamespace(name="latent", points=points))
    e = {T: abs(2 / T - 1) * T / np.sqrt(2) for T in points}  # U = x^2 / 2 has the standard deviation T / sqrt(2)
    assert rows["trust_identity"] == pytest.approx({0.5: 3.0, 2.0: 0.0}, rel=0.05, abs=0.05)
    x = (1 - 0.5) / 1.5  # b = 1 between 1/2 and 2; the hotter violates nothing
    expected = {0.4: 0.5 * e[0.5], 0.5: 0.0, 1.0: 1.5 * x**2 * (1 - x) * e[0.5], 2.0: 0.0, 3.0: 0.0}
    assert rows["trust_log_density"] == pytest.approx(expected, rel=0.05)
