"""What is built onto a structure file: trans peptide bonds and L residues, with the numbers and forms that the file says."""

import logging

import mdtraj
import numpy as np
import openmm as mm
import pytest
from openmm import app

from thermolatent.errors import ThermolatentError
from thermolatent.systems.peptide import Peptide
from thermolatent.systems.structure import Structure
from thermolatent.systems.topologies import from_openmm


def written(path, sequence, drop=lambda atom: False, names=(), seqres=False):
    """The heavy atoms of a peptide in a PDB, some left out, with ``names`` of residues by their numbers."""
    peptide = Peptide(sequence=sequence, termini="charged", solvent="vacuum")
    modeller = app.Modeller(peptide.topology(), next(iter(peptide.starts().values())) * mm.unit.nanometer)
    sequence = [residue.name for residue in modeller.topology.residues()]
    modeller.delete([a for a in modeller.topology.atoms() if a.element.symbol == "H" or drop(a)])
    for residue in modeller.topology.residues():
        residue.name = dict(names).get(residue.id, residue.name)
    with open(path, "w") as file:
        if seqres:
            file.write(f"SEQRES   1 A {len(sequence):4d}  {' '.join(sequence)}\n")
        app.PDBFile.writeFile(modeller.topology, modeller.positions, file, keepIds=True)
    return str(path)


def built(path, **keys):
    molecule = Structure(file=path, solvent="vacuum", **keys)
    return from_openmm(molecule.topology()), next(iter(molecule.starts().values()))


@pytest.mark.parametrize(
    ("sequence", "first", "last"), [("GAKLEVFSAG", 4, 5), ("AAAAAAAAAAAA", 4, 7), ("GAKLEPFSAG", 5, 8)]
)
def test_built_residues_are_trans_and_left_handed_and_numbered(sequence, first, last, tmp_path):
    """PDBFixer alone makes a cis peptide bond of each of the first two."""
    path = written(tmp_path / "x.pdb", sequence, lambda a: first <= int(a.residue.id) <= last, seqres=True)
    topology, x = built(path, missing_residues="build")
    assert [r.resSeq for r in topology.residues] == list(range(1, len(sequence) + 1))
    quadruples, omega = mdtraj.compute_omega(mdtraj.Trajectory(x[None], topology), periodic=False)
    assert len(omega[0]) == len(sequence) - 1
    trans = np.abs(np.degrees(omega[0])) > 120
    assert all(t or topology.atom(q[2]).residue.name == "PRO" for t, q in zip(trans, quadruples, strict=True))
    for residue in topology.residues:
        at = {atom.name: x[atom.index] for atom in residue.atoms}
        if "CB" in at:
            n, c, cb = (at[name] - at["CA"] for name in ("N", "C", "CB"))
            assert np.dot(np.cross(n, c), cb) > 0.001
    bonds = [(a.index, b.index) for a, b in topology.bonds]
    lengths = mdtraj.compute_distances(mdtraj.Trajectory(x[None], topology), bonds, periodic=False)
    assert lengths.max() < 0.2


def test_a_cis_peptide_bond_of_the_file_stays(tmp_path):
    """Turned by hand about C-N, with a side chain to complete elsewhere: what the file has is the user's."""
    peptide = Peptide(sequence="GAGA", termini="charged", solvent="vacuum")
    topology, x = from_openmm(peptide.topology()), next(iter(peptide.starts().values()))
    at = {(a.residue.index, a.name): a.index for a in topology.atoms}
    origin, axis = x[at[1, "N"]], x[at[1, "N"]] - x[at[0, "C"]]
    turn = mm_rotation(axis)
    behind = [a.index for a in topology.atoms if a.residue.index >= 1 and a.name != "H"] + [at[1, "H"]]
    x = x.copy()
    x[behind] = (x[behind] - origin) @ turn.T + origin
    heavy = [a.index for a in topology.atoms if a.element.symbol != "H" and (a.residue.index, a.name) != (3, "CB")]
    mdtraj.Trajectory(x[None, heavy], topology.subset(heavy)).save_pdb(str(tmp_path / "x.pdb"))
    made, found = built(str(tmp_path / "x.pdb"))
    omega = np.degrees(mdtraj.compute_omega(mdtraj.Trajectory(found[None], made), periodic=False)[1][0])
    assert abs(omega[0]) < 30
    assert (np.abs(omega[1:]) > 150).all()


def mm_rotation(axis):
    """Half a turn about ``axis``."""
    unit = axis / np.linalg.norm(axis)
    return 2 * np.outer(unit, unit) - np.eye(3)


def test_models_of_c_alpha_atoms_are_refused(tmp_path):
    path = written(tmp_path / "trace.pdb", "GAKA", lambda a: a.name != "CA")
    with pytest.raises(
        ThermolatentError, match=r"GLY 1 of chain A has no N and no C; .*not one of C-alpha atoms alone"
    ) as error:
        built(path)
    assert "\n" not in str(error.value)
    path = written(tmp_path / "one.pdb", "GAKA", lambda a: a.residue.id == "3" and a.name in ("N", "CB", "CG"))
    with pytest.raises(ThermolatentError, match="LYS 3 of chain A has no N; side chains cannot be built on that"):
        built(path)


#: Hydrogens of the side chain whose number the form decides.
FORMS = {
    ("H", "HID"): {"HD1"},
    ("H", "HSE"): {"HE2"},
    ("H", "HIP"): {"HD1", "HE2"},
    ("D", "ASH"): {"HD2"},
    ("D", "ASP"): set(),
    ("E", "GLH"): {"HE2"},
    ("K", "LYN"): {"HZ1", "HZ2"},
    ("K", "LYS"): {"HZ1", "HZ2", "HZ3"},
}


@pytest.mark.parametrize(("letter", "name"), FORMS)
@pytest.mark.parametrize("ending", ["pdb", "cif"])
def test_protonation_that_the_file_says_is_kept(letter, name, ending, tmp_path):
    path = written(tmp_path / "x.pdb", f"A{letter}A", names=[("2", name)])
    if ending == "cif":
        lines = [line for line in (tmp_path / "x.pdb").read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]
        names = ("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id")
        names += ("label_seq_id", "auth_seq_id", "auth_comp_id", "auth_asym_id", "pdbx_PDB_ins_code")
        names += ("Cartn_x", "Cartn_y", "Cartn_z", "pdbx_PDB_model_num")
        rows = [
            f"ATOM {i} {line[76:78].strip()} {line[12:16].strip()} . {line[17:20]} A {line[22:26].strip()} "
            f"{line[22:26].strip()} {line[17:20]} A ? {line[30:38]} {line[38:46]} {line[46:54]} 1"
            for i, line in enumerate(lines, start=1)
        ]
        path = str(tmp_path / "x.cif")
        header = "".join(f"_atom_site.{n}\n" for n in names)
        (tmp_path / "x.cif").write_text("data_x\nloop_\n" + header + "\n".join(rows) + "\n")
    topology, _ = built(path)
    known = set().union(*(atoms for (other, _), atoms in FORMS.items() if other == letter))
    if letter == "E":
        known = {"HE2"}
    assert {a.name for a in topology.residue(1).atoms} & known == FORMS[letter, name]


def test_a_form_that_cannot_be_built_is_said(tmp_path, caplog):
    path = written(tmp_path / "x.pdb", "ACA", names=[("2", "CYM")])
    with caplog.at_level(logging.WARNING):
        topology, _ = built(path)
    assert "CYM 2 of chain A becomes CYS: its form cannot be built, the pH decides" in caplog.text
    assert "HG" in {a.name for a in topology.residue(1).atoms}


def test_a_template_error_names_the_residue_at_fault_and_its_standard(tmp_path):
    """Of phosphoserine between two alanines, whose bonds to it are missing, OpenMM names the alanine before it."""
    path = written(tmp_path / "x.pdb", "AASAA", names=[("3", "SEP")])
    with pytest.raises(
        ThermolatentError, match=r"no template for SEP 3 \(chain A\):.* system\.standardise: true to make it SER"
    ) as e:
        built(path)
    assert "\n" not in str(e.value)
    topology, _ = built(path, standardise=True)
    assert [r.name for r in topology.residues] == ["ALA", "ALA", "SER", "ALA", "ALA"]
    path = written(tmp_path / "y.pdb", "AASAA", names=[("3", "XYZ")])
    with pytest.raises(ThermolatentError, match=r"no template for XYZ 3 \(chain A\).* system\.remove: \[XYZ\]"):
        built(path)
