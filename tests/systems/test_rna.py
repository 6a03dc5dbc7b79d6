"""RNA from its sequence: an A-form strand, and a hairpin whose folded start the project has built."""

import itertools

import mdtraj
import numpy as np
import pytest
from openmm import app

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.nucleic import BasePairs, Ermsd
from thermolatent.systems.force_fields import DATA
from thermolatent.systems.rna import Rna
from thermolatent.systems.rna_tetraloop import RnaTetraloop
from thermolatent.systems.strand import heavy_strand

STEM = ((1, 10), (2, 9), (3, 8))
#: Centres of D-ribose: three neighbours by rank, and whether they run counter-clockwise (S) seen against the hydrogen.
CENTRES = {
    "C1'": (("O4'", "N", "C2'"), False),
    "C2'": (("O2'", "C1'", "C3'"), False),
    "C3'": (("O3'", "C4'", "C2'"), True),
    "C4'": (("O4'", "C3'", "C5'"), False),
}


@pytest.fixture(scope="module")
def tetraloop():
    return RnaTetraloop(solvent="implicit", salt=1.0)


def named(topology, positions):
    return {(a.residue.index + 1, a.name): positions[a.index] for a in topology.atoms()}


def torsion(*points):
    a, b, c, d = np.array(points)
    first, second = np.cross(b - a, c - b), np.cross(c - b, d - c)
    return np.degrees(np.arctan2(np.cross(first, second) @ (c - b) / np.linalg.norm(c - b), first @ second))


def test_the_strand_is_an_a_form_helix():
    """32.7 degrees and 0.281 nm a residue, and 0.58 nm from phosphorus to phosphorus."""
    topology, positions = heavy_strand("GGCGCAAGCC")
    at = named(topology, positions)
    for i in range(2, 10):
        here, there = (np.array([at[k, name] for name in ("P", "C4'", "C1'", "O3'", "C3'")]) for k in (i, i + 1))
        u, _, v = np.linalg.svd((here - here.mean(0)).T @ (there - there.mean(0)))
        turn = v.T @ np.diag([1, 1, np.linalg.det(v.T @ u.T)]) @ u.T
        axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
        twist = np.arcsin(np.linalg.norm(axis) / 2)
        assert np.degrees(twist) == pytest.approx(32.7, abs=1.0)
        assert axis / np.linalg.norm(axis) @ (there - here).mean(0) == pytest.approx(0.281, abs=0.02)
        assert np.linalg.norm(at[i, "P"] - at[i + 1, "P"]) == pytest.approx(0.58, abs=0.02)


def test_the_hairpin_has_its_atoms_in_one_order(tetraloop):
    assert tetraloop.n_particles == 325
    assert list(tetraloop.starts()) == ["folded", "extended"]
    shipped = app.PDBFile(str(DATA / "rna_tetraloop_folded.pdb")).topology
    names = [[(a.residue.index, a.name) for a in t.atoms()] for t in (shipped, tetraloop.topology())]
    assert names[0] == names[1]
    assert [r.name for r in shipped.residues()] == list("GGCGCAAGCC")


@pytest.mark.parametrize("start", ["folded", "extended"])
def test_sugars_are_d_ribose_and_c3_endo_and_bases_anti(start, tetraloop):
    at = named(tetraloop.topology(), tetraloop.starts()[start])
    for i in range(1, 11):
        nitrogen = "N9" if (i, "N9") in at else "N1"
        for centre, (neighbours, counter_clockwise) in CENTRES.items():
            spokes = [at[i, nitrogen if n == "N" else n] - at[i, centre] for n in neighbours]
            assert (np.linalg.det(spokes) > 0) == counter_clockwise, (i, centre)
        assert abs(torsion(*(at[i, n] for n in ("O4'", "C1'", nitrogen, "C4" if nitrogen == "N9" else "C2")))) > 120
        if (start, i) != ("folded", 5):  # after the turn of the chain
            assert 60 < torsion(*(at[i, n] for n in ("C5'", "C4'", "C3'", "O3'"))) < 100
            assert 40 < torsion(*(at[i, n] for n in ("O5'", "C5'", "C4'", "C3'"))) < 80


@pytest.mark.parametrize("start", ["folded", "extended"])
def test_nothing_clashes_and_every_bond_has_its_length(start, tetraloop):
    topology = mdtraj.Topology.from_openmm(tetraloop.topology())
    frame = mdtraj.Trajectory(tetraloop.starts()[start], topology)
    bonded = [tuple(sorted((a.index, b.index))) for a, b in topology.bonds]
    assert len(bonded) == 325 - 1 + 6 * 2 + 4 + 10  # rings of purines, pyrimidines and sugars
    lengths = mdtraj.compute_distances(frame, bonded)
    assert 0.09 < lengths.min() < lengths.max() < 0.17
    heavy = topology.select("element != H")
    apart = [p for p in itertools.combinations(heavy, 2) if p not in set(bonded)]
    assert mdtraj.compute_distances(frame, apart).min() > 0.2


def test_folded_has_its_stem_and_its_sheared_pair_and_extended_has_none(tetraloop):
    topology = mdtraj.Topology.from_openmm(tetraloop.topology())
    pairs, every = BasePairs(pairs=STEM).on(topology), BasePairs().on(topology)
    folded, extended = (tetraloop.starts()[name][None] for name in ("folded", "extended"))
    assert (pairs.compute(folded) > 0.8).all()
    assert (every.compute(extended) < 0.05).all()
    at = named(tetraloop.topology(), folded[0])
    for guanine, cytosine in ((1, 10), (2, 9), (8, 3)):
        for donor, acceptor in (("N1", "N3"), ("O6", "N4"), ("N2", "O2")):
            assert np.linalg.norm(at[guanine, donor] - at[cytosine, acceptor]) < 0.33
    assert np.linalg.norm(at[4, "N2"] - at[7, "N7"]) < 0.35
    topology.start = folded[0].astype(np.float32)
    ermsd = Ermsd().on(topology)
    assert ermsd.compute(folded) == pytest.approx(0, abs=1e-3)
    assert ermsd.compute(extended) > 1.0


def test_charges_and_salt():
    """Three residues have two phosphates; 1 M in about so many waters."""
    built = Rna(sequence="gca", solvent="explicit", cation="K+", salt=1.0, cutoff=0.7, box=2.4).built
    names = [residue.name for residue in built.topology.residues()]
    pairs = round((names.count("HOH") + names.count("K") + names.count("CL") - 2) / 55.4)
    assert names.count("CL") == pairs > 0
    assert names.count("K") == pairs + 2


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"sequence": "GGT"}, "unknown base 'T'; known: A, C, G, U; T is DNA's, write U"),
        ({"sequence": "GXC"}, "unknown base 'X'; known: A, C, G, U"),
        ({"sequence": "g"}, "fewer than two bases"),
        (
            {"sequence": "gc", "force_field": "amber99sb"},
            "force_field: amber99sb cannot build RNA; write amber14 or amber19",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(keys, words):
    with pytest.raises((ValueError, ThermolatentError), match=words):
        Rna(**keys)


def test_small_letters_are_capital_ones():
    assert Rna(sequence="gcAU").letters == "GCAU"
    assert RnaTetraloop().surroundings == "explicit"
    assert RnaTetraloop().cation == "K+"
