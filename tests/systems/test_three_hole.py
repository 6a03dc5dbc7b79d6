"""The three-hole potential: the formula against OpenMM, quadratures against published figures."""

import numpy as np
import openmm as mm
import pytest

from thermolatent.errors import ThermolatentError
from thermolatent.systems.lj_cluster import LJCluster
from thermolatent.systems.three_hole import ThreeHole

POINTS = np.random.default_rng(0).uniform([-2.5, -2.0], [2.5, 2.8], (40, 2))


def test_energy_and_gradient_are_openmm_ones():
    system = ThreeHole()
    positions = np.column_stack([POINTS, np.linspace(-3, 3, len(POINTS))])[:, None, :]
    context = mm.Context(
        system.build(len(POINTS)), mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(positions[:, 0])
    state = context.getState(forces=True, energy=True)
    forces = state.getForces(asNumpy=True)._value
    energies = system.potential_energy(positions)
    assert energies.shape == (len(POINTS),)
    assert energies.sum() == pytest.approx(state.getPotentialEnergy()._value, rel=1e-9)
    np.testing.assert_allclose(system.plane_energy_gradient(POINTS), -forces[:, :2], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(forces[:, 2], 0.0)


def test_minima():
    system = ThreeHole()
    starts = system.starts()
    for name, energy in {"left": -3.9949, "right": -3.9949, "top": -2.1722}.items():
        assert system.potential_energy(starts[name]) == pytest.approx(energy, abs=6e-5)
        assert np.abs(system.plane_energy_gradient(starts[name][:, :2])).max() < 2e-3


@pytest.mark.parametrize(
    ("temperature", "mean"), [(0.5, -3.369), (0.75, -2.978), (1, -2.647), (1.25, -2.371), (1.5, -2.133), (2, -1.717)]
)
def test_mean_energy(temperature, mean):
    assert ThreeHole().exact_mean_energy(temperature) == pytest.approx(mean, abs=6e-4)


def test_histogram_is_normalised_and_symmetric():
    x, y = np.linspace(-4, 4, 61), np.linspace(-3.5, 4.2, 41)
    mass = ThreeHole().exact_histogram(x, y, 1.5)
    assert mass.shape == (60, 40)
    assert mass.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(mass, mass[::-1], rtol=1e-10)


def test_histogram_of_coarse_bins_is_the_sum_of_fine_ones():
    x, y = np.linspace(-2, 2, 121), np.linspace(-2, 3, 121)
    fine = ThreeHole().exact_histogram(x, y, 0.5)
    coarse = ThreeHole().exact_histogram(x[::4], y[::4], 0.5)
    np.testing.assert_allclose(coarse, fine.reshape(30, 4, 30, 4).sum(axis=(1, 3)), rtol=1e-6, atol=1e-12)


def test_mass_outside_the_edges_is_missing():
    mass = ThreeHole().exact_histogram(np.array([-4.5, 0.0]), np.array([-4.2, 4.8]), 1.0)
    assert mass.item() == pytest.approx(0.5, abs=1e-9)  # x < 0 is half of it


def test_only_a_system_with_an_energy_in_its_plane_has_basins():
    with pytest.raises(ThermolatentError, match=r"lj_cluster.*nearest"):
        LJCluster().plane_energy_gradient(POINTS)
    assert LJCluster().exact_histogram(np.arange(3), np.arange(3), 1.0) is None
