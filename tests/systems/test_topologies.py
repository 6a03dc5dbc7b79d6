"""Names and numbers are those of the user's files, chains are what bonds hold together, and every format is read."""

import gzip
import logging

import mdtraj
import numpy as np
import openmm as mm
import pytest
from molecules_for_tests import alanine_dipeptide
from openmm import app
from openmmtools import testsystems
from topologies_for_tests import renumbered, write_prmtop, write_psf

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.distances import CaDistances
from thermolatent.featurize.torsions import BackboneTorsions, Torsions
from thermolatent.simulate.topology import write_topology
from thermolatent.systems.prepared import Prepared
from thermolatent.systems.selection import find_residue, insertion_code, select
from thermolatent.systems.structure import Structure
from thermolatent.systems.topologies import load_topology, read_structure, split_chains
from thermolatent.systems.trajectories import Trajectories


def named(topology):
    return [(r.chain.chain_id, r.resSeq, insertion_code(r)) for r in topology.residues]


@pytest.fixture
def dipeptide(tmp_path):
    """A PDB of ACE-ALA-NME, an XTC of 20 frames, and what is in them."""
    topology, positions = alanine_dipeptide(frames=20)
    mdtraj.Trajectory(positions[:1], topology).save_pdb(str(tmp_path / "top.pdb"))
    mdtraj.Trajectory(positions, topology).save_xtc(str(tmp_path / "a.xtc"))
    return tmp_path, topology, positions


def trajectories(topology, folder, **keys):
    (folder / "a.xtc").touch()
    files = {300: [str(folder / "a.xtc")]}
    return Trajectories(topology=str(topology), files=files, frame_interval=1.0, **keys)


NUMBERS = [
    [("A", 2, ""), ("A", 3, ""), ("A", 4, "")],
    [("B", -1, ""), ("B", 0, ""), ("B", 1, "")],
    [("C", 52, ""), ("C", 52, "A"), ("C", 52, "B")],
    [("D", 9998, ""), ("D", 9999, ""), ("E", 1, "")],
]


@pytest.mark.parametrize("names", NUMBERS[:3])
def test_numbers_of_a_pdb_are_those_of_the_topology_that_is_written(names, dipeptide):
    folder, _, positions = dipeptide
    (folder / "mine.pdb").write_text(renumbered((folder / "top.pdb").read_text(), names))
    system = trajectories(folder / "mine.pdb", folder)
    assert named(system.all_atoms) == names
    write_topology(system, str(folder / "written.pdb"))
    written = load_topology(str(folder / "written.pdb"))
    assert named(written) == names
    np.testing.assert_allclose(written.start, positions[0], atol=1e-3)
    chain, number, code = names[1]
    torsion = Torsions(of=("phi",), residues=f"{chain}:{number}{code}", form="angle").on(written)
    assert torsion.names == [f"phi ALA{number}{code}"]
    heavy = trajectories(folder / "mine.pdb", folder, atoms="not element H")
    write_topology(heavy, str(folder / "heavy.pdb"))
    assert named(load_topology(str(folder / "heavy.pdb"))) == names


@pytest.mark.parametrize(
    ("selection", "residues"),
    [
        ("resSeq -1", [0]),
        ("resSeq -1 to 0", [0, 1]),
        ("residue 0 1", [1, 2]),
        ("B:0", [1]),
        ("B:-1-0", [0, 1]),
        ("not B:0", [0, 2]),
        ("B:-1 or B:1", [0, 2]),
        ("resSeq == 1", [2]),
    ],
)
def test_residues_as_people_write_them(selection, residues, dipeptide):
    folder, _, _ = dipeptide
    (folder / "mine.pdb").write_text(renumbered((folder / "top.pdb").read_text(), NUMBERS[1]))
    topology = trajectories(folder / "mine.pdb", folder).all_atoms
    atoms = select("torsions", "residues", topology, selection)
    assert sorted({topology.atom(i).residue.index for i in atoms}) == residues


def two_chains(ids=("A", "B"), numbers=(1, 1)):
    """Two alanine dipeptides, 0.8 nm apart, numbered from ``numbers``: (topology, positions ``(n, 3)`` nm)."""
    topology, positions = alanine_dipeptide(frames=20)
    both = topology.join(topology)
    for chain, name, first in zip(both.chains, ids, numbers, strict=True):
        chain.chain_id = name
        for i, residue in enumerate(chain.residues):
            residue.resSeq = first + i
    return both, np.concatenate([positions[0], positions[0] + [0.8, 0, 0]]).astype(np.float32)


def test_a_number_of_two_residues_is_refused():
    topology, _ = two_chains()
    for selection in ("resSeq 2", "name CA and resSeq 1 to 3"):
        with pytest.raises(
            ThermolatentError, match=r"d\.pairs: '.*' is ambiguous: 2 is .* A:2, B:2; write e\.g\. A:2, or"
        ):
            select("d", "pairs", topology, selection)
    assert len(select("d", "pairs", topology, "(A:2 or B:2) and name CA")) == 2
    assert len(select("d", "pairs", topology, "chainid 1 and resSeq 2")) == 10
    assert len(select("d", "pairs", topology, "not resSeq 2")) == 2 * 12
    with pytest.raises(ThermolatentError, match=r"there is no chain 'Z' .*there are A, B"):
        select("d", "pairs", topology, "Z:2")
    with pytest.raises(ThermolatentError, match=r"there is no residue A:9; there are ACE1:A, ALA2:A, NME3:A$"):
        select("d", "pairs", topology, "A:9")
    assert find_residue("x", topology.residues, "B:2").index == 4
    with pytest.raises(
        ThermolatentError, match=r"'2' is ambiguous: 2 is the number of 2 residues, A:2, B:2; write e\.g\. A:2$"
    ):
        find_residue("x", topology.residues, 2)
    with pytest.raises(ThermolatentError, match="'ALA' is not a residue; write a number like 4, or A:4"):
        find_residue("x", topology.residues, "ALA")


def test_atoms_of_torsions_by_chain_and_number():
    topology, positions = two_chains()
    atoms = tuple(f"B:{n}" for n in ("1-C", "2-N", "2-CA", "2-C"))
    found = Torsions(atoms=(atoms,), form="angle").on(topology)
    phi = Torsions(of=("phi",), residues="B:2", form="angle").on(topology)
    np.testing.assert_array_equal(found.compute(positions[None]), phi.compute(positions[None]))
    assert found.names == ["t(ACE1:B-C,ALA2:B-N,ALA2:B-CA,ALA2:B-C)"]


def test_mmcif_keeps_insertion_codes_and_chain_ids_of_two_letters(dipeptide):
    folder, topology, positions = dipeptide
    made = topology.to_openmm()
    for chain in made.chains():
        chain.id = "AA"
    for residue, (number, code) in zip(made.residues(), [("7", ""), ("7", "A"), ("8", "")], strict=True):
        residue.id, residue.insertionCode = number, code
    with open(folder / "x.cif", "w") as file:
        app.PDBxFile.writeFile(made, positions[0] * mm.unit.nanometer, file, keepIds=True)
    text = (folder / "x.cif").read_text()  # whose bonds name residues without their insertion codes
    (folder / "x.cif").write_text(text[: text.index("loop_\n_struct_conn.")] + text[text.index("loop_\n_atom_site.") :])
    system = trajectories(folder / "x.cif", folder)
    assert named(system.all_atoms) == [("AA", 7, ""), ("AA", 7, "A"), ("AA", 8, "")]
    write_topology(system, str(folder / "written.pdb"))
    written = load_topology(str(folder / "written.pdb"))
    assert [(r.resSeq, insertion_code(r)) for r in written.residues] == [(7, ""), (7, "A"), (8, "")]
    assert len(select("x", "y", written, "AA:7A")) == 10


def test_a_prmtop_counts_from_one_or_as_it_says(dipeptide):
    folder, topology, _ = dipeptide
    plain = trajectories(write_prmtop(folder / "a.prmtop", topology), folder)
    assert named(plain.all_atoms) == [("A", 1, ""), ("A", 2, ""), ("A", 3, "")]
    told = write_prmtop(
        folder / "b.prmtop",
        topology,
        RESIDUE_NUMBER=[16, 16, 17],
        RESIDUE_ICODE=["", "A", ""],
        RESIDUE_CHAINID=["H"] * 3,
    )
    assert named(trajectories(told, folder).all_atoms) == [("A", 16, ""), ("A", 16, "A"), ("A", 17, "")]


def test_chains_of_a_prmtop_are_what_bonds_hold_together(tmp_path):
    both, _ = two_chains()
    path = write_prmtop(tmp_path / "dimer.prmtop", both)
    assert mdtraj.load_topology(path).n_chains == 1
    topology = split_chains(read_structure(path)[0])
    assert [(r.chain.chain_id, r.resSeq) for r in topology.residues] == [
        *(("A", 1), ("A", 2), ("A", 3)),
        *(("B", 4), ("B", 5), ("B", 6)),
    ]
    assert topology.n_bonds == both.n_bonds
    torsions = BackboneTorsions(form="angle").on(topology).names
    assert torsions == ["phi ALA2:A", "phi ALA5:B", "psi ALA2:A", "psi ALA5:B"]
    assert CaDistances().on(topology).names == ["d(CA2:A,CA5:B)"]


def test_torsions_go_along_bonds_alone():
    """In one chain whose residues no bond joins there is no phi, although they follow one another."""
    topology, _ = alanine_dipeptide(frames=20)
    cut = topology.copy()
    cut._bonds = [b for b in cut.bonds if b[0].residue is b[1].residue]
    with pytest.raises(ThermolatentError, match="the molecule has no phi, psi; it has no named torsion"):
        BackboneTorsions().on(cut)


def two_alanines(apart):
    """Residues ALA 2 and ALA 3 of two molecules, in one chain without a line between them."""
    topology, positions = alanine_dipeptide(frames=20)
    atoms = topology.select("resname ALA")
    made, chain = mdtraj.Topology(), None
    for i in (2, 3):
        chain = chain or made.add_chain("A")
        residue = made.add_residue("ALA", chain, resSeq=i)
        for atom in (topology.atom(i) for i in atoms):
            made.add_atom(atom.name, atom.element, residue)
    return mdtraj.Trajectory(np.concatenate([positions[0, atoms], positions[0, atoms] + [apart, 0, 0]])[None], made)


def test_a_missing_ter_is_named(tmp_path):
    two_alanines(0.9).save_pdb(str(tmp_path / "top.pdb"))
    with pytest.raises(
        ThermolatentError, match=r"top\.pdb: ALA2 and ALA3 follow .* apart: a TER line or another chain id is"
    ) as e:
        trajectories(tmp_path / "top.pdb", tmp_path).all_atoms  # noqa: B018
    assert "\n" not in str(e.value)
    lines = (tmp_path / "top.pdb").read_text().splitlines(keepends=True)
    second = next(i for i, line in enumerate(lines) if line[17:26] == "ALA A   3")
    (tmp_path / "with.pdb").write_text("".join([*lines[:second], "TER\n", *lines[second:]]))
    found = trajectories(tmp_path / "with.pdb", tmp_path).all_atoms
    assert [(r.chain.index, r.resSeq) for r in found.residues] == [(0, 2), (1, 3)]


def test_a_gro_file_has_no_chains_and_is_split_aloud(tmp_path, caplog):
    two_alanines(0.9).save_gro(str(tmp_path / "top.gro"))
    with caplog.at_level(logging.WARNING):
        found = trajectories(tmp_path / "top.gro", tmp_path).all_atoms
    assert [(r.chain.chain_id, r.resSeq) for r in found.residues] == [("A", 2), ("B", 3)]
    assert "ALA2 and ALA3 follow one another, but are 0." in caplog.text


def formats(folder, topology, positions):
    first = mdtraj.Trajectory(positions[:1], topology)
    first.save_pdb(str(folder / "top.pdb"))
    first.save_gro(str(folder / "top.gro"))
    for name in ("top.ent", "top.PDB"):
        (folder / name).write_text((folder / "top.pdb").read_text())
    with gzip.open(folder / "top.pdb.gz", "wt") as file:
        file.write((folder / "top.pdb").read_text())
    for name in ("top.cif", "top.mmcif"):
        with open(folder / name, "w") as file:
            app.PDBxFile.writeFile(topology.to_openmm(), positions[0] * mm.unit.nanometer, file)
    mdtraj.Trajectory(positions[:3], topology).save_pdb(str(folder / "models.pdb"))
    write_psf(folder / "top.psf", topology)
    write_prmtop(folder / "top.prmtop", topology)
    write_prmtop(folder / "top.parm7", topology)


FORMATS = ["pdb", "ent", "PDB", "pdb.gz", "cif", "mmcif", "gro", "psf", "prmtop", "parm7"]


@pytest.mark.parametrize("name", [*(f"top.{ending}" for ending in FORMATS), "models.pdb"])
def test_every_format_of_topologies_gives_the_same_molecule(name, dipeptide):
    folder, topology, positions = dipeptide
    formats(folder, topology, positions)
    system = trajectories(folder / name, folder)
    assert [(r.name, r.resSeq) for r in system.all_atoms.residues] == [("ACE", 1), ("ALA", 2), ("NME", 3)]
    bonds = {frozenset((a.index, b.index)) for a, b in system.all_atoms.bonds}
    assert bonds == {frozenset((a.index, b.index)) for a, b in topology.bonds}
    write_topology(system, str(folder / "written.pdb"))
    phi = Torsions(of=("phi",), form="angle").on(load_topology(str(folder / "written.pdb")))
    assert phi.names == ["phi ALA2"]
    expected = mdtraj.compute_phi(mdtraj.Trajectory(positions, topology), periodic=False)[1]
    np.testing.assert_allclose(phi.compute(positions), expected, atol=1e-5)


def test_segments_of_a_psf_name_residues_before_and_after_the_topology_is_written(dipeptide):
    folder, topology, _ = dipeptide
    system = trajectories(write_psf(folder / "top.psf", topology, "PROA"), folder)
    write_topology(system, str(folder / "written.pdb"))
    for found in (system.all_atoms, load_topology(str(folder / "written.pdb"))):
        assert named(found) == [("A", 1, ""), ("A", 2, ""), ("A", 3, "")]
        assert find_residue("x", found.residues, "PROA:2").name == "ALA"
        np.testing.assert_array_equal(select("x", "y", found, "PROA:2"), select("x", "y", found, "A:2"))


def test_an_unreadable_topology_says_why(dipeptide):
    folder, _, _ = dipeptide
    for name, text, why in (
        ("a.xyz", "1\n", r"'\.xyz' is of no format that has a topology"),
        ("a.gro", "title\n", r"\(.+\)"),
        ("a.psf", "no psf\n", r"\(.+\)"),
    ):
        (folder / name).write_text(text)
        with pytest.raises(ThermolatentError, match=why) as error:
            trajectories(folder / name, folder).all_atoms  # noqa: B018
        assert "()" not in str(error.value)
        assert str(error.value).endswith("write a PDB, mmCIF, gro, prmtop or psf")


def test_prepared_keeps_the_numbers_of_its_files(tmp_path):
    """Of a PDB with a System XML its own, of Amber those of the section that add_pdb writes."""
    made = testsystems.AlanineDipeptideVacuum()
    made.system.setDefaultPeriodicBoxVectors(*np.eye(3) * 3)
    (tmp_path / "system.xml").write_text(mm.XmlSerializer.serialize(made.system))
    with open(tmp_path / "x.pdb", "w") as file:
        app.PDBFile.writeFile(made.topology, made.positions, file)
    (tmp_path / "x.pdb").write_text(renumbered((tmp_path / "x.pdb").read_text(), NUMBERS[2]))
    system = Prepared(
        topology=str(tmp_path / "x.pdb"), system_xml=str(tmp_path / "system.xml"), solvent="vacuum", hydrogen_mass=1.0
    )
    write_topology(system, str(tmp_path / "written.pdb"))
    assert named(load_topology(str(tmp_path / "written.pdb"))) == NUMBERS[2]
    amber = tmp_path / "x.prmtop"
    source = testsystems.get_data_filename("data/alanine-dipeptide-gbsa/alanine-dipeptide.prmtop")
    with open(source) as file:
        amber.write_text(file.read() + "%FLAG RESIDUE_NUMBER\n%FORMAT(20I4)\n  50  51  52\n")
    crd = testsystems.get_data_filename("data/alanine-dipeptide-gbsa/alanine-dipeptide.crd")
    with open(crd) as file:
        (tmp_path / "x.inpcrd").write_text(file.read())
    system = Prepared(topology=str(amber), positions=str(tmp_path / "x.inpcrd"), solvent="vacuum", hydrogen_mass=1.0)
    write_topology(system, str(tmp_path / "amber.pdb"))
    assert named(load_topology(str(tmp_path / "amber.pdb"))) == [("A", 50, ""), ("A", 51, ""), ("A", 52, "")]


def test_structure_keeps_the_numbers_of_its_file(tmp_path, vacuum):
    with open(tmp_path / "x.pdb", "w") as file:
        app.PDBFile.writeFile(vacuum.topology(), vacuum.starts()["extended"] * mm.unit.nanometer, file)
    (tmp_path / "x.pdb").write_text(renumbered((tmp_path / "x.pdb").read_text(), NUMBERS[2]))
    write_topology(Structure(file=str(tmp_path / "x.pdb"), solvent="vacuum"), str(tmp_path / "written.pdb"))
    assert named(load_topology(str(tmp_path / "written.pdb"))) == NUMBERS[2]
