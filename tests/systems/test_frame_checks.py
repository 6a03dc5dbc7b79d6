"""Every frame of imported MD: what is refused, with its number, and what is made whole and brought together."""

import itertools

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide

from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.dcd import box_vectors, read_boxes, stream_positions, write_trajectories
from thermolatent.systems.bonds import complete_bonds, molecules_of
from thermolatent.systems.frame_checks import Molecules, check_frames

BOX = 2.2


def frames(n=10, cell=None):
    topology, positions = alanine_dipeptide(frames=20)
    part = mdtraj.Trajectory(positions[:n].copy(), topology)
    if cell is not None:
        part.unitcell_lengths, part.unitcell_angles = np.full((n, 3), cell), np.full((n, 3), 90.0)
    return part


def checked(part, first=0, stride=1):
    return check_frames(Molecules.of(part.topology, False), "a.xtc", first, part, stride)


def wrapped(xyz, box):
    """Each atom in the box by itself, as MD programs write it; box vectors ``(3, 3)`` in rows."""
    inside = np.mod(xyz @ np.linalg.inv(box), 1.0) @ box
    assert np.abs(inside - xyz).max() > 0.5
    return inside.astype(np.float32)


def spoilt(part, what, frame=7):
    x = part.xyz
    if what == "nan":
        x[frame, 3, 1] = np.nan
    elif what == "zero":
        x[frame] = 0
    elif what == "far":
        x[frame, 5, 2] = 2e7
    elif what == "exploded":
        x[frame] *= 60
    elif what == "cut":
        x[frame, 12:] += [BOX, 0, 0]
    elif what == "collapsed":
        x[frame, 1] = x[frame, 0]
    return part


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nan", "its positions are not finite numbers"),
        ("zero", "all coordinates are 0; leave this frame out"),
        ("far", r"a coordinate is 2e\+07 nm; the simulation has exploded, or the file is damaged"),
        (
            "exploded",
            r"its bond .* nm long, as most are, so system\.topology is of another molecule .*or the frame has exploded",
        ),
        (
            "cut",
            r"its bond .* nm long, so the periodic box has cut the molecule, and the file does not say the box; .*-pbc whole",
        ),
        ("collapsed", "ACE1-H1 and ACE1-CH3 lie on each other; leave this frame out"),
    ],
)
def test_a_bad_frame_is_named_with_its_number_and_file(what, words):
    with pytest.raises(ArtifactError, match=r"^a\.xtc: frame 107 \(from 0\): " + words) as error:
        checked(spoilt(frames(), what), first=100)
    assert "\n" not in str(error.value)
    with pytest.raises(ArtifactError, match=r"frame 135 \(from 0\)"):
        checked(spoilt(frames(), what), first=100, stride=5)


def test_sound_frames_are_left_as_they_are():
    part = frames(cell=BOX)
    before = part.xyz.copy()
    np.testing.assert_array_equal(checked(part).xyz, before)


def test_another_molecules_frames_are_refused_also_with_a_box():
    part = frames(cell=BOX)
    part.xyz = part.xyz[:, np.random.default_rng(0).permutation(22)] * 3
    with pytest.raises(ArtifactError, match=r"frame 0 .*so system\.topology is of another molecule"):
        checked(part)


@pytest.mark.parametrize("angles", [(90, 90, 90), (60, 60, 90), (70.5, 109.5, 70.5)])
def test_a_box_is_undone_in_every_frame(angles):
    part = frames(20, cell=BOX)
    part.unitcell_angles = np.tile(angles, (20, 1)).astype(float)
    expected = mdtraj.compute_distances(part, part.topology.select_pairs("all", "all"), periodic=False)
    phi = mdtraj.compute_phi(part, periodic=False)[1]
    part.xyz = wrapped(part.xyz + np.random.default_rng(1).uniform(0, BOX, (20, 1, 3)), part.unitcell_vectors[0])
    part = checked(part)
    found = mdtraj.compute_distances(part, part.topology.select_pairs("all", "all"), periodic=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.exp(1j * mdtraj.compute_phi(part, periodic=False)[1]), np.exp(1j * phi), atol=1e-3)


def test_hydrogens_before_their_carbon_are_made_whole_too():
    """The order of atoms in which following bonds by their numbers moves the carbon twice."""
    topology = mdtraj.Topology()
    residue = topology.add_residue("LIG", topology.add_chain())
    atoms = [topology.add_atom(n, mdtraj.element.get_by_symbol(n[0]), residue) for n in ("H1", "H2", "C1")]
    topology.add_bond(atoms[0], atoms[2])
    topology.add_bond(atoms[1], atoms[2])
    whole = np.array([[[0.1, 0, 0], [-0.1, 0, 0], [0, 0.04, 0]]], np.float32)
    part = mdtraj.Trajectory(np.mod(whole, BOX), topology)
    part.unitcell_lengths, part.unitcell_angles = np.full((1, 3), BOX), np.full((1, 3), 90.0)
    x = checked(part).xyz[0]
    np.testing.assert_allclose(x - x[0], whole[0] - whole[0, 0], atol=1e-6)


def test_cells_that_some_frames_lack_are_refused_and_cells_of_no_volume_are_none():
    part = frames(cell=BOX)
    part.unitcell_lengths[4] = 0
    with pytest.raises(ArtifactError, match=r"a\.xtc: frame 4 \(from 0\): has no unit cell, others have"):
        checked(part)
    part.unitcell_lengths[:] = 0
    assert checked(part).unitcell_lengths is None


def pair_of_rods(box=4.2):
    """A rod of 31 carbons, 3 nm long, and a pair of atoms 0.4 nm from its end, in a box: (topology, whole positions)."""
    topology = mdtraj.Topology()
    for name, n in (("ROD", 31), ("LIG", 2)):
        residue = topology.add_residue(name, topology.add_chain())
        atoms = [topology.add_atom(f"C{i}", mdtraj.element.carbon, residue) for i in range(n)]
        for first, second in itertools.pairwise(atoms):
            topology.add_bond(first, second)
    rod = np.stack([np.linspace(0, 3, 31), np.zeros(31), np.zeros(31)], axis=1)
    ligand = np.array([[3.4, 0, 0], [3.5, 0.1, 0]])
    return topology, np.concatenate([rod, ligand])[None].astype(np.float32)


def test_a_second_molecule_is_beside_the_nearest_atom_not_the_centre():
    topology, whole = pair_of_rods()
    part = mdtraj.Trajectory(np.repeat(whole, 3, axis=0), topology)
    part.unitcell_lengths, part.unitcell_angles = np.full((3, 3), 4.2), np.full((3, 3), 90.0)
    part.xyz[1, 31:] -= [4.2, 0, 0]  # nearer to the rod's centre, and 0.7 nm from its begin
    part.xyz[2, 31:] += [8.4, -4.2, 4.2]
    x = checked(part).xyz
    np.testing.assert_allclose(x, np.repeat(whole, 3, axis=0), atol=1e-5)


def test_three_molecules_are_joined_along_their_contacts():
    """C touches B, B touches A: C goes where B is, although an image of it is nearer to A than that."""
    topology = mdtraj.Topology()
    for name in "ABC":
        residue = topology.add_residue(f"L{name}", topology.add_chain())
        atoms = [topology.add_atom(f"C{i}", mdtraj.element.carbon, residue) for i in range(2)]
        topology.add_bond(*atoms)
    at = np.array([0, 0.15, 0.7, 0.85, 1.3, 1.45])  # in a box of 2 nm, C's image is 0.55 nm from A
    whole = np.stack([at, np.zeros(6), np.zeros(6)], axis=1)[None].astype(np.float32)
    whole[0, 2:, 0] -= 0.1
    part = mdtraj.Trajectory(whole.copy(), topology)
    part.unitcell_lengths, part.unitcell_angles = np.full((1, 3), 2.0), np.full((1, 3), 90.0)
    part.xyz[0, 2:4] += [2, 0, -2]
    part.xyz[0, 4:] -= [0, 4, 0]
    x = checked(part).xyz
    np.testing.assert_allclose(x - x[:, :1], whole - whole[:, :1], atol=1e-5)


def unknown_residues(topology):
    """The same atoms in residues that no template knows, without bonds."""
    made = mdtraj.Topology()
    chain = made.add_chain("A")
    for residue in topology.residues:
        copied = made.add_residue(f"X{residue.name[:2]}", chain, residue.resSeq)
        for atom in residue.atoms:
            made.add_atom(atom.name, atom.element, copied)
    return made


def test_bonds_of_unknown_residues_are_found_by_distance():
    part = frames(1)
    made = mdtraj.Trajectory(part.xyz, unknown_residues(part.topology))
    complete_bonds("top.pdb", made, True)
    bonds = [{frozenset((a.index, b.index)) for a, b in t.bonds} for t in (made.topology, part.topology)]
    assert bonds[0] == bonds[1]
    assert set(molecules_of(made.topology)) == {0}
    made = mdtraj.Trajectory(part.xyz, unknown_residues(part.topology))
    made.xyz[0, 5] += 1
    with pytest.raises(
        ThermolatentError, match=r"top\.pdb says no bonds of XAC1-O, .*; write CONECT records, or a psf or prmtop"
    ):
        complete_bonds("top.pdb", made, True)


def test_chains_of_c_alpha_atoms_hold_together():
    topology = mdtraj.Topology()
    chain = topology.add_chain("A")
    for i in range(6):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain, resSeq=i + 1))
    whole = np.stack([0.38 * np.arange(6), np.zeros(6), np.zeros(6)], axis=1)[None].astype(np.float32)
    part = mdtraj.Trajectory(whole.copy(), topology)
    complete_bonds("top.pdb", part, True)
    assert topology.n_bonds == 5
    part.unitcell_lengths, part.unitcell_angles = np.full((1, 3), 2.5), np.full((1, 3), 90.0)
    part.xyz = np.mod(whole + 1, 2.5)
    x = checked(part).xyz
    np.testing.assert_allclose(x - x[:, :1], whole, atol=1e-6)


@pytest.mark.parametrize("angles", [(90, 90, 90), (60, 60, 90), (70.5, 109.5, 70.5)])
def test_boxes_of_trajectories_are_read_as_they_were_written(angles, tmp_path):
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(5, 2, 4, 3)).astype(np.float32)
    cells = np.concatenate([rng.uniform(30, 50, (5, 2, 3)), np.broadcast_to(angles, (5, 2, 3))], axis=2)
    paths = [str(tmp_path / f"{i}.dcd") for i in range(2)]
    write_trajectories(paths, positions, 1, 2.0, cells=cells)
    for walker, path in enumerate(paths):
        expected = mdtraj.Trajectory(positions[:, walker] / 10, None)
        expected.unitcell_lengths, expected.unitcell_angles = cells[:, walker, :3] / 10, cells[:, walker, 3:]
        np.testing.assert_allclose(read_boxes(path), expected.unitcell_vectors, atol=1e-5)
        ours = box_vectors(cells[:, walker, :3] / 10, np.cos(np.radians(cells[:, walker, 3:])))
        np.testing.assert_allclose(ours, expected.unitcell_vectors, atol=1e-5)
        (_, read), *_ = stream_positions(path, 5, 4)
        np.testing.assert_allclose(read, positions[:, walker] / 10, rtol=1e-6)
    write_trajectories(paths, positions, 1, 2.0)
    assert read_boxes(paths[0]) is None
