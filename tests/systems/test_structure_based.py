"""The structure-based model: the formula against OpenMM and against its known values, and native structures that are refused."""

from pathlib import Path

import mdtraj
import numpy as np
import openmm as mm
import pytest

from thermolatent.errors import ThermolatentError
from thermolatent.parsing import parse_one
from thermolatent.systems.files import structure_path
from thermolatent.systems.kinds import SYSTEMS
from thermolatent.systems.structure_based import StructureBased

HAIRPIN = StructureBased(file="chignolin")
#: Pairs of residues, from 0, of the folded CLN025 with heavy atoms within 0.45 nm; counted by an own program.
CONTACTS = [(0, 8), (0, 9), (1, 7), (1, 8), (1, 9), (2, 6), (2, 7), (2, 9)]


@pytest.fixture(scope="module")
def folded():
    return mdtraj.load_pdb(structure_path("chignolin"))


def context(system, walkers=1):
    platform = mm.Platform.getPlatformByName("Reference")
    return mm.Context(system.build(walkers), mm.VerletIntegrator(0.001), platform)


def scattered(count=12, seed=0):
    """Structures near both starts, and others bent all over."""
    rng = np.random.default_rng(seed)
    starts = np.stack(list(HAIRPIN.starts().values()))[np.arange(count) % 2]
    return starts + rng.normal(0, np.linspace(0.005, 0.1, count)[:, None, None], starts.shape)


def test_energies_are_openmm_ones_and_copies_do_not_interact():
    positions, single = scattered(), context(HAIRPIN)
    energies, forces = [], []
    for frame in positions:
        single.setPositions(frame)
        state = single.getState(energy=True, forces=True)
        energies.append(state.getPotentialEnergy()._value)
        forces.append(state.getForces(asNumpy=True)._value)
    np.testing.assert_allclose(HAIRPIN.potential_energy(positions), energies, rtol=1e-9)
    many = context(HAIRPIN, len(positions))
    many.setPositions(positions.reshape(-1, 3))  # on top of each other
    together = many.getState(forces=True).getForces(asNumpy=True)._value.reshape(positions.shape)
    np.testing.assert_allclose(together, forces, rtol=1e-9, atol=1e-8)


def test_energy_of_many_frames_is_that_of_each():
    positions = scattered(24).reshape(4, 6, 10, 3)
    together = HAIRPIN.potential_energy(positions)
    assert (together.shape, together.dtype) == ((4, 6), np.float64)
    alone = [[HAIRPIN.potential_energy(frame) for frame in row] for row in positions]
    np.testing.assert_array_equal(together, alone)  # bit for bit: resumed runs depend on it


def test_contacts_are_pairs_with_heavy_atoms_within_a_distance(folded):
    assert [tuple(pair) for pair in HAIRPIN.native.contacts] == CONTACTS
    heavy = [[a.index for a in r.atoms if a.element.symbol != "H"] for r in folded.topology.residues]
    closest = [
        (i, j)
        for i in range(10)
        for j in range(i + 4, 10)
        if min(np.linalg.norm(folded.xyz[0, a] - folded.xyz[0, b]) for a in heavy[i] for b in heavy[j]) < 0.45
    ]
    assert closest == CONTACTS


def test_the_native_structure_is_the_minimum():
    native = HAIRPIN.starts()["folded"]
    # every term but the repulsion is at its minimum there, and the contacts give -eps each
    assert HAIRPIN.potential_energy(native) == pytest.approx(-len(CONTACTS), abs=0.01)
    assert (HAIRPIN.potential_energy(scattered()) > HAIRPIN.potential_energy(native)).all()
    one = context(HAIRPIN)
    one.setPositions(native)
    assert np.abs(one.getState(forces=True).getForces(asNumpy=True)._value).max() < 0.1  # of the repulsion alone
    # the angles, distances and contacts of the mirror image are the native ones; its dihedrals are not
    mirrored = HAIRPIN.potential_energy(native * [1, 1, -1])
    assert mirrored > HAIRPIN.potential_energy(native) + 1


def test_constants_are_the_published_ones():
    """Terms one by one, from structures in which nothing else changes (distances in nm, energies in epsilon)."""
    native = HAIRPIN.starts()["folded"]
    # the last bead along its bond: bond 100 eps/A^2 (0.1 A)^2 = 1, angles and dihedrals as they are
    bond = native[-1] - native[-2]
    stretched = native.copy()
    stretched[-1] += 0.01 * bond / np.linalg.norm(bond)
    pairs = energy_of_pairs(stretched) - energy_of_pairs(native)
    assert HAIRPIN.potential_energy(stretched) - HAIRPIN.potential_energy(native) == pytest.approx(1 + pairs, abs=1e-9)
    # the last bead about the bond before its own, by 0.3: one dihedral
    axis = native[-2] - native[-3]
    turned = native.copy()
    turned[-1] = rotated(native[-1] - native[-2], axis, 0.3) + native[-2]
    dihedral = (1 - np.cos(0.3)) + (1 - np.cos(0.9)) / 2
    pairs = energy_of_pairs(turned) - energy_of_pairs(native)
    change = HAIRPIN.potential_energy(turned) - HAIRPIN.potential_energy(native)
    assert change == pytest.approx(dihedral + pairs, abs=1e-9)
    # the last bead in the plane of its angle, by 0.1: 20 eps 0.1^2
    bent = native.copy()
    bent[-1] = rotated(bond, np.cross(axis, bond), 0.1) + native[-2]
    pairs = energy_of_pairs(bent) - energy_of_pairs(native)
    change = HAIRPIN.potential_energy(bent) - HAIRPIN.potential_energy(native)
    assert change == pytest.approx(0.2 + pairs, abs=1e-9)


def energy_of_pairs(x):
    """Contacts 5 (s/r)^12 - 6 (s/r)^10, (4 A / r)^12 between all other pairs that are four apart."""
    native, energy = HAIRPIN.starts()["folded"], 0.0
    for i in range(10):
        for j in range(i + 4, 10):
            r, s = np.linalg.norm(x[i] - x[j]), np.linalg.norm(native[i] - native[j])
            energy += 5 * (s / r) ** 12 - 6 * (s / r) ** 10 if (i, j) in CONTACTS else (0.4 / r) ** 12
    return energy


def rotated(vector, axis, angle):
    axis = axis / np.linalg.norm(axis)
    along = axis * (axis @ vector)
    return along + (vector - along) * np.cos(angle) + np.cross(axis, vector) * np.sin(angle)


def test_cold_walkers_are_harmonic():
    """As T goes to 0, <U> is the minimum and kT/2 for each of the 3n - 6 internal degrees of freedom."""
    walkers, temperature, native = 16, 0.02, HAIRPIN.starts()["folded"]
    integrator = mm.LangevinMiddleIntegrator(HAIRPIN.kelvin(temperature), 5.0, 0.002)
    integrator.setRandomNumberSeed(1)
    made = mm.Context(HAIRPIN.build(walkers), integrator, mm.Platform.getPlatformByName("Reference"))
    made.setPositions(np.concatenate([native] * walkers))
    made.setVelocitiesToTemperature(HAIRPIN.kelvin(temperature), 1)
    integrator.step(2000)
    energies = []
    for _ in range(200):
        integrator.step(100)
        positions = made.getState(positions=True).getPositions(asNumpy=True)._value.reshape(walkers, 10, 3)
        energies.append(HAIRPIN.potential_energy(positions))
    thermal = np.mean(energies, axis=0) - HAIRPIN.potential_energy(native)
    error = thermal.std(ddof=1) / np.sqrt(walkers)
    assert error < 0.02 * 12 * temperature
    assert abs(thermal.mean() - 12 * temperature) < 3 * error + 0.01 * 12 * temperature


def test_the_extended_start_has_the_native_bonds_and_no_contact():
    starts = HAIRPIN.starts()
    bonds = {name: np.linalg.norm(np.diff(x, axis=0), axis=1) for name, x in starts.items()}
    np.testing.assert_allclose(bonds["extended"], bonds["folded"], rtol=1e-12)
    assert np.linalg.norm(starts["extended"][0] - starts["extended"][-1]) == pytest.approx(
        np.sqrt(3) / 2 * bonds["folded"].sum(), rel=0.02
    )
    assert abs(energy_of_pairs(starts["extended"])) < 0.05


def test_names_and_numbers_are_those_of_the_file(folded, tmp_path):
    numbered = mdtraj.Trajectory(folded.xyz, folded.topology.copy())
    for residue in numbered.topology.residues:
        residue.resSeq += 40
    system = StructureBased(file=saved(tmp_path, numbered))
    residues = [(r.name, r.id) for r in system.topology().residues()]
    assert residues[:2] == [("TYR", "41"), ("TYR", "42")]
    assert {a.name for a in system.topology().atoms()} == {"CA"}
    np.testing.assert_allclose(system.potential_energy(scattered()), HAIRPIN.potential_energy(scattered()), rtol=1e-2)
    assert system.content != HAIRPIN.content


def saved(folder, trajectory, atoms=None, name="native.pdb"):
    """Path of a PDB file with those atoms."""
    chosen = trajectory if atoms is None else trajectory.atom_slice([i for i in range(trajectory.n_atoms) if atoms(i)])
    chosen.save_pdb(str(folder / name))
    return str(folder / name)


def without(folder, folded, atoms):
    return saved(folder, folded, lambda i: atoms(folded.topology.atom(i)))


def two_chains(folder, folded):
    second = mdtraj.Trajectory(folded.xyz + 3.0, folded.topology.copy())
    both = folded.stack(second)
    for chain, letter in zip(both.topology.chains, "AB", strict=True):
        chain.chain_id = letter
    return saved(folder, both)


def text(folder, content):
    (folder / "native.pdb").write_text(content)
    return str(folder / "native.pdb")


BAD = [
    (lambda d, f: without(d, f, lambda a: a.name != "CA"), r"lacks its C-alpha atom"),
    (lambda d, f: without(d, f, lambda a: a.name not in ("CA", "N")), r"has no C-alpha atoms"),
    (lambda d, f: without(d, f, lambda a: a.name == "CA"), r"has C-alpha atoms alone.*with side chains"),
    (
        lambda d, f: without(d, f, lambda a: a.name in ("N", "CA", "C", "O")),
        r"native\.pdb: TYR1 lacks atoms of its side chain, which contacts need; write",
    ),
    (
        lambda d, f: without(d, f, lambda a: a.residue.index % 2 == 0 or a.name in ("N", "CA", "C", "O", "CB")),
        r"native\.pdb: TYR2 lacks atoms of its side chain, which contacts need; write",
    ),
    (lambda d, f: without(d, f, lambda a: a.residue.index != 4), r"broken between PRO4 and THR6.* 0\.\d\d nm apart"),
    (lambda d, f: without(d, f, lambda a: a.residue.index < 5), r"has no native contacts"),
    (lambda d, f: without(d, f, lambda a: a.residue.index < 3), r"has no native contacts"),
    (two_chains, r"has chains A, B, and one is needed; write system\.chain: A"),
    (lambda d, f: text(d, "nothing\n"), r"native\.pdb"),
    (lambda d, f: text(d, ""), r"native\.pdb cannot be read as a structure \(it is empty\); write a PDB or mmCIF file"),
    (
        lambda d, f: saved(d, mdtraj.Trajectory(f.xyz / 10, f.topology)),
        r"native\.pdb: is in nm, a PDB file is in angstrom; write its coordinates times 10",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_a_native_structure_that_will_not_do_is_refused_in_one_line(make, message, folded, tmp_path):
    with pytest.raises(ThermolatentError, match=message) as error:
        StructureBased(file=make(tmp_path, folded)).native  # noqa: B018
    assert "\n" not in str(error.value)
    assert "system.file: " in str(error.value)


def test_one_of_two_chains(folded, tmp_path):
    file = two_chains(tmp_path, folded)
    system = StructureBased(file=file, chain="B")
    assert [tuple(pair) for pair in system.native.contacts] == CONTACTS
    with pytest.raises(ThermolatentError, match=r"system\.chain: .* no protein chain 'C'; known: A, B"):
        StructureBased(file=file, chain="C").native  # noqa: B018


def test_water_is_left_out(folded, tmp_path):
    water = "HETATM  999  O   HOH A 200      30.000  30.000  30.000  1.00  0.00           O\n"
    (tmp_path / "wet.pdb").write_text(Path(saved(tmp_path, folded)).read_text().replace("TER", water + "TER", 1))
    assert StructureBased(file=str(tmp_path / "wet.pdb")).n_particles == 10


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(ThermolatentError, match=r"system\.file: 'nowhere\.pdb' is not a file; write a path"):
        parse_one("system", SYSTEMS, {"kind": "structure_based", "file": "nowhere.pdb"})
