"""Distances between molecules are those of the nearest images, atom by atom; those in a molecule are as they are."""

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import RING, base, bases, chain

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import columns_on
from thermolatent.featurize.distances import CaDistances, Contacts, Distances, switched
from thermolatent.featurize.nucleic import BasePairs
from thermolatent.featurize.shape import NativeContacts

BOX = np.diag([3.0, 3.0, 3.0])[None].astype(np.float32)


def two_strands(shift, residues=6):
    """Two chains of glycines, each straight and 2 nm long, ``shift`` (nm) apart along y: (topology, positions)."""
    topology = chain(residues, chains=2)
    topology.molecules = [atom.residue.chain.index for atom in topology.atoms]
    near = np.array([[0, 0.1, 0], [0, 0, 0], [0, -0.1, 0], [0, -0.1, 0.12], [0, 0.19, 0.05]])
    one = np.concatenate([near + np.array([0.4 * i, 0, 0]) for i in range(residues)])
    return topology, np.concatenate([one, one + np.array([0, shift, 0])])[None].astype(np.float32)


def test_a_distance_between_molecules_is_to_the_nearest_image():
    topology, x = two_strands(2.6)
    feature = CaDistances(min_separation=5).on(topology)
    plain, boxed = (dict(zip(feature.names, feature.of(x, box)[0], strict=True)) for box in (None, BOX))
    assert plain["d(CA1:A,CA1:B)"] == pytest.approx(2.6)
    assert boxed["d(CA1:A,CA1:B)"] == pytest.approx(0.4)
    assert boxed["d(CA1:A,CA6:B)"] == pytest.approx(np.hypot(1.0, 0.4), rel=1e-6)  # 2 nm along x is 1 nm to the image
    assert boxed["d(CA1:A,CA6:A)"] == plain["d(CA1:A,CA6:A)"] == pytest.approx(2.0)


def test_boxes_go_frame_by_frame_through_several_features():
    topology, x = two_strands(2.6)
    pair = Distances(pairs=(("A:1 and name CA", "B:1 and name CA"),))
    boxes = np.concatenate([BOX, 0.9 * BOX, 2 * BOX])
    found = columns_on([pair, CaDistances(min_separation=5)], topology).of(np.repeat(x, 3, axis=0), boxes)
    np.testing.assert_allclose(found[:, 0], [0.4, 0.1, 2.6], atol=1e-6)


def test_contacts_between_molecules_are_to_the_nearest_image():
    topology, x = two_strands(2.6)
    names = Contacts().on(topology).names
    found = dict(zip(names, Contacts().on(topology).of(x, BOX)[0], strict=True))
    # C is 0.1 nm below, N 0.1 nm above; of the image that is 0.4 nm below, N is nearest to C
    assert found["d(GLY1:A,GLY1:B)"] == pytest.approx(0.2, abs=1e-6)
    assert found["d(GLY1:A,GLY6:A)"] == pytest.approx(2.0, abs=1e-6)
    smooth = Contacts(form="smooth").on(topology).of(x, BOX)[0]
    assert smooth[names.index("d(GLY1:A,GLY1:B)")] == pytest.approx(switched(0.2, 0.45), rel=1e-5)


def test_native_contacts_between_molecules_hold_across_the_box(tmp_path):
    topology, native = two_strands(0.4)
    mdtraj.Trajectory(native, topology).save_pdb(str(tmp_path / "native.pdb"))
    feature = NativeContacts(to=str(tmp_path / "native.pdb"), atoms="name CA").on(topology)
    assert feature.of(native)[0, 0] > 0.99
    across = native.copy()
    across[:, len(native[0]) // 2 :] += [0, -3, 0]
    assert feature.of(across)[0, 0] < 0.01
    assert feature.of(across, BOX)[0, 0] == pytest.approx(feature.of(native)[0, 0], abs=1e-5)


def duplex():
    """G 1 of chain A beside C 1 of chain B, 2.7 nm apart: (topology, positions)."""
    topology = mdtraj.Topology()
    for letter in "GC":
        residue = topology.add_residue(letter, topology.add_chain(), resSeq=1)
        for atom in bases(letter).atoms:
            topology.add_atom(atom.name, atom.element, residue)
    topology.molecules = [atom.residue.chain.index for atom in topology.atoms]
    x = np.concatenate([base("G", np.zeros(3), np.eye(3)), base("C", np.array([2.7, 0, 0]), np.eye(3))])
    return topology, x[None].astype(np.float32)


def test_base_pairs_by_chain_and_number_across_the_box():
    topology, x = duplex()
    with pytest.raises(
        ThermolatentError, match=r"base_pairs\.pairs: '1' is ambiguous: 1 is the number of 2 residues, A:1, B:1"
    ):
        BasePairs(pairs=((1, 1),)).on(topology)
    feature = BasePairs(pairs=(("A:1", "B:1"),), form="distance").on(topology)
    assert feature.names == ["d(G1:A,C1:B)"]
    n1, n3 = 1 + RING.index("N1"), topology.residue(0).n_atoms + 1 + RING.index("N3")
    apart = x[0, n3] - x[0, n1]
    assert feature.of(x)[0, 0] == pytest.approx(np.linalg.norm(apart), rel=1e-5)
    assert feature.of(x, BOX)[0, 0] == pytest.approx(np.linalg.norm(apart - 3 * np.round(apart / 3)), rel=1e-5)
    assert BasePairs(form="distance").on(topology).names == ["d(G1:A,C1:B)"]  # of two strands all that can pair
