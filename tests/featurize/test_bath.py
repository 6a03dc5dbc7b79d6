"""The bath: its energies against closed forms, its weights against the ensemble that they stand for."""

import numpy as np
import pytest
from scipy import stats

from thermolatent.errors import ArtifactError, ConfigError
from thermolatent.featurize.bath import bath_energies, coupled_degrees, coupling_log_weights
from thermolatent.featurize.settings import Bath
from thermolatent.files.artifacts import load_array, load_json, save_array, save_json
from thermolatent.parsing import parse
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study

T = 0.3
COUPLED = {"column": "mu3", "at": 0.8, "width": 0.1, "degrees": 12, "neutral": 0.27}


def with_bath(bath, **more):
    return parse(
        Study,
        {
            "name": "test",
            "system": {"kind": "lj_cluster"},
            "temperatures": {"train": [T]},
            "simulate": {"walkers": 3, "frames": 30, "save_every": 20, "time_step": 0.005},
            "featurize": {"features": ["sorted_coordination"], "plane": ["coordination_moments"], "bath": bath, **more},
            "models": {"latf": {"density": "flow"}},
            "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
        },
        "test.yaml",
    )


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    layout = Layout(str(tmp_path_factory.mktemp("md")))
    run_job("simulate", with_bath(None), layout, temperature=T)
    return layout


@pytest.mark.parametrize("degrees", [1, 12, 400, 20_000])
def test_energies_are_those_of_so_many_harmonic_degrees_of_freedom(degrees):
    kT = 2.5
    energies = bath_energies(np.full(40_000, degrees), 300.0, kT)
    assert stats.kstest(energies, stats.gamma(degrees / 2, scale=kT).cdf).pvalue > 1e-3
    assert energies.mean() == pytest.approx(degrees / 2 * kT, abs=4 * kT * np.sqrt(degrees / 2 / 40_000))
    assert energies.var() == pytest.approx(degrees / 2 * kT**2, rel=0.12)


def test_the_draw_depends_on_the_temperature_alone():
    degrees = np.full(100, 6)
    np.testing.assert_array_equal(bath_energies(degrees, 0.3, 0.3), bath_energies(degrees, 0.3, 0.3))
    assert abs(stats.spearmanr(bath_energies(degrees, 0.3, 1.0), bath_energies(degrees, 0.4, 1.0)).statistic) < 0.35
    np.testing.assert_array_equal(bath_energies(np.zeros(5), 0.3, 0.3), 0)


def test_weights_turn_with_temperature_as_the_energies_say():
    """d ln p/db = <U> - E[U|x]: between two frames, minus the difference of their mean bath energies."""
    coupled = coupled_degrees(Bath(degrees=50, coupled=COUPLED), ["mu2", "mu3"], np.array([[[0, 1.6], [0, 0.0]]]))[0]
    np.testing.assert_allclose(coupled, [12, 12 / (1 + np.exp(8))], rtol=0.01)
    kT, step = 0.4, 1e-4
    weights = [coupling_log_weights(coupled, 1 / (1 / kT + shift), 0.27) for shift in (-step, step)]
    slope = np.diff((weights[1] - weights[0]) / (2 * step))
    mean = [bath_energies(np.full(400_000, 50 + d), kT, kT).mean() for d in coupled]
    assert slope == pytest.approx(-np.diff(mean), abs=0.03)
    np.testing.assert_array_equal(coupling_log_weights(coupled, 0.27, 0.27), 0)


def test_featurize_adds_the_bath_and_says_what_the_frames_weigh(simulated):
    raw = load_array(simulated.md_energies(T))
    for bath, weighted in (({"degrees": 100}, False), ({"degrees": 100, "coupled": COUPLED}, True)):
        run_job("featurize", with_bath(bath), simulated, temperature=T)
        plane = load_array(simulated.plane(T)).astype(float)
        extra = 12 / (1 + np.exp(-(plane[..., 1] - 0.8) / 0.1)) * weighted
        np.testing.assert_allclose(load_array(simulated.energies(T)) - raw, bath_energies(100 + extra, T, T), rtol=1e-6)
        assert load_array(simulated.log_weights(T)).shape == ((3, 30) if weighted else (0,))
    np.testing.assert_allclose(load_array(simulated.log_weights(T)), extra / 2 * np.log(T / 0.27), rtol=1e-6)
    run_job("featurize", with_bath(None), simulated, temperature=T)
    np.testing.assert_array_equal(load_array(simulated.energies(T)), raw)
    assert not load_array(simulated.log_weights(T)).size


def test_weights_of_biased_md_are_handed_on_and_added_to_those_of_the_bath(simulated):
    protocol = load_json(simulated.protocol(T))
    bias = np.random.default_rng(0).normal(size=(3, 30))
    save_array(simulated.md_log_weights(T), bias)
    save_json(simulated.protocol(T), protocol | {"weighted": True})
    run_job("featurize", with_bath(None, frames=20), simulated, temperature=T)
    np.testing.assert_array_equal(load_array(simulated.log_weights(T)), bias[:, :20])
    run_job("featurize", with_bath({"degrees": 0, "coupled": COUPLED}), simulated, temperature=T)
    both = load_array(simulated.log_weights(T))
    save_json(simulated.protocol(T), protocol)
    run_job("featurize", with_bath({"degrees": 0, "coupled": COUPLED}), simulated, temperature=T)
    np.testing.assert_allclose(both - load_array(simulated.log_weights(T)), bias)
    save_json(simulated.protocol(T), protocol | {"weighted": True})
    save_array(simulated.md_log_weights(T), bias[:2])
    with pytest.raises(ArtifactError, match=r"log_weights\.npy: must be \(3, 30\) finite numbers"):
        run_job("featurize", with_bath(None), simulated, temperature=T)
    save_json(simulated.protocol(T), protocol)


def test_a_column_that_is_not_in_the_plane_is_refused():
    with pytest.raises(
        ConfigError, match=r"featurize\.bath\.coupled\.column: 'mu4' is not in the plane; write mu2 or mu3"
    ):
        with_bath({"degrees": 0, "coupled": COUPLED | {"column": "mu4"}})
