"""Torsions: mdtraj's values under readable names, sin and cos or angles, and a clear word where there are none."""

from pathlib import Path

import mdtraj
import numpy as np
import pdbfixer
import pytest
from molecules_for_tests import alanine_dipeptide, bases, chain, rotation
from pydantic import ValidationError

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Particles
from thermolatent.featurize.settings import Featurize
from thermolatent.featurize.torsions import BackboneTorsions, SideChainTorsions, Torsions


def test_phi_and_psi_of_alanine_dipeptide_in_one_word():
    topology, positions = alanine_dipeptide()
    trajectory = mdtraj.Trajectory(positions, topology)
    expected = np.concatenate([mdtraj.compute_phi(trajectory)[1], mdtraj.compute_psi(trajectory)[1]], axis=1)
    assert np.ptp(expected, axis=0) == pytest.approx(2 * np.pi, rel=0.2)  # the turns reach all around
    written = Featurize(features=["backbone_torsions"], plane=[{"kind": "backbone_torsions", "form": "angle"}])
    plane = written.plane[0].on(topology)
    assert plane.names == ["phi ALA2", "psi ALA2"]
    assert plane.periodic == (True, True)
    np.testing.assert_allclose(plane.compute(positions), expected, atol=1e-5)
    features = written.features[0].on(topology)
    assert features.names == ["sin phi ALA2", "cos phi ALA2", "sin psi ALA2", "cos psi ALA2"]
    assert features.periodic == (False,) * 4
    turns = features.compute(positions)
    np.testing.assert_allclose(np.arctan2(turns[:, ::2], turns[:, 1::2]), expected, atol=1e-5)


@pytest.mark.parametrize("angle", [-3.0, -np.pi / 2, 0.2, 1.0, np.pi / 2])
def test_four_atoms_turned_by_a_known_angle(angle):
    """IUPAC: looking along the central bond, a clockwise turn of the far bond is positive."""
    topology = chain(1)
    x = np.zeros((1, 5, 3))
    x[0, :4] = [[0.1, 0, -0.1], [0, 0, 0], [0, 0, 0.15], [0.1 * np.cos(angle), 0.1 * np.sin(angle), 0.2]]
    for atoms in ((0, 1, 2, 3), ("GLY1-N", "GLY1-CA", "GLY1-C", 3)):
        found = Torsions(atoms=[atoms], form="angle").on(topology)
        assert found.names == ["t(GLY1-N,GLY1-CA,GLY1-C,GLY1-O)"]
        np.testing.assert_allclose(found.compute(x)[0, 0], angle, atol=1e-6)


def test_turning_and_moving_a_molecule_changes_nothing():
    topology, positions = alanine_dipeptide()
    columns = Torsions(of=["psi", "phi"], atoms=[[4, 6, 8, 10]]).on(topology)
    assert columns.names[:2] == ["sin psi ALA2", "cos psi ALA2"]
    moved = positions @ rotation([1, 2, 3], 0.7).T + [3.0, -2.0, 1.0]
    np.testing.assert_allclose(columns.compute(moved), columns.compute(positions), atol=2e-4)
    assert not np.allclose(columns.compute(positions * [1, 1, -1]), columns.compute(positions), atol=0.1)


def test_residues_are_chosen_by_selection():
    topology = chain(5)
    assert Torsions(of=["omega"], form="angle").on(topology).names == [f"omega GLY{i}" for i in range(1, 5)]
    chosen = Torsions(of=["phi"], residues="resSeq 3 to 4", form="angle").on(topology)
    assert chosen.names == ["phi GLY3", "phi GLY4"]
    two = chain(2, chains=2)
    assert Torsions(of=["psi"], form="angle").on(two).names == ["psi GLY1:A", "psi GLY1:B"]


def test_torsions_of_nucleic_acids_follow_the_backbone():
    topology = mdtraj.Topology()
    where = topology.add_chain()
    names = ("P", "O5'", "C5'", "C4'", "C3'", "O3'", "O4'", "C1'", "N1", "C2")
    for i in range(2):
        residue = topology.add_residue("C", where, resSeq=i + 1)
        for name in names:
            topology.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    found = BackboneTorsions(form="angle").on(topology).names
    assert found == [
        *("alpha C2", "beta C1", "beta C2", "gamma C1", "gamma C2", "delta C1", "delta C2", "epsilon C1", "zeta C1")
    ]
    x = np.random.default_rng(1).normal(size=(3, 20, 3))
    zeta = Torsions(of=["zeta"], form="angle").on(topology).compute(x)
    expected = mdtraj.compute_dihedrals(mdtraj.Trajectory(x, topology), [[4, 5, 10, 11]])
    np.testing.assert_allclose(zeta, expected, atol=1e-5)
    assert SideChainTorsions(form="angle").on(topology).names == ["chi C1", "chi C2"]


#: Some by IUPAC's rule: along the chain, to the atom of the lower number where it branches.
CHI = {
    "chi1 VAL": "N CA CB CG1", "chi1 ILE": "N CA CB CG1", "chi2 ILE": "CA CB CG1 CD1", "chi1 THR": "N CA CB OG1",
    "chi1 SER": "N CA CB OG", "chi1 CYS": "N CA CB SG", "chi2 TRP": "CA CB CG CD1", "chi2 ASP": "CA CB CG OD1",
    "chi3 GLU": "CB CG CD OE1", "chi3 MET": "CB CG SD CE", "chi4 LYS": "CG CD CE NZ", "chi4 ARG": "CG CD NE CZ",
    "chi5 ARG": "CD NE CZ NH1", "chi2 HIS": "CA CB CG ND1", "chi2 LEU": "CA CB CG CD1", "chi2 PRO": "CA CB CG CD",
}  # fmt: skip


def test_torsions_of_side_chains_are_between_the_atoms_they_should():
    topology = mdtraj.Topology()
    where = topology.add_chain()
    for number, residue in enumerate(("GLY", *dict.fromkeys(key.split()[1] for key in CHI), "ALA"), start=1):
        template = Path(pdbfixer.__file__).with_name("templates") / f"{residue}.pdb"
        added = topology.add_residue(residue, where, resSeq=number)
        for atom in mdtraj.load(template).topology.atoms:
            topology.add_atom(atom.name, atom.element, added)
    x = np.random.default_rng(5).normal(size=(2, topology.n_atoms, 3)).astype(np.float32)
    found = SideChainTorsions(form="angle").on(topology)
    values = dict(zip((name.rstrip("0123456789") for name in found.names), found.compute(x).T, strict=True))
    for label, names in CHI.items():
        index = {a.name: a.index for a in topology.atoms if a.residue.name == label.split()[1]}
        expected = mdtraj.compute_dihedrals(mdtraj.Trajectory(x, topology), [[index[n] for n in names.split()]])[:, 0]
        np.testing.assert_allclose(values[label], expected, atol=1e-5, err_msg=label)
    assert not [name for name in found.names if "GLY" in name or "ALA" in name]


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Torsions(of=["chi1"]), ["has no chi1", "it has phi, psi"]),
        (Torsions(of=["phi"], residues="resSeq 3"), ["no phi in residues 'resSeq 3'"]),
        (Torsions(of=["phi"], residues="resSeq 9"), ["torsions.residues", "selects no atom", "ACE1, ALA2, NME3"]),
        (Torsions(of=["phi"], residues="resseq of 2"), ["torsions.residues", "not an mdtraj selection"]),
        (Torsions(atoms=[["ALA2-CA", "ALA2-XX", 3, 4]]), ["0 atoms are called 'ALA2-XX'"]),
        (Torsions(atoms=[[0, 1, 2, 22]]), ["22 is not from 0 to 21"]),
    ],
)
def test_what_a_molecule_does_not_have_is_said_in_one_line(feature, words):
    with pytest.raises(ThermolatentError) as caught:
        feature.on(alanine_dipeptide()[0])
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_bare_particles_and_unknown_names():
    with pytest.raises(ThermolatentError, match="is for molecules"):
        BackboneTorsions().on(Particles(7))
    with pytest.raises(ThermolatentError, match="has no phi, psi; it has no named torsion"):
        BackboneTorsions().on(bases("AU"))
    with pytest.raises(ValidationError, match="there is no torsion 'fi'; write some of phi, psi"):
        Torsions(of=["fi"])
    with pytest.raises(ValidationError, match="of: is missing"):
        Torsions()
