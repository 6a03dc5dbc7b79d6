"""Bad input of molecules: one line each, that says what to write."""

from pathlib import Path

import numpy as np
import openmm as mm
import pytest
from openmm import app
from openmmtools import testsystems
from studies_for_tests import SOUND

from thermolatent.errors import ThermolatentError
from thermolatent.parsing import parse
from thermolatent.study.study import Study
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.peptide import Peptide
from thermolatent.systems.platforms import runs_on_cpu, why_not
from thermolatent.systems.prepared import Prepared
from thermolatent.systems.structure import Structure


def study(system, train=(300, 400), **simulate):
    content = {
        **SOUND,
        "name": "mine",
        "system": system,
        "temperatures": {"train": list(train)},
        "simulate": {**SOUND["simulate"], "time_step": 0.002, **simulate},
    }
    return parse(Study, content, "mine.yaml")


def one_line(error, *words):
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


ALANINE = {"kind": "alanine_dipeptide"}
PEPTIDE = {"kind": "peptide", "sequence": "YYDPETGTWY"}


@pytest.mark.parametrize(
    ("system", "simulate", "words"),
    [
        (ALANINE, {"time_step": 0.004}, ["simulate.time_step", "0.004", "1.5 amu", "at most 0.002", "hydrogen_mass"]),
        ({**ALANINE, "hydrogen_mass": 3.0}, {"time_step": 0.005}, ["simulate.time_step", "at most 0.004"]),
        ({**ALANINE, "constraints": "none"}, {"time_step": 0.002}, ["simulate.time_step", "at most 0.001", "hbonds"]),
        (ALANINE, {"train": (0.2, 0.5)}, ["temperatures", "0.2", "temperatures are in kelvin"]),
        (ALANINE, {"train": (300, 5000)}, ["temperatures", "5000", "temperatures are in kelvin"]),
        ({**ALANINE, "sequence": "G"}, {}, ["system.sequence", "'G'"]),
        ({**PEPTIDE, "sequence": "YYXPE"}, {}, ["system.sequence", "unknown residue 'X'"]),
        ({**PEPTIDE, "sequence": "ALA-AIC"}, {}, ["system.sequence", "unknown residue 'AIC'", "did you mean 'AIB'"]),
        ({**PEPTIDE, "sequence": "ALA-AIB-ALA"}, {}, ["system.force_field", "amber14 has no AIB", "charmm36"]),
        ({**PEPTIDE, "sequence": ""}, {}, ["system.sequence", "empty"]),
        (
            {**PEPTIDE, "force_field": "amber15"},
            {},
            ["system.force_field", "'amber15'", "did you mean 'amber1"],
        ),
        ({**PEPTIDE, "water": "tip3p"}, {}, ["system.water", "solvent: implicit", "solvent: explicit"]),
        ({**PEPTIDE, "solvent": "vacuum", "salt": 0.1}, {}, ["system.salt", "means nothing with solvent: vacuum"]),
        ({**PEPTIDE, "solvent": "explicit", "water": "tip7p"}, {}, ["system.water", "'tip7p'", "known: tip3p"]),
        ({"kind": "structure", "file": "no.pdb"}, {}, ["system.file", "'no.pdb' is not a file", "relative to"]),
        ({"kind": "prepared", "topology": "no.prmtop"}, {}, ["system.topology", "'no.prmtop' is not a file"]),
    ],
)
def test_the_study_is_refused(system, simulate, words):
    with pytest.raises(ThermolatentError) as error:
        study(system, **simulate)
    one_line(error, "mine.yaml", *words)


def test_sound_molecules_pass():
    study(ALANINE)
    study({**ALANINE, "hydrogen_mass": 3.0}, time_step=0.004)
    assert study(PEPTIDE).system.longest_time_step == 0.002


def test_box_too_small_for_the_cutoff():
    with pytest.raises(ThermolatentError) as error:
        AlanineDipeptide(solvent="explicit", box=1.8).built  # noqa: B018
    one_line(error, "system.box", "1.8 nm is too small for a cutoff of 1 nm", "at least 2.23")


def test_box_too_small_for_the_molecule():
    """2.4 nm would do for the cutoff; the extended chain is longer."""
    with pytest.raises(ThermolatentError) as error:
        Peptide(sequence="GAVLKELGAVLKEL", solvent="explicit", box=2.4).built  # noqa: B018
    one_line(
        error, "system.box", "2.4 nm is too small for the start 'extended'", "its own periodic image", "leave box out"
    )


def test_opencl_on_a_cpu_is_known():
    assert runs_on_cpu("pthread-haswell-AMD EPYC Portable Computing Language")
    assert runs_on_cpu("cpu-znver3 Portable Computing Language")
    assert not runs_on_cpu("NVIDIA H200 NVIDIA CUDA")
    assert not runs_on_cpu("gfx90a AMD Accelerated Parallel Processing")


def test_a_gpu_without_double_precision_is_not_taken(monkeypatch):
    """Apple's: OpenCL makes a Context of single precision there, and none of the study's default."""

    def context(system, integrator, platform, properties):
        assert platform.getName() == "Reference"
        if properties.get("Precision") != "single":
            raise mm.OpenMMException("This device does not support double precision")

    monkeypatch.setattr(mm.Platform, "getPropertyNames", lambda self: ("Precision",))
    monkeypatch.setattr(mm, "Context", context)
    assert why_not("Reference") == "This device does not support double precision"


def as_pdb(path, molecule, drop=lambda atom: False, rename=()):
    """The first start in a file, as found: without hydrogens, and without some atoms."""
    modeller = app.Modeller(molecule.topology(), next(iter(molecule.starts().values())) * mm.unit.nanometer)
    modeller.delete([a for a in modeller.topology.atoms() if a.element.symbol == "H" or drop(a)])
    for residue in modeller.topology.residues():
        residue.name = dict(rename).get(residue.index, residue.name)
    with open(path, "w") as file:
        app.PDBFile.writeFile(modeller.topology, modeller.positions, file, keepIds=True)
    return str(path)


def test_a_structure_gets_its_missing_atoms_and_hydrogens(tmp_path, every_residue):
    """Without the ends of three side chains and all hydrogens, the same molecule comes out."""
    file = as_pdb(tmp_path / "found.pdb", every_residue, lambda a: a.name in ("CE", "NZ", "OG", "CE3"))
    molecule = Structure(file=file, solvent="vacuum")
    assert list(molecule.starts()) == ["found"]
    assert molecule.n_particles == every_residue.n_particles

    def charge(built):
        force = next(f for f in built.system.getForces() if isinstance(f, mm.NonbondedForce))
        return sum(force.getParticleParameters(i)[0]._value for i in range(force.getNumParticles()))

    assert charge(molecule.built) == pytest.approx(charge(every_residue.built))
    assert charge(Structure(file=file, solvent="vacuum", pH=2.0).built) == pytest.approx(
        charge(molecule.built) + 3
    )  # D, E, H


@pytest.mark.parametrize("residue", [1, 7, 14, 16])
def test_a_missing_side_chain_is_rebuilt_left_handed(residue, tmp_path, every_residue):
    """PDBFixer alone makes D residues of the second, the fifteenth and others."""
    backbone = ("N", "CA", "C", "O", "OXT")
    file = as_pdb(tmp_path / "x.pdb", every_residue, lambda a: a.residue.index == residue and a.name not in backbone)
    molecule = Structure(file=file, solvent="vacuum")
    assert molecule.n_particles == every_residue.n_particles
    xyz = molecule.starts()["x"]
    at = {a.name: xyz[a.index] for a in molecule.topology().atoms() if a.residue.index == residue}
    n, c, cb = (at[name] - at["CA"] for name in ("N", "C", "CB"))
    assert np.dot(np.cross(n, c), cb) > 0.001


def test_mmcif_is_read_as_pdb_is(tmp_path, implicit):
    modeller = app.Modeller(implicit.topology(), implicit.starts()["extended"] * mm.unit.nanometer)
    with open(tmp_path / "x.cif", "w") as file:
        app.PDBxFile.writeFile(modeller.topology, modeller.positions, file)
    molecule = Structure(file=str(tmp_path / "x.cif"), implicit="obc2")
    assert molecule.n_particles == 22
    assert np.isfinite(molecule.potential_energy(molecule.starts()["x"]))


def test_an_edited_file_is_another_study(tmp_path, vacuum):
    file = as_pdb(tmp_path / "found.pdb", vacuum)
    before = Structure(file=file).model_dump(mode="json")["content"]
    with open(file, "a") as text:
        text.write("REMARK\n")
    assert Structure(file=file).model_dump(mode="json")["content"] != before


@pytest.mark.parametrize(
    ("keys", "break_it", "words"),
    [
        (
            {},
            {"rename": {5: "LIG"}},
            ["system.force_field", "no template for LIG 6 (chain A)", "remove: [LIG]", "parameters"],
        ),
        ({}, {"drop": lambda a: a.residue.index in (4, 5)}, ["gap between GLU 4 and HIS 7 of chain A", "SEQRES"]),
        ({"chains": ("B",)}, {}, ["system.chains", "no chain 'B'", "known: A"]),
        ({"remove": ("ALA",), "chains": ("A",)}, {"drop": lambda a: a.residue.index}, ["no atoms left"]),
    ],
)
def test_structures_that_are_refused(keys, break_it, words, tmp_path, every_residue):
    molecule = Structure(file=as_pdb(tmp_path / "found.pdb", every_residue, **break_it), solvent="vacuum", **keys)
    with pytest.raises(ThermolatentError) as error:
        molecule.built  # noqa: B018
    one_line(error, *words)


def test_residues_that_seqres_has_and_the_coordinates_lack(tmp_path, every_residue):
    file = tmp_path / "found.pdb"
    as_pdb(file, every_residue, lambda a: a.residue.index == 5)
    names = [residue.name for residue in every_residue.topology().residues()]
    rows = [f"SEQRES {i + 1:3d} A {len(names):4d}  {' '.join(names[13 * i : 13 * i + 13])}" for i in range(2)]
    file.write_text("\n".join(rows) + "\n" + file.read_text())
    with pytest.raises(ThermolatentError) as error:
        Structure(file=str(file), solvent="vacuum").built  # noqa: B018
    one_line(error, "lacks residues GLY after PHE 5 of chain A", "missing_residues: build")
    assert (
        Structure(file=str(file), solvent="vacuum", missing_residues="build").n_particles == every_residue.n_particles
    )


def test_a_text_that_is_no_structure(tmp_path):
    (tmp_path / "notes.pdb").write_text("dear diary\n")
    with pytest.raises(ThermolatentError) as error:
        Structure(file=str(tmp_path / "notes.pdb")).built  # noqa: B018
    one_line(error, "system.file", "notes.pdb")


@pytest.fixture(scope="module")
def amber(tmp_path_factory):
    """prmtop and inpcrd of alanine dipeptide, from openmmtools."""
    folder = tmp_path_factory.mktemp("amber")
    for ending, name in (("prmtop", "prmtop"), ("crd", "inpcrd")):
        source = Path(testsystems.__file__).with_name("data") / "alanine-dipeptide-gbsa" / f"alanine-dipeptide.{ending}"
        (folder / f"start.{name}").write_bytes(source.read_bytes())
    return {"topology": str(folder / "start.prmtop"), "positions": str(folder / "start.inpcrd")}


@pytest.mark.parametrize("name", ["Vacuum", "Implicit"])
def test_prepared_amber_files_are_openmmtools_alanine(name, amber):
    found = getattr(testsystems, f"AlanineDipeptide{name}")()
    molecule = Prepared(**amber, solvent=name.lower(), **({"implicit": "obc1"} if name == "Implicit" else {}))
    positions = np.array(found.positions._value)
    context = mm.Context(found.system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    expected = context.getState(energy=True).getPotentialEnergy()._value
    assert molecule.potential_energy(positions) == pytest.approx(expected, rel=1e-6)
    assert list(molecule.starts()) == ["start"]


def test_prepared_explicit_saves_the_solute(tmp_path, explicit):
    built = explicit.built
    (tmp_path / "system.xml").write_text(mm.XmlSerializer.serialize(built.system))
    with open(tmp_path / "all.pdb", "w") as file:
        app.PDBFile.writeFile(built.topology, built.starts["extended"] * mm.unit.nanometer, file)
    molecule = Prepared(topology=str(tmp_path / "all.pdb"), system_xml=str(tmp_path / "system.xml"))
    assert molecule.surroundings == "explicit"
    assert molecule.n_particles == 22
    np.testing.assert_allclose(molecule.starts()["all"], explicit.starts()["extended"], atol=1e-4)
    for keys, words in [
        ({"hydrogen_mass": 3.0}, ["system.hydrogen_mass", "weigh 1.5 amu", "write hydrogen_mass: 1.5"]),
        ({"solvent": "vacuum"}, ["system.solvent", "is vacuum", "explicit"]),
        (
            {"positions": (str(tmp_path / "all.pdb"), str(tmp_path / "few.pdb"))},
            ["system.positions", "few has 22 atoms"],
        ),
    ]:
        as_pdb(tmp_path / "few.pdb", explicit)
        with open(tmp_path / "few.pdb", "w") as file:
            app.PDBFile.writeFile(explicit.topology(), explicit.starts()["extended"] * mm.unit.nanometer, file)
        with pytest.raises(ThermolatentError) as error:
            Prepared(topology=str(tmp_path / "all.pdb"), system_xml=str(tmp_path / "system.xml"), **keys).built  # noqa: B018
        one_line(error, *words)


def test_prepared_system_without_constraints(tmp_path, vacuum):
    free = AlanineDipeptide(solvent="vacuum", constraints="none").built
    (tmp_path / "system.xml").write_text(mm.XmlSerializer.serialize(free.system))
    with open(tmp_path / "all.pdb", "w") as file:
        app.PDBFile.writeFile(free.topology, free.starts["extended"] * mm.unit.nanometer, file)
    files = {"topology": str(tmp_path / "all.pdb"), "system_xml": str(tmp_path / "system.xml"), "solvent": "vacuum"}
    with pytest.raises(ThermolatentError) as error:
        Prepared(**files).built  # noqa: B018
    one_line(error, "system.constraints", "write constraints: none")
    assert Prepared(**files, constraints="none").longest_time_step == 0.001


GROMACS_TOP = """[ defaults ]
1 2 yes 0.5 0.8333
[ atomtypes ]
OA 8 16.0 0.0 A 0.3 0.1
HA 1 1.008 0.0 A 0.1 0.1
[ moleculetype ]
OHX 3
[ atoms ]
1 OA 1 OHX O1 1 -0.4 16.0
2 HA 1 OHX H1 1 0.4 1.008
[ bonds ]
1 2 1 0.10 300000.0
[ system ]
hydroxyl
[ molecules ]
OHX 1
"""
GROMACS_GRO = """hydroxyl
2
    1OHX     O1    1   0.000   0.000   0.000
    1OHX     H1    2   0.110   0.000   0.000
   3.0 3.0 3.0
"""
CHARMM_PSF = """PSF

       1 !NTITLE
 REMARKS hydroxyl

       2 !NATOM
       1 A    1    OHX  O1   OA    -0.400000       16.0000           0
       2 A    1    OHX  H1   HA     0.400000        1.0080           0

       1 !NBOND: bonds
       1       2

       0 !NTHETA: angles


       0 !NPHI: dihedrals


       0 !NIMPHI: impropers


       0 !NDON: donors


       0 !NACC: acceptors


       0 !NNB

       0       0

       1       0 !NGRP
       0       0       0

"""
CHARMM_PRM = """* hydroxyl
*
ATOMS
MASS 1 OA 16.0
MASS 2 HA 1.008
BONDS
OA HA 400.0 1.0
NONBONDED
OA 0.0 -0.1 1.7
HA 0.0 -0.1 0.2
END
"""


@pytest.mark.parametrize(
    ("files", "energy"),
    [
        ({"topology": ("x.top", GROMACS_TOP), "positions": ("x.gro", GROMACS_GRO)}, 0.5 * 300000.0 * 0.01**2),
        (
            {
                "topology": ("x.psf", CHARMM_PSF),
                "parameters": ("x.prm", CHARMM_PRM),
                "positions": ("x.gro", GROMACS_GRO),
            },
            400.0 * 0.1**2 * 4.184,
        ),
    ],
)
def test_prepared_gromacs_and_charmm_files_of_one_bond(files, energy, tmp_path):
    """A harmonic bond stretched by 0.01 nm; its ends exclude each other."""
    paths = {}
    for key, (name, text) in files.items():
        (tmp_path / name).write_text(text)
        paths[key] = str(tmp_path / name)
    molecule = Prepared(**paths, solvent="vacuum", constraints="none", hydrogen_mass=1.008)
    assert molecule.potential_energy(molecule.starts()["x"]) == pytest.approx(energy, rel=1e-6)


@pytest.mark.parametrize(
    ("endings", "keys", "words"),
    [
        (("x.txt",), {}, ["topology", "no known format", ".prmtop"]),
        (("x.pdb",), {}, ["system_xml", "write both, or neither"]),
        (("x.prmtop",), {}, ["positions", "is missing"]),
        (("x.psf", "x.pdb"), {}, ["parameters", "is missing", ".prm"]),
        (("x.top", "x.gro"), {"solvent": "implicit"}, ["solvent", "implicit needs Amber files"]),
    ],
)
def test_prepared_files_that_do_not_fit(endings, keys, words, tmp_path):
    paths = [str(tmp_path / name) for name in endings]
    for path in paths:
        Path(path).write_text("")
    with pytest.raises(ThermolatentError) as error:
        study({"kind": "prepared", "topology": paths[0], "positions": paths[1:], **keys})
    one_line(error, "system.", *words)
