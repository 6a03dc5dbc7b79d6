"""LJ clusters: the formula against OpenMM, and the published minima of LJ7."""

import numpy as np
import openmm as mm
import pytest
from pydantic import ValidationError

from thermolatent.featurize.base import Particles
from thermolatent.featurize.coordination import CoordinationMoments
from thermolatent.systems.lj_cluster import LJCluster


def context(system, walkers=1):
    platform = mm.Platform.getPlatformByName("Reference")
    return mm.Context(system.build(walkers), mm.VerletIntegrator(0.001), platform)


def scattered(system, count, seed=0):
    """Structures of one copy: some compact, some pressed far into the wall."""
    rng = np.random.default_rng(seed)
    start = next(iter(system.starts().values()))
    stretch = np.linspace(0.95, 2.5, count)[:, None, None]
    return stretch * start + rng.normal(0, [0.03, 0.03, 1.0], (count, *start.shape)) + rng.normal(0, 5, (count, 1, 3))


@pytest.mark.parametrize("particles", [3, 7, 13])
def test_energy_is_openmm_energy_also_in_the_wall(particles):
    system = LJCluster(particles=particles, wall_radius=1.0)
    positions = scattered(system, 12)
    energies = system.potential_energy(positions)
    reference = context(system)
    found = []
    for frame in positions:
        reference.setPositions(frame)
        found.append(reference.getState(energy=True).getPotentialEnergy()._value)
    np.testing.assert_allclose(energies, found, rtol=1e-9)
    without_wall = system.model_copy(update={"wall_radius": 1e3}).potential_energy(positions)
    assert (energies - without_wall).max() > 10  # the wall was really tested


def test_energy_of_many_frames_is_that_of_each():
    system = LJCluster()
    positions = scattered(system, 24).reshape(4, 6, 7, 3)
    together = system.potential_energy(positions)
    assert together.shape == (4, 6)
    assert together.dtype == np.float64
    alone = [[system.potential_energy(frame) for frame in row] for row in positions]
    np.testing.assert_array_equal(together, alone)  # bit for bit: resumed runs depend on it


def test_gradient_is_minus_openmm_force_and_z_feels_nothing():
    system = LJCluster()
    reference = context(system)
    for frame in scattered(system, 8):
        reference.setPositions(frame)
        forces = reference.getState(forces=True).getForces(asNumpy=True)._value
        np.testing.assert_allclose(system.gradient(frame[:, :2]), -forces[:, :2], rtol=1e-8, atol=1e-8)
        np.testing.assert_array_equal(forces[:, 2], 0.0)


def test_copies_do_not_interact():
    system, copies = LJCluster(), 5
    positions = scattered(system, copies) - scattered(system, copies).mean(
        axis=1, keepdims=True
    )  # on top of each other
    many, single = context(system, copies), context(system)
    many.setPositions(positions.reshape(-1, 3))
    forces = many.getState(forces=True).getForces(asNumpy=True)._value.reshape(positions.shape)
    for frame, force in zip(positions, forces, strict=True):
        single.setPositions(frame)
        np.testing.assert_allclose(
            force, single.getState(forces=True).getForces(asNumpy=True)._value, rtol=1e-12, atol=1e-10
        )


def test_starts_are_the_four_minima():
    system = LJCluster()
    published = {
        "hexagon": (-12.535, 0.747, 1.318),
        "tricapped": (-11.501, 0.958, 0.299),
        "trapezoid": (-11.477, 0.755, 0.351),
        "chevron": (-11.403, 0.592, -0.116),
    }
    starts = system.starts()
    assert list(starts) == list(published)
    for name, (energy, mu2, mu3) in published.items():
        assert system.potential_energy(starts[name]) == pytest.approx(energy, abs=6e-4)
        assert CoordinationMoments().on(Particles(7)).compute(starts[name][None])[0] == pytest.approx(
            [mu2, mu3], abs=6e-4
        )
        assert np.abs(system.gradient(starts[name][:, :2])).max() < 1e-5
        np.testing.assert_allclose(starts[name].mean(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("particles", [n for n in range(3, 14) if n != 7])
def test_other_sizes_start_from_two_different_bound_structures(particles):
    system = LJCluster(particles=particles)
    first, second = (np.sort(np.linalg.norm(x[:, None] - x[None], axis=-1).ravel()) for x in system.starts().values())
    assert np.abs(first - second).max() > 0.1
    for start in system.starts().values():
        assert start.shape == (particles, 3)
        assert system.potential_energy(start) < 0


@pytest.mark.parametrize("particles", [2, 14])
def test_other_numbers_of_particles_are_refused(particles):
    with pytest.raises(ValidationError, match=f"is {particles}; write a number of particles from 3 to 13"):
        LJCluster(particles=particles)


def test_topology_matches_the_particles():
    assert LJCluster(particles=5).topology().getNumAtoms() == LJCluster(particles=5).build().getNumParticles() == 5
