"""What is built: energies by independent paths, numbers of atoms, chirality, masses, ions, boxes."""

import itertools

import mdtraj
import numpy as np
import openmm as mm
import pytest
from openmm import app, unit
from openmm.app.internal.customgbforces import GBSAOBC2Force
from openmmtools import testsystems

from thermolatent.errors import ThermolatentError
from thermolatent.systems.aib9 import Aib9
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.chain import c_beta
from thermolatent.systems.force_fields import FORCE_FIELDS, debye_kappa, load_force_field
from thermolatent.systems.kinds import SYSTEMS
from thermolatent.systems.molecule import Molecule
from thermolatent.systems.peptide import Peptide


def openmm_energy(system, positions, platform="Reference"):
    context = mm.Context(system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName(platform))
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy()._value


def start(molecule):
    return next(iter(molecule.starts().values()))


def in_mdtraj(molecule, positions=None):
    topology = mdtraj.Topology.from_openmm(molecule.topology())
    return mdtraj.Trajectory(start(molecule) if positions is None else positions, topology)


@pytest.mark.parametrize(
    ("name", "atoms"), [("vacuum", 22), ("implicit", 22), ("explicit", 22), ("chignolin", 166), ("aib9", 129)]
)
def test_number_of_saved_atoms(name, atoms, request):
    molecule = request.getfixturevalue(name)
    assert molecule.n_particles == molecule.topology().getNumAtoms() == atoms
    for positions in molecule.starts().values():
        assert positions.shape == (atoms, 3)
    for positions in molecule.built.starts.values():
        assert positions.shape == (molecule.built.system.getNumParticles(), 3)


def test_alanine_has_the_atoms_of_openmmtools(vacuum):
    def names(topology):
        return sorted((atom.residue.name, atom.element.symbol) for atom in topology.atoms())

    assert names(vacuum.topology()) == names(testsystems.AlanineDipeptideVacuum().topology)


@pytest.mark.parametrize("name", ["vacuum", "implicit"])
def test_energy_is_that_of_a_context_of_its_own(name, request):
    """Built a second time from the topology alone, by OpenMM's own force field files."""
    molecule = request.getfixturevalue(name)
    positions = start(molecule) + np.random.default_rng(0).normal(0, 0.003, (2, 3, 22, 3))
    files = ["amber14-all.xml", *(["implicit/obc2.xml"] if name == "implicit" else [])]
    system = app.ForceField(*files).createSystem(molecule.topology(), constraints=app.HBonds)
    energies = molecule.potential_energy(positions)
    assert energies.shape == (2, 3)
    assert energies.dtype == np.float64
    found = [[openmm_energy(system, frame) for frame in row] for row in positions]
    np.testing.assert_allclose(energies, found, rtol=1e-9)
    np.testing.assert_allclose(molecule.potential_energy(positions.astype(np.float32)), found, rtol=1e-3)
    np.testing.assert_array_equal(molecule.potential_energy(positions[0, 1]), energies[0, 1])
    assert openmm_energy(molecule.built.system, positions[0, 0], "CPU") == pytest.approx(energies[0, 0], rel=1e-4)


def test_energies_of_explicit_solvent_come_from_the_simulation(explicit):
    with pytest.raises(ThermolatentError, match="come with the simulation"):
        explicit.potential_energy(start(explicit))


def test_charmm_caps_are_those_of_the_dipeptide_that_charmm_has():
    molecule = Peptide(sequence="A", termini="capped", force_field="charmm36", solvent="vacuum")
    merged, atoms = app.Topology(), []
    residue = merged.addResidue("ALAD", merged.addChain())
    for atom in molecule.topology().atoms():
        atoms.append(merged.addAtom(f"{atom.name}{atom.index}", atom.element, residue))
    for first, second in molecule.topology().bonds():
        merged.addBond(atoms[first.index], atoms[second.index])
    whole = load_force_field("charmm36").createSystem(
        merged, constraints=app.HBonds, residueTemplates={residue: "ALAD"}
    )
    positions = start(molecule) + np.random.default_rng(0).normal(0, 0.003, (22, 3))
    assert molecule.potential_energy(positions) == pytest.approx(openmm_energy(whole, positions), rel=1e-9)


def test_every_residue_is_left_handed_and_trans(every_residue):
    trajectory = in_mdtraj(every_residue)
    _, omega = mdtraj.compute_omega(trajectory)
    assert np.abs(np.degrees(omega)).min() > 140
    names = {(a.residue.index, a.name): a.index for a in trajectory.topology.atoms}
    xyz, seen = trajectory.xyz[0], 0
    for residue in trajectory.topology.residues:
        if residue.name == "GLY":
            continue
        n, c, cb, ca = (xyz[names[residue.index, name]] for name in ("N", "C", "CB", "CA"))
        assert np.dot(np.cross(n - ca, c - ca), cb - ca) > 0, residue
        seen += 1
    assert seen == 19
    for name, others in {"ILE": ("CA", "CG1", "CG2"), "THR": ("CA", "OG1", "CG2")}.items():  # (2S,3S) and (2S,3R)
        index = next(r.index for r in trajectory.topology.residues if r.name == name)
        a, b, c = (xyz[names[index, other]] - xyz[names[index, "CB"]] for other in others)
        assert np.dot(np.cross(a, b), c) > 0, name


@pytest.mark.parametrize("name", ["every_residue", "chignolin", "aib9", "implicit"])
def test_starts_have_no_clash(name, request):
    molecule = request.getfixturevalue(name)
    for positions in molecule.starts().values():
        trajectory = in_mdtraj(molecule, positions)
        bonded = {frozenset((a.index, b.index)) for a, b in trajectory.topology.bonds}
        heavy = trajectory.topology.select("element != H")
        pairs = [p for p in itertools.combinations(heavy, 2) if frozenset(p) not in bonded]
        assert mdtraj.compute_distances(trajectory, pairs).min() > 0.2
        lengths = mdtraj.compute_distances(trajectory, [tuple(p) for p in bonded])
        assert 0.09 < lengths.min() < lengths.max() < 0.2
        assert np.isfinite(molecule.potential_energy(positions))


def test_aib_has_two_methyls_on_either_side(aib9):
    xyz = start(aib9)
    atoms = {(a.residue.index, a.name): a.index for a in aib9.topology().atoms()}
    for residue in range(1, 10):
        n, c, ca, first, second = (xyz[atoms[residue, name]] for name in ("N", "C", "CA", "CB1", "CB2"))
        normal = np.cross(n - ca, c - ca)
        assert np.dot(normal, first - ca) * np.dot(normal, second - ca) < 0


def test_aib_in_implicit_solvent_is_vacuum_and_openmm_s_own_generalised_born(aib9):
    """obc2 of CHARMM's charges, by the force that OpenMM has beside the custom one that its files make."""
    positions = start(aib9)
    [nonbonded] = [f for f in aib9.built.system.getForces() if isinstance(f, mm.NonbondedForce)]
    born, system = mm.GBSAOBCForce(), mm.System()
    born.setSolventDielectric(78.5)
    for i, (radius, scale) in enumerate(GBSAOBC2Force.getStandardParameters(aib9.topology())):
        born.addParticle(nonbonded.getParticleParameters(i)[0], radius, scale)
        system.addParticle(1.0)
    system.addForce(born)
    expected = openmm_energy(system, positions)
    assert expected < -100  # nine amides in water
    difference = Aib9(solvent="implicit", implicit="obc2").potential_energy(positions) - aib9.potential_energy(
        positions
    )
    assert difference == pytest.approx(expected, abs=0.1)


def test_chignolin_folded_is_a_hairpin_and_extended_is_not(chignolin):
    atoms = {(a.residue.index + 1, a.name): a.index for a in chignolin.topology().atoms()}

    def far(name, *pair):
        first, second = (chignolin.starts()[name][atoms[atom]] for atom in pair)
        return np.linalg.norm(first - second)

    assert list(chignolin.starts()) == ["folded", "extended"]
    assert far("folded", (3, "N"), (8, "O")) < 0.35
    assert far("folded", (3, "O"), (7, "N")) < 0.4
    assert far("folded", (1, "CA"), (10, "CA")) < 0.7
    assert far("folded", (2, "CA"), (9, "CA")) < 0.7
    assert far("extended", (1, "CA"), (10, "CA")) > 2.5


@pytest.mark.parametrize("hydrogen_mass", [1.5, 3.0])
def test_hydrogen_mass_repartitioning_conserves_mass(hydrogen_mass, vacuum):
    heavier = AlanineDipeptide(solvent="vacuum", hydrogen_mass=hydrogen_mass).built
    masses = [heavier.system.getParticleMass(i)._value for i in range(22)]
    elements = [atom.element for atom in heavier.topology.atoms()]
    assert {m for m, e in zip(masses, elements, strict=True) if e.symbol == "H"} == {hydrogen_mass}
    assert sum(masses) == pytest.approx(sum(e.mass._value for e in elements), rel=1e-3)
    assert min(m for m, e in zip(masses, elements, strict=True) if e.symbol != "H") > hydrogen_mass


def test_constraints_hold_bonds_to_hydrogen_or_none(vacuum):
    assert vacuum.built.system.getNumConstraints() == 12
    assert AlanineDipeptide(solvent="vacuum", constraints="none").built.system.getNumConstraints() == 0


def test_explicit_box_is_neutral_with_the_salt_asked_for(explicit):
    built = explicit.built
    count = {name: 0 for name in ("HOH", "K", "CL")}
    for residue in built.topology.residues():
        if residue.name in count:
            count[residue.name] += 1
    assert count["K"] == count["CL"] == round(0.5 * (count["HOH"] + 2 * count["K"]) / 55.4) > 0
    assert net_charge(built.system) == pytest.approx(0, abs=1e-6)
    assert np.diag(np.array(built.topology.getPeriodicBoxVectors()._value)).tolist() == [1.9] * 3
    assert np.isfinite(openmm_energy(built.system, next(iter(built.starts.values()))))
    assert not any(type(f).__name__ == "CMMotionRemover" for f in built.system.getForces())


def net_charge(system):
    force = next(f for f in system.getForces() if isinstance(f, mm.NonbondedForce))
    return sum(force.getParticleParameters(i)[0]._value for i in range(force.getNumParticles()))


def test_ions_neutralise_a_charged_peptide_and_starts_share_the_box():
    """Two starts of one charged peptide need the same waters and ions, in the same order."""

    class TwoStarts(Peptide):
        def _solute(self, force_field):
            topology, starts = super()._solute(force_field)
            return topology, {
                **starts,
                "other": starts["extended"] + np.linspace(0, 0.3, len(starts["extended"]))[:, None],
            }

    built = TwoStarts(sequence="DD", solvent="explicit", cutoff=0.7, box=2.1).built
    assert net_charge(built.system) == pytest.approx(0, abs=1e-6)
    assert sum(residue.name == "NA" for residue in built.topology.residues()) == 2
    shapes = {positions.shape for positions in built.starts.values()}
    assert shapes == {(built.system.getNumParticles(), 3)}
    oxygens = [a.index for a in built.topology.atoms() if a.residue.name == "HOH" and a.element.symbol == "O"]
    hydrogens = [a.index for a in built.topology.atoms() if a.residue.name == "HOH" and a.element.symbol == "H"]
    for positions in built.starts.values():  # every water is whole
        gaps = np.linalg.norm(positions[hydrogens].reshape(-1, 2, 3) - positions[oxygens][:, None], axis=-1)
        np.testing.assert_allclose(gaps, 0.0957, atol=2e-3)


def test_building_again_gives_the_same_bits():
    """Jobs at different temperatures build in processes of their own, and must simulate the same molecule."""
    molecule = AlanineDipeptide(solvent="explicit", salt=0.5, cutoff=0.7, box=1.9)
    first, second = molecule._build(), molecule._build()
    np.testing.assert_array_equal(first.starts["extended"], second.starts["extended"])
    assert mm.XmlSerializer.serialize(first.system) == mm.XmlSerializer.serialize(second.system)


@pytest.mark.parametrize("force_field", list(FORCE_FIELDS))
def test_every_force_field_has_its_waters_and_ions(force_field):
    entry = FORCE_FIELDS[force_field]
    with_ions = force_field in ("amber99sb", "amber99sb-ildn", "amber03")  # elsewhere the water's file has them
    for file in entry.waters.values():
        loaded = app.ForceField(*(entry.solute if with_ions else ()), file)
        topology = app.Topology()
        for name, element in (("NA", "Na"), ("K", "K"), ("CL", "Cl"), ("CL", "Cl")):
            topology.addAtom(name, app.Element.getBySymbol(element), topology.addResidue(name, topology.addChain()))
        water = topology.addResidue("HOH", topology.addChain())
        oxygen, *hydrogens = (topology.addAtom(n, app.Element.getBySymbol(n[0]), water) for n in ("O", "H1", "H2"))
        for hydrogen in hydrogens:
            topology.addBond(oxygen, hydrogen)
        modeller = app.Modeller(topology, np.arange(21).reshape(7, 3) * unit.nanometer)
        modeller.addExtraParticles(loaded)
        assert net_charge(loaded.createSystem(modeller.topology)) == pytest.approx(0, abs=1e-5)


def test_debye_length_of_a_tenth_molar_salt():
    assert 1 / debye_kappa(0.1) == pytest.approx(0.96 / 0.73, rel=0.02)  # 0.96 nm, times what Amber does


def test_molecules_are_kinds_of_systems():
    assert all(issubclass(SYSTEMS[name], Molecule) for name in ("alanine_dipeptide", "peptide", "chignolin", "aib9"))
    assert Aib9().surroundings == "explicit"


def test_c_beta_is_where_pdbfixer_has_it_in_alanine():
    molecule = AlanineDipeptide(solvent="vacuum")
    at = {a.name: start(molecule)[a.index] for a in molecule.topology().atoms() if a.residue.name == "ALA"}
    assert np.linalg.norm(c_beta(at["N"], at["CA"], at["C"]) - at["CB"]) < 0.02
