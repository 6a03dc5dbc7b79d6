"""Copies of a molecule in one Context: each feels exactly the forces that it feels alone."""

from functools import cache

import numpy as np
import openmm as mm
import pytest

from thermolatent.simulate.copies import longest_extent, make_copies, why_not
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide

COPIES = 5
MOLECULES = {
    "vacuum": AlanineDipeptide(solvent="vacuum"),
    "obc2": AlanineDipeptide(solvent="implicit", implicit="obc2"),
    "gbn2": AlanineDipeptide(solvent="implicit", implicit="gbn2"),
    "charmm36": AlanineDipeptide(solvent="vacuum", force_field="charmm36"),
}


@cache
def systems():
    """Every force that :mod:`copies` knows, in a molecule."""
    found = {name: molecule.built.system for name, molecule in MOLECULES.items()}
    xml = mm.XmlSerializer.serialize(found["vacuum"])
    found["GBSAOBCForce"], found["others"] = (mm.XmlSerializer.deserialize(xml) for _ in range(2))
    born = mm.GBSAOBCForce()
    nonbonded = next(f for f in found["vacuum"].getForces() if isinstance(f, mm.NonbondedForce))
    for i in range(22):
        born.addParticle(nonbonded.getParticleParameters(i)[0], 0.15 + 0.003 * i, 0.8)
    found["GBSAOBCForce"].addForce(born)
    bonds, angles, pairs = (
        mm.CustomBondForce("k*(r-0.3)^4"),
        mm.CustomAngleForce("k*theta"),
        mm.CustomNonbondedForce("a1*a2/r"),
    )
    for force in (bonds, angles):
        (force.addPerBondParameter if force is bonds else force.addPerAngleParameter)("k")
    bonds.addBond(0, 9, [50.0])
    angles.addAngle(1, 5, 9, [3.0])
    pairs.addPerParticleParameter("a")
    for i in range(22):
        pairs.addParticle([0.1 * i])
    pairs.addExclusion(0, 1)
    ryckaert = mm.RBTorsionForce()
    ryckaert.addTorsion(0, 4, 6, 8, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    for force in (bonds, angles, pairs, ryckaert):
        found["others"].addForce(force)
    return found


def forces_and_energy(system, positions, without=()):
    for force in system.getForces():
        force.setForceGroup(1 if isinstance(force, without) else 0)
    context = mm.Context(system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions.reshape(-1, 3))
    state = context.getState(forces=True, energy=True, groups={0})
    return state.getForces(asNumpy=True)._value.reshape(positions.shape), state.getPotentialEnergy()._value


@pytest.mark.parametrize("name", [*MOLECULES, "GBSAOBCForce", "others"])
def test_forces_are_those_of_one_molecule_and_energies_a_constant_apart(name):
    system = systems()[name]
    assert why_not(system) is None
    copies = make_copies(system, COPIES)
    start = next(iter(MOLECULES["charmm36" if name == "charmm36" else "vacuum"].built.starts.values()))
    rng = np.random.default_rng(1)
    shifts = []
    for _ in range(2):
        shapes = start + rng.normal(0, 0.01, (COPIES, *start.shape))
        alone = [forces_and_energy(system, shape) for shape in shapes]
        together, energy = forces_and_energy(
            copies.system, shapes + copies.centers[:, None], without=(mm.CustomCentroidBondForce,)
        )
        for one, (expected, _) in zip(together, alone, strict=True):
            np.testing.assert_allclose(one, expected, atol=1e-9 * np.abs(expected).max())
        shifts.append(energy - sum(e for _, e in alone))
    assert shifts[0] == pytest.approx(shifts[1], abs=1e-6)


def test_every_force_of_the_molecules_is_covered():
    used = {type(force).__name__ for system in systems().values() for force in system.getForces()}
    assert used >= {"CMAPTorsionForce", "CustomGBForce", "GBSAOBCForce", "CustomTorsionForce", "RBTorsionForce"}


def test_the_default_reaction_field_would_not_do():
    """The trap that this guards against: within the cutoff, forces then differ by nearly 1 kJ/mol/nm."""
    system = systems()["vacuum"]
    copies = make_copies(system, 1)
    nonbonded = next(f for f in copies.system.getForces() if isinstance(f, mm.NonbondedForce))
    nonbonded.setReactionFieldDielectric(78.3)
    start = next(iter(MOLECULES["vacuum"].built.starts.values()))
    wrong, _ = forces_and_energy(copies.system, start[None], without=(mm.CustomCentroidBondForce,))
    assert np.abs(wrong[0] - forces_and_energy(system, start)[0]).max() > 0.1


def test_copies_stay_out_of_each_others_reach():
    """Extended to its very longest, and two of them closer by five standard deviations of their centres at 1000 K."""
    system = systems()["vacuum"]
    copies = make_copies(system, 27)
    extent = longest_extent(system)
    start = next(iter(MOLECULES["vacuum"].built.starts.values()))
    assert extent > np.linalg.norm(start[:, None] - start, axis=-1).max()
    nonbonded = next(f for f in copies.system.getForces() if isinstance(f, mm.NonbondedForce))
    cutoff = nonbonded.getCutoffDistance()._value
    assert cutoff > extent
    apart = np.linalg.norm(copies.centers[:, None] - copies.centers, axis=-1)
    closer = 5 * np.sqrt(2 * 8.314 / 100)
    assert apart[np.triu_indices(27, 1)].min() - closer - 2 * extent > cutoff
    np.testing.assert_allclose(copies.centers.mean(axis=0), 0, atol=1e-9)  # small coordinates, more digits


def test_constraints_and_masses_are_copied():
    system = systems()["vacuum"]
    copies = make_copies(system, 3).system
    n = system.getNumParticles()
    assert copies.getNumConstraints() == 3 * system.getNumConstraints() > 0
    last, expected = (
        copies.getConstraintParameters(copies.getNumConstraints() - 1),
        system.getConstraintParameters(system.getNumConstraints() - 1),
    )
    assert last == [expected[0] + 2 * n, expected[1] + 2 * n, expected[2]]
    assert [copies.getParticleMass(2 * n + i) for i in range(n)] == [system.getParticleMass(i) for i in range(n)]


def test_what_cannot_be_copied_says_why():
    plain = systems()["vacuum"]

    def changed(change):
        system = mm.XmlSerializer.deserialize(mm.XmlSerializer.serialize(plain))
        change(system)
        return why_not(system)

    assert changed(lambda s: s.addForce(mm.CustomExternalForce("x"))) == "a CustomExternalForce"
    assert changed(lambda s: s.addForce(mm.CMMotionRemover())) == "a CMMotionRemover"
    assert changed(lambda s: (s.addParticle(1.0), s.getForce(2))) == "more than one molecule"
    assert why_not(AlanineDipeptide(solvent="explicit", padding=0.6, cutoff=0.6).built.system) == "a periodic box"
