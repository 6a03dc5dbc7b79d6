"""A system whose ensemble is known in closed form, and small studies."""

import numpy as np
import pytest

from thermolatent.featurize.base import Columns
from thermolatent.featurize.cartesian import PositionXY
from thermolatent.parsing import parse
from thermolatent.study.study import Study
from thermolatent.systems.three_hole import ThreeHole


class Harmonic(ThreeHole):
    """One particle of mass 1 in U = r^2 / 2: <U> = 3/2 kT. It stands for a kind of system that a study takes."""

    planar = False

    def build(self, walkers=1):
        import openmm as mm

        force, system = mm.CustomExternalForce("0.5*(x^2+y^2+z^2)"), mm.System()
        for particle in range(walkers):
            system.addParticle(1.0)
            force.addParticle(particle, [])
        system.addForce(force)
        return system

    def starts(self):
        return {"here": np.array([[1.0, 0.0, 0.0]]), "there": np.array([[-1.0, 0.0, 0.0]])}

    def potential_energy(self, positions):
        return 0.5 * np.sum(np.asarray(positions, dtype=np.float64) ** 2, axis=(-2, -1))


class FirstTwo(PositionXY):
    """x and y of the first atom: two columns that every topology has."""

    def on(self, topology):
        return Columns(["x", "y"], lambda positions: positions[:, 0, :2])


def molecular_study(molecule, temperatures=(300.0, 400.0), **simulate):
    """A small study of a molecule on Reference, 2 fs."""
    simulate = {"time_step": 0.002, "platform": "Reference", "features": FirstTwo(), "plane": FirstTwo(), **simulate}
    return build_study(molecule, temperatures, **simulate)


def build_study(
    system,
    temperatures=(0.5, 1.5),
    features="position_xy",
    plane="position_xy",
    reference=(),
    tempering=None,
    **simulate,
):
    """A small study of a system, with changed ``simulate`` keys."""
    simulate = {"walkers": 4, "frames": 20, "save_every": 5, "time_step": 0.02, **simulate}
    return parse(
        Study,
        {
            "name": "test",
            "system": system,
            "temperatures": {"train": list(temperatures), "predict": list(reference), "reference": list(reference)},
            "tempering": tempering,
            "simulate": simulate,
            "featurize": {"features": [features], "plane": [plane]},
            "models": {"latf": {"density": "flow"}},
            "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
        },
        "test.yaml",
    )


@pytest.fixture
def make_study():
    return build_study


@pytest.fixture(scope="session")
def make_molecular():
    return molecular_study


@pytest.fixture(scope="session")
def copies_engine():
    """Stands for ``molecule_engine``: what a GPU would be given, here on Reference."""
    from thermolatent.simulate.copies import make_copies
    from thermolatent.simulate.engines import Together, degrees_of_freedom
    from thermolatent.simulate.langevin import langevin, new_context
    from thermolatent.simulate.molecules import molecule_system

    def engine(molecule, settings, temperature, threads=1):
        system = molecule_system(molecule, settings, temperature)
        copies = make_copies(system, settings.walkers)
        context = new_context(copies.system, langevin(molecule, settings, temperature), "Reference", {})
        return Together(context, settings.walkers, degrees_of_freedom(system))

    return engine


@pytest.fixture
def harmonic():
    """The class, for tests that change it."""
    return Harmonic
