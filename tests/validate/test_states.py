"""Named states against the three-hole potential's exact basin populations."""

import numpy as np
import pytest

from thermolatent.errors import ThermolatentError
from thermolatent.frames import Frames
from thermolatent.states.named import Basins, NearestCenters, named_states
from thermolatent.states.plane import NamedPlane
from thermolatent.states.sets import state_counts
from thermolatent.systems.lj_cluster import LJCluster
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.validate.populations import delta_F_rmse, population_error, population_max_error

MINIMA = np.array([[-1.0481, -0.0421], [1.0481, -0.0421], [0.0, 1.5371]])
#: Temperature: population of the left (and right) basin, of the top one.
EXACT = {
    0.5: (0.4879, 0.0243),
    0.75: (0.4661, 0.0678),
    1.0: (0.4476, 0.1049),
    1.25: (0.4341, 0.1319),
    1.5: (0.4243, 0.1513),
    2.0: (0.4117, 0.1766),
}


@pytest.fixture(scope="module")
def system():
    return ThreeHole(kind="three_hole")


@pytest.fixture(scope="module")
def basins(system):
    return Basins(system.plane_energy_gradient, MINIMA, [-4.0, -3.5], [4.0, 4.5])


@pytest.fixture(scope="module")
def plane(study):
    corners = np.array([[[-2.6, -2.4], [2.6, 3.2]]], np.float32)
    training = Frames({1.0: 1.0}, {1.0: corners}, {1.0: corners}, {1.0: corners[..., 0]})
    edges = np.linspace(-2.6, 2.6, 31), np.linspace(-2.4, 3.2, 31)
    return NamedPlane(study.system, study.validate_.states, edges, training)


@pytest.mark.parametrize("temperature", EXACT)
def test_basin_populations_are_exact(plane, temperature):
    mass, population = plane.exact(temperature)
    side, top = EXACT[temperature]
    np.testing.assert_allclose(population, [side, side, top], atol=1e-3)
    assert mass.shape == (900,)
    assert mass.sum() == pytest.approx(1, abs=2e-3)


def test_basins_are_mirror_images_and_hold_their_minima(basins):
    np.testing.assert_array_equal(basins.assign(MINIMA), [0, 1, 2])
    mirror = np.array([1, 0, 2])[basins.labels[::-1]]
    assert (mirror != basins.labels).mean() < 2e-3


def test_points_beyond_the_grid_have_the_nearest_cells_basin(basins):
    np.testing.assert_array_equal(basins.assign(np.array([[-50.0, 0.0], [50.0, 0.0]])), [0, 1])


def test_a_missing_minimum_is_named(system):
    with pytest.raises(ThermolatentError, match=r"ends near \(.*1\.5.*\), which is not a named minimum"):
        Basins(system.plane_energy_gradient, MINIMA[:2], [-2.0, -2.0], [2.0, 3.0], grid=60)


def test_a_system_without_plane_energy_has_no_basins(study):
    with pytest.raises(ThermolatentError, match="nearest"):
        named_states(study.validate_.states, LJCluster(kind="lj_cluster"), [0, 0], [1, 1])


def test_nearest_center_and_on_the_circle():
    points = np.array([[0.1, 0.0], [0.9, 0.2], [3.1, 0.0]])
    np.testing.assert_array_equal(NearestCenters([[0, 0], [1, 0]]).assign(points), [0, 1, 1])
    circle = NearestCenters([[-3.0, 0.0], [2.0, 0.0]], periodic=(True, False))
    np.testing.assert_array_equal(circle.assign(np.array([[3.1, 0.0], [1.5, 0.0]])), [0, 1])


def test_counts_by_walker_and_weight():
    counts = state_counts(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1]), 2, 3, np.array([1.0, 2, 3, 4]))
    np.testing.assert_array_equal(counts, [[1, 2, 0], [4, 3, 0]])


def test_population_errors():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.3, 0.1])
    assert population_error(p, q) == pytest.approx(0.2 / 3)
    assert population_max_error(p, q) == pytest.approx(0.1)
    differences = [np.log(0.5 / 0.3) - np.log(0.6 / 0.3), np.log(0.5 / 0.2) - np.log(6), np.log(1.5) - np.log(3)]
    assert delta_F_rmse(p, q, 1e-3) == pytest.approx(np.sqrt(np.mean(np.square(differences))))


def test_an_empty_state_costs_as_half_a_sample():
    p, q = np.array([0.9, 0.1]), np.array([1.0, 0.0])
    assert delta_F_rmse(p, q, 0.5 / 1000) == pytest.approx(abs(np.log(9) - np.log(2000)))
