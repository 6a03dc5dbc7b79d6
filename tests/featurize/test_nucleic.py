"""G-vectors, eRMSD and base pairs against geometry worked out by hand."""

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide, base, bases, rotation

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.nucleic import BasePairs, Ermsd, GVectors, base_letter

GAMMA = np.pi / 2.4


def structure(letters, places, turns=None):
    turns = turns or [np.eye(3)] * len(letters)
    return np.concatenate([base(b, p, t) for b, p, t in zip(letters, places, turns, strict=True)])[None]


def g(x, y, z):
    """G of a base that lies at (x, y, z) nm in another's frame."""
    scaled = np.array([x, y, z]) / [0.5, 0.5, 0.3]
    r = np.linalg.norm(scaled)
    return np.append(np.sin(GAMMA * r) * scaled / r, 1 + np.cos(GAMMA * r)) / GAMMA if r < 2.4 else np.zeros(4)


@pytest.mark.parametrize("letters", ["CU", "AG", "AU", "CG"])
def test_stacked_bases(letters):
    """One base right above the other, whichever they are: all frames have the same sense."""
    found = GVectors().on(bases(letters))
    first, second = (f"{letter}{i}" for i, letter in enumerate(letters, 1))
    assert found.names == [f"G{c}({a},{b})" for a, b in ((first, second), (second, first)) for c in "xyzw"]
    values = found.compute(structure(letters, [(0, 0, 0), (0, 0, 0.34)]))[0]
    np.testing.assert_allclose(values, [*g(0, 0, 0.34), *g(0, 0, -0.34)], atol=1e-5)
    shifted = found.compute(structure(letters, [(0, 0, 0), (0.2, 0.1, 0.3)]))[0]
    np.testing.assert_allclose(shifted, [*g(0.2, 0.1, 0.3), *g(-0.2, -0.1, -0.3)], atol=1e-5)


def test_a_turned_base_sees_the_other_in_its_own_frame():
    quarter = rotation([0, 0, 1], np.pi / 2)  # its x points along the other's y
    x = structure("CU", [(0, 0, 0), (0, 0.5, 0)], [np.eye(3), quarter])
    np.testing.assert_allclose(GVectors().on(bases("CU")).compute(x)[0], [*g(0, 0.5, 0), *g(-0.5, 0, 0)], atol=1e-5)


def test_far_bases_count_nothing_and_the_cutoff_is_smooth():
    found = GVectors().on(bases("CU"))
    at = lambda x: found.compute(structure("CU", [(0, 0, 0), (x, 0, 0)]))  # noqa: E731
    np.testing.assert_array_equal(at(1.2001), np.zeros((1, 8)))
    np.testing.assert_allclose(at(1.1999), 0, atol=1e-3)
    assert abs(at(0.6)).max() > 0.5


def test_ermsd_is_the_distance_of_g_vectors(tmp_path):
    topology = bases("CUA")
    native = structure("CUA", [(0, 0, 0), (0, 0, 0.34), (0.1, 0, 0.68)])
    mdtraj.Trajectory(native, topology).save_pdb(str(tmp_path / "native.pdb"))
    found = Ermsd(to=str(tmp_path / "native.pdb")).on(topology)
    assert found.names == ["eRMSD"]
    np.testing.assert_allclose(found.compute(native), 0, atol=5e-3)
    x = structure("CUA", [(0, 0, 0), (0, 0, 0.34), (5, 5, 5)])  # the third has left: its four vectors are lost
    lost = [g(0.1, 0, 0.68), g(-0.1, 0, -0.68), g(0.1, 0, 0.34), g(-0.1, 0, -0.34)]
    np.testing.assert_allclose(found.compute(x)[0, 0], np.sqrt(np.sum(np.square(lost)) / 3), rtol=3e-3)


@pytest.mark.parametrize(
    "make", [lambda to: GVectors(), lambda to: BasePairs(min_separation=1), lambda to: Ermsd(to=to)]
)
def test_turning_and_moving_changes_nothing(make, tmp_path):
    topology = bases("GACU")
    rng = np.random.default_rng(5)
    turns = [rotation(rng.normal(size=3), rng.uniform(0, 3)) for _ in range(4)]
    x = structure("GACU", rng.normal(0, 0.4, (4, 3)), turns)
    mdtraj.Trajectory(rng.normal(0, 0.3, x.shape), topology).save_pdb(str(tmp_path / "native.pdb"))
    columns = make(str(tmp_path / "native.pdb")).on(topology)
    moved = x @ rotation([3, 1, 2], 1.1).T + [1.0, 2.0, -3.0]
    assert len(columns.names) == columns.compute(x).shape[1]
    np.testing.assert_allclose(columns.compute(moved), columns.compute(x), atol=2e-5)


def test_base_pairs():
    letters = "GAAAC"
    topology = bases(letters)
    x = structure(letters, [(0, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0), (0, 0.6, 0)])
    n1 = next(a.index for a in topology.residue(0).atoms if a.name == "N1")
    n3 = next(a.index for a in topology.residue(4).atoms if a.name == "N3")
    r = np.linalg.norm(x[0, n1] - x[0, n3])
    found = BasePairs().on(topology)
    assert found.names == ["pair(G1,C5)"]
    np.testing.assert_allclose(found.compute(x), [[1 / (1 + (r / 0.4) ** 6)]], rtol=1e-4)
    distance = BasePairs(form="distance", pairs=[[1, 5]]).on(topology)
    assert distance.names == ["d(G1,C5)"]
    np.testing.assert_allclose(distance.compute(x), [[r]], rtol=1e-5)


def test_names_of_residues_in_the_usual_force_fields():
    for letter, names in {"G": ["G", "DG", "RG5", "GUA", "G3"], "U": ["U", "RU", "URA"], "C": ["DC3", "CYT"]}.items():
        for name in names:
            assert base_letter(mdtraj.core.topology.Residue(name, 0, None, 1)) == letter


def test_what_is_no_pair_and_no_nucleic_acid_is_refused(tmp_path):
    topology = bases("GAC")
    with pytest.raises(ThermolatentError, match="none of the bases GAC can pair 4 residues apart"):
        BasePairs().on(topology)
    with pytest.raises(ThermolatentError, match="1 and 2 are G and A, no Watson-Crick pair"):
        BasePairs(pairs=[[1, 2]]).on(topology)
    with pytest.raises(ThermolatentError, match="there is no residue 9; there are G1, A2, C3"):
        BasePairs(pairs=[[1, 9]]).on(topology)
    with pytest.raises(ThermolatentError, match=r"is for nucleic acids, the system has 0 bases \(residues ACE1, ALA2"):
        GVectors().on(alanine_dipeptide()[0])
    mdtraj.Trajectory(structure("GAU", np.eye(3)), bases("GAU")).save_pdb(str(tmp_path / "other.pdb"))
    with pytest.raises(ThermolatentError, match="has the bases GAU, the system has GAC"):
        Ermsd(to=str(tmp_path / "other.pdb")).on(topology)
