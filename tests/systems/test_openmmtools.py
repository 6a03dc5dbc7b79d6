"""Test systems of openmmtools: all arguments by name, and energies whose mean is known."""

import numpy as np
import openmm as mm
import pytest
from openmmtools import testsystems

from thermolatent.errors import ThermolatentError
from thermolatent.parsing import parse_one
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.kinds import SYSTEMS


def system(name, **arguments):
    return parse_one("system", SYSTEMS, {"kind": "openmmtools", "name": name, "arguments": arguments})


@pytest.mark.parametrize("name", ["AlanineDipeptideVacuum", "AlanineDipeptideImplicit", "TolueneImplicitGBn2"])
def test_energies_are_those_of_the_test_system(name):
    made, molecule = getattr(testsystems, name)(), system(name)
    context = mm.Context(made.system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference"))
    context.setPositions(made.positions)
    expected = context.getState(energy=True).getPotentialEnergy()._value
    assert molecule.potential_energy(molecule.starts()["start"]) == pytest.approx(expected, rel=1e-9)
    assert molecule.surroundings == ("vacuum" if "Vacuum" in name else "implicit")
    assert molecule.translation_invariant
    forces = {type(force).__name__ for force in molecule.built.system.getForces()}
    assert "CMMotionRemover" not in forces


def test_explicit_solvent_is_not_saved():
    molecule = system("AlanineDipeptideExplicit", nonbondedCutoff="0.9*nanometer", rigid_water=True)
    assert molecule.surroundings == "explicit"
    assert (molecule.n_particles, molecule.built.system.getNumParticles()) == (22, 2269)
    nonbonded = next(f for f in molecule.built.system.getForces() if isinstance(f, mm.NonbondedForce))
    assert nonbonded.getCutoffDistance()._value == pytest.approx(0.9)
    water = system("WaterBox", box_edge="2.1*nanometer")
    assert water.n_particles == water.built.system.getNumParticles()  # there is nothing else


def test_single_atoms_around_a_molecule_are_its_solvent():
    dimers = system("DoubleWellDimer_WCAFluid", nparticles=64, ndimers=2)
    assert dimers.surroundings == "explicit"
    np.testing.assert_array_equal(dimers.built.saved, [0, 1, 2, 3])
    assert system("WCAFluid", nparticles=64).n_particles == 64  # there is nothing else


def test_virtual_sites_and_a_box_that_only_the_system_knows():
    four = system("FourSiteWaterBox", box_edge="2.1*nanometer")
    assert four.built.system.isVirtualSite(3)
    fluid = system("LennardJonesFluid", nparticles=64, reduced_density=0.3)
    widths = fluid.built.system.getDefaultPeriodicBoxVectors()
    assert fluid.built.topology.getPeriodicBoxVectors()[0][0] == widths[0][0]
    assert fluid.longest_time_step == np.inf  # no hydrogens


def test_arguments_reach_the_constructor():
    oscillator = system(
        "HarmonicOscillator", K="200*kilojoules_per_mole/nanometer**2", mass="2*amu", U0="3*kilojoule/mole"
    )
    energy = oscillator.potential_energy(np.array([[0.1, 0.0, 0.0]]))
    assert energy == pytest.approx(3 + 100 * 0.01)
    assert oscillator.built.system.getParticleMass(0)._value == 2
    assert not oscillator.translation_invariant
    heavy = system("AlanineDipeptideVacuum", hydrogenMass="3.0*amu")
    assert heavy.longest_time_step == pytest.approx(0.004)
    assert system("AlanineDipeptideVacuum", hydrogenMass="3.0*amu", constraints=None).longest_time_step == 0.002
    rigid = ("HBonds", "AllBonds")
    bonds = [system("AlanineDipeptideVacuum", constraints=name).built.system.getNumConstraints() for name in rigid]
    assert bonds == [12, 21]
    assert (
        len(system("CustomExternalForcesTestSystem", energy_expressions=["x^2"], n_particles=3).starts()["start"]) == 3
    )
    # a constructor without arguments of its own takes those of its ancestors
    assert system("LennardJonesFluidSwitched", nparticles=64, reduced_density=0.3).n_particles == 64


def test_equal_studies_share_one_build():
    first, second = system("LennardJonesPair", mass="40*amu"), system("LennardJonesPair", mass="40*amu")
    assert first == second
    assert first.built is second.built
    assert first.built is not system("LennardJonesPair", mass="41*amu").built


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("AlanineDipeptideVacum", {}, ["name: ", "AlanineDipeptideVacum", "did you mean 'AlanineDipeptideVacuum'?"]),
        ("HarmonicOscillator", {"k": "1*amu"}, ["arguments.k: ", "unknown argument of HarmonicOscillator"]),
        ("HarmonicOscillator", {"mas": "1*amu"}, ["arguments.mas: ", "did you mean 'mass'?"]),
        ("HarmonicOscillator", {"mass": 40}, ["arguments.mass: is 40;", "'39.948*dalton'"]),
        ("HarmonicOscillator", {"mass": "40*nanometer"}, ["arguments.mass: is '40*nanometer';", "'39.948*dalton'"]),
        ("HarmonicOscillator", {"mass": "40 Da"}, ["arguments.mass: is '40 Da';"]),
        ("HarmonicOscillator", {"mass": ""}, ["arguments.mass: is '';"]),
        ("AlanineDipeptideVacuum", {"hydrogenMass": "heavy"}, ["arguments.hydrogenMass: is 'heavy';", "1.5*nanometer"]),
        ("AlanineDipeptideVacuum", {"constraints": "HBond"}, ["arguments.constraints: ", "did you mean 'HBonds'?"]),
        ("LennardJonesFluid", {"nparticles": "many"}, ["arguments.nparticles: is 'many';", "like 1000"]),
        ("LennardJonesFluid", {"lattice": 1}, ["arguments.lattice: is 1;", "like False"]),
    ],
)
def test_what_is_wrong_is_named(name, arguments, words):
    with pytest.raises(ThermolatentError) as error:
        system(name, **arguments)
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_arguments_that_do_not_go_together():
    with pytest.raises(ThermolatentError) as error:
        system("FourSiteWaterBox", model="tip3p").built  # noqa: B018
    assert "system.arguments: FourSiteWaterBox cannot be built" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_time_step_is_checked():
    molecule = system("AlanineDipeptideVacuum")
    settings = Simulate(frames=10, time_step=0.004)
    with pytest.raises(ThermolatentError, match=r"too long for hydrogens of 1\.008 amu.*at most 0\.002.*hydrogenMass"):
        molecule.check_simulate(settings, [300.0])
