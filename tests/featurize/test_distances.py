"""Distances and contacts against closed forms and mdtraj's own."""

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide, chain, rotation

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Particles
from thermolatent.featurize.distances import CaDistances, Contacts, Distances, EndToEnd

RNG = np.random.default_rng(3)


def spread(residues, step):
    """Chain of glycines with its C-alpha atoms in a row, ``step`` nm apart, everything else near them: (topology, x)."""
    topology = chain(residues)
    near = np.array([[0, 0.1, 0], [0, 0, 0], [0, -0.1, 0], [0, -0.1, 0.12], [0, 0.19, 0.05]])
    x = np.concatenate([near + np.array([i * step, 0, 0]) for i in range(residues)])[None]
    return topology, x


def test_ca_distances_of_a_straight_chain():
    topology, x = spread(6, 0.38)
    found = CaDistances().on(topology)
    assert found.names == ["d(CA1,CA4)", "d(CA1,CA5)", "d(CA1,CA6)", "d(CA2,CA5)", "d(CA2,CA6)", "d(CA3,CA6)"]
    np.testing.assert_allclose(found.compute(x)[0], 0.38 * np.array([3, 4, 5, 3, 4, 3]), rtol=1e-6)
    assert not any(found.periodic)
    assert CaDistances(min_separation=5).on(topology).names == ["d(CA1,CA6)"]
    assert CaDistances(min_separation=1, residues="resSeq 2 to 4").on(topology).names == [
        *("d(CA2,CA3)", "d(CA2,CA4)", "d(CA3,CA4)")
    ]
    assert "d(CA1:A,CA1:B)" in CaDistances().on(chain(3, chains=2)).names
    np.testing.assert_allclose(EndToEnd().on(topology).compute(x), [[5 * 0.38]], rtol=1e-6)


def test_a_calcium_ion_is_no_c_alpha():
    topology, _ = spread(5, 0.38)
    ion = topology.add_residue("CA", topology.add_chain())
    topology.add_atom("CA", mdtraj.element.calcium, ion)
    assert all(":B" not in name for name in CaDistances().on(topology).names)


def test_distances_between_selections():
    topology, positions = alanine_dipeptide()
    found = Distances(pairs=[["name CH3", "resname NME and name N"], ["name CA", "name O"]]).on(topology)
    assert found.names == ["d(ACE1-CH3,NME3-N)", "d(ALA2-CA,ACE1-O)", "d(ALA2-CA,ALA2-O)"]
    heavy = Distances(pairs=[["not element H", "not element H"]]).on(topology)
    assert len(heavy.names) == 10 * 9 // 2  # each pair once
    index = {str(atom): atom.index for atom in topology.atoms}
    first, second = positions[:, index["ACE1-CH3"]], positions[:, index["NME3-N"]]
    np.testing.assert_allclose(found.compute(positions)[:, 0], np.linalg.norm(first - second, axis=1), rtol=1e-5)


def test_contacts_are_of_the_closest_heavy_atoms():
    topology = chain(7)
    x = RNG.normal(0, 0.5, (9, topology.n_atoms, 3))
    found = Contacts().on(topology)
    assert found.names[:2] == ["d(GLY1,GLY4)", "d(GLY1,GLY5)"]
    heavy = [[a.index for a in r.atoms if a.element.symbol != "H"] for r in topology.residues]
    expected = [
        np.linalg.norm(x[:, heavy[i]][:, :, None] - x[:, heavy[j]][:, None], axis=-1).min(axis=(1, 2))
        for i in range(7)
        for j in range(i + 3, 7)
    ]
    np.testing.assert_allclose(found.compute(x), np.stack(expected, axis=1), rtol=1e-5)
    smooth = Contacts(form="smooth", r0=0.5).on(topology)
    assert smooth.names[0] == "contact(GLY1,GLY4)"
    np.testing.assert_allclose(smooth.compute(x), 1 / (1 + (np.stack(expected, axis=1) / 0.5) ** 6), rtol=1e-4)


def test_blocks_do_not_show(monkeypatch):
    topology = chain(7)
    x = RNG.normal(0, 0.5, (9, topology.n_atoms, 3))
    whole = Contacts().on(topology).compute(x)
    monkeypatch.setattr("thermolatent.featurize.molecular._BLOCK_VALUES", 500)
    np.testing.assert_array_equal(Contacts().on(topology).compute(x), whole)
    assert Contacts().on(topology).compute(x[:0]).shape == (0, whole.shape[1])


@pytest.mark.parametrize("feature", [CaDistances(), Contacts(), Contacts(form="smooth"), EndToEnd()])
def test_turning_moving_and_mirroring_changes_nothing(feature):
    topology = chain(7)
    x = RNG.normal(0, 0.5, (9, topology.n_atoms, 3))
    columns = feature.on(topology)
    assert len(columns.names) == len(columns.periodic) == columns.compute(x).shape[1]
    for moved in (x @ rotation([1, 2, 3], 0.7).T + [3.0, -2.0, 1.0], -x):
        np.testing.assert_allclose(columns.compute(moved), columns.compute(x), atol=1e-5)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (CaDistances(), "none of 1 C-alpha atoms are 3 residues apart"),
        (Contacts(), "none of 3 residues are 3 apart"),
        (EndToEnd(), "fewer than two C-alpha or C1' atoms"),
        (Distances(pairs=[["name CA", "name XX"]]), "distances.pairs: 'name XX' selects no atom"),
        (Distances(pairs=[["name CA", "name CA"]]), "one and the same atom"),
    ],
)
def test_what_a_molecule_does_not_have_is_said_in_one_line(feature, words):
    with pytest.raises(ThermolatentError, match=words):
        feature.on(alanine_dipeptide()[0])
    with pytest.raises(ThermolatentError, match="is for molecules"):
        feature.on(Particles(7))
