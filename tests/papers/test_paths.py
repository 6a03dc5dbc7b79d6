"""Paths in the base space and the lowest pass, against surfaces whose barriers are known."""

import numpy as np
import pytest

from base_paths import _POINTS, lowest_pass, run, straight_in_base
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import load_arrays
from thermolatent.learn.model import Model


def grid(n=201):
    axis = np.linspace(-2, 2, n)
    return np.meshgrid(axis, axis, indexing="ij")


def cell(x, y, n=201):
    return round((x + 2) / 4 * (n - 1)), round((y + 2) / 4 * (n - 1))


def test_the_lowest_pass_of_a_double_well_is_its_saddle():
    x, y = grid()
    assert lowest_pass(3 * (x * x - 1) ** 2 + y * y, cell(-1, 0), cell(1, 0)) == pytest.approx(3, abs=1e-9)


def test_a_detour_over_a_lower_pass_is_found():
    """A wall at x = 0 that is 10 high, with a gap around y = 1.5 of height 2."""
    x, y = grid()
    wall = 10 * np.exp(-50 * x * x) * (1 - 0.8 * np.exp(-20 * (y - 1.5) ** 2))
    assert lowest_pass(wall, cell(-1, -1), cell(1, -1)) == pytest.approx(2, abs=1e-6)


def test_two_points_of_one_basin_need_no_pass():
    x, y = grid()
    bowl = x * x + y * y
    assert lowest_pass(bowl, cell(-1, 0), cell(0.5, 0)) == pytest.approx(1)


@pytest.mark.parametrize("model", ["informed", "joint"])
def test_a_straight_line_in_the_base_joins_the_two_ends(trained, model):
    study, layout = trained
    flow = Model.load(layout.model(model, 0))
    ends = np.array([[-0.5, 0.2], [0.7, -0.1]], np.float32)
    u, z = straight_in_base(flow, *ends, study.temperatures.T_ref)
    np.testing.assert_allclose(z[[0, -1]], ends, atol=1e-4)
    np.testing.assert_allclose(np.diff(u, n=2, axis=0), 0, atol=1e-4)
    assert np.linalg.norm(z - np.linspace(*ends, _POINTS), axis=1).max() > 1e-3  # and is none in the latent


def test_no_path_is_below_the_lowest_pass(trained, tmp_path):
    study, layout = trained
    run(study, layout, "informed", 0, str(tmp_path / "paths.npz"))
    found = load_arrays(tmp_path / "paths.npz")
    assert found["states"].tolist() == list(study.validate_.states.minima)
    assert found["pairs"].tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found["surface"].min() == 0
    for F, lowest in zip(found["free_energy"], found["lowest"], strict=True):
        assert F.max() > lowest - 0.1  # what a cell of the grid rounds away
        assert lowest >= max(F[0], F[-1]) - 0.1
        assert lowest > 1  # kT: three minima at T = 0.5


def test_a_density_without_a_base_space_is_named(trained, monkeypatch):
    study, layout = trained
    loaded = Model.load(layout.model("joint", 0))
    loaded.density = object.__new__(type("Plain", (), {"dim": 2}))
    monkeypatch.setattr(Model, "load", lambda path: loaded)
    with pytest.raises(ThermolatentError, match="model joint: paths need a flow"):
        run(study, layout, "joint", 0, "x.npz")
