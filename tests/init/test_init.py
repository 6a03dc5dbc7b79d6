"""New studies: what is proposed fits the molecule, what is written is sound, what cannot be is said in one line."""

import subprocess
import sys
from pathlib import Path

import mdtraj
import numpy as np
import pytest
import yaml
from running_snakemake import snakemake

from thermolatent.cli import main
from thermolatent.errors import ThermolatentError
from thermolatent.init.given import read_temperatures, system_section, with_solvent
from thermolatent.init.proposal import Proposal, cut_into_walkers, fit_to, length
from thermolatent.simulate.contents import cut
from thermolatent.simulate.speed import Speed
from thermolatent.study.loading import load_study
from thermolatent.systems import force_fields
from thermolatent.yaml_text import flow

FOLDED = str(force_fields.DATA / "chignolin_folded.pdb")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)


def refused(capsys, *arguments):
    """The one line with which init refuses; nothing is written."""
    assert main(["init", *map(str, arguments), "--no-probe"]) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert not list(Path().glob("studies/*"))
    assert line.startswith("thermolatent init: ")
    return line


def written(name):
    """The study that was written, at both scales, and its text."""
    load_study(f"{name}@smoke")
    return load_study(name), Path(f"studies/{name}.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give a PDB or mmCIF file, a sequence"),
        (["GYDPETGTWG"], "--train: is missing"),
        (["GYDPETGTWG", "--train", 340], "one temperature (340) cannot say"),
        (["GYDPETGTWG", "--train", 340, 340], "one temperature (340) cannot say"),
        (["GYDPETGTWG", "--train", 25, 60], "25 is not between 50 and 2000; temperatures are in kelvin"),
        (["GYDPETGTWG", "--train", 340, 440, "--predict", 340], "predict has 340, a training temperature"),
        (["GYDBETGTWG", "--train", 340, 440], "system.sequence: unknown residue 'B'"),
        (["ALA-AIB-XYZ", "--train", 340, 440], "system.sequence: unknown residue 'XYZ'"),
        (["my.pdb", "--train", 340, 440], "my.pdb: there is no such file"),
        (["my.prmtop", "--train", 340, 440], "kind: prepared"),
        (["chignoln", "--train", 340, 440], "did you mean 'chignolin'?"),
        (["lj_cluster", "--train", 0.2, 0.5, "--solvent", "implicit"], "--solvent: lj_cluster has none"),
        (["A", "--train", 300, 400, "--system", "water"], "--system water: write KEY=VALUE"),
        (["A", "--train", 300, 400, "--system", "wter=opc"], "wter"),
        (["A", "--train", 300, 400, "--name", "a/b"], "--name a/b: a study's name has letters"),
        (["--topology", FOLDED], "add --trajectories"),
        (["--trajectories", "340=a.xtc"], "add --topology"),
        (["A", "--topology", FOLDED, "--trajectories", "340=a.xtc"], "'A' cannot be combined"),
        (["--topology", FOLDED, "--trajectories", "a.xtc"], "write TEMPERATURE=FILE,FILE"),
        (["--topology", FOLDED, "--trajectories", "340=a.xtc", "440=b.xtc"], "a.xtc: there is no such file"),
    ],
)
def test_wrong_input_is_refused_in_one_line(capsys, arguments, words):
    assert words in refused(capsys, *arguments)


def test_a_study_is_never_overwritten_unasked(capsys):
    Path("studies").mkdir()
    Path("studies/a.yaml").write_text("mine")
    assert main(["init", "A", "--train", "300", "400", "--no-probe"]) == 1
    assert "studies/a.yaml: exists already; write --name another, or --force" in capsys.readouterr().err
    assert Path("studies/a.yaml").read_text() == "mine"
    assert main(["init", "three_hole", "--train", "0.5", "1.5", "--no-probe", "--name", "a", "--force"]) == 0
    assert load_study("a").system.kind == "three_hole"


def test_lj7_has_the_states_of_its_own_study():
    """The minima, quenched and put into the plane here, are the numbers in studies/lj7.yaml."""
    assert main(["init", "lj_cluster", "--train", "0.2", "0.5", "--predict", "0.3", "--no-probe"]) == 0
    study, _ = written("lj_cluster")
    shipped = yaml.safe_load((Path(__file__).parents[2] / "studies/lj7.yaml").read_text())
    assert study.validate_.states.centers == {
        name: tuple(point) for name, point in shipped["validate"]["states"]["centers"].items()
    }
    assert study.temperatures.predict == [0.3]


def test_a_dipeptide_has_phi_and_psi(capsys):
    assert main(["init", "A", "--train", "300", "400", "--no-probe"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  thermolatent check a",
        "  thermolatent run a --scale smoke   # the whole workflow in minutes",
        "  thermolatent run a",
    ]
    study, text = written("a")
    assert study.system.termini == "capped"
    assert (study.system.solvent, study.system.implicit) == ("implicit", "gbn2")
    assert [feature.kind for feature in study.featurize.plane] == ["backbone_torsions"]
    assert study.simulate.time_step == 0.004
    assert study.temperatures.predict == [325, 350, 375]
    assert "three are worth their cost for anything solvated" in text
    assert main(["check", "a"]) == 0


def test_a_structure_file_starts_in_its_native_state():
    assert main(["init", FOLDED, "--train", "340", "440", "--predict", "380", "--no-probe", "--name", "hairpin"]) == 0
    study, text = written("hairpin")
    assert [f.kind for f in study.featurize.features] == ["backbone_torsions", "ca_distances"]
    assert [f.kind for f in study.featurize.plane] == ["rmsd", "radius_of_gyration"]
    states = study.validate_.states.centers
    masses = np.array([a.element.mass for a in mdtraj.load(FOLDED).topology.atoms])
    native = mdtraj.compute_rg(mdtraj.load(FOLDED), masses)[0]
    assert states["start"][1] == pytest.approx(native, abs=0.02), "whether it is folded is not ours to say"
    assert states["unfolded"][1] > states["start"][1]
    assert study.validate_.melting == "start"
    assert "is a guess" in text


def test_what_a_force_field_lacks_is_said_with_the_way_out(capsys):
    structure = Path(FOLDED).read_text().replace("TYR A   1", "XYZ A   1")
    Path("odd.pdb").write_text(structure)
    line = refused(capsys, "odd.pdb", "--train", 340, 440)
    assert "no template for XYZ 1" in line
    assert line.endswith("(here: --system KEY=VALUE)")


def test_nucleic_acids_get_explicit_solvent():
    section = system_section("A", None, {})
    assert with_solvent(section, nucleic=False, amino_acids=1)["solvent"] == "implicit"
    explicit = with_solvent(section, nucleic=True, amino_acids=0)
    assert (explicit["solvent"], explicit["salt"]) == ("explicit", 0.15)
    with pytest.raises(ThermolatentError, match="nucleic acids need explicit solvent"):
        with_solvent(section | {"solvent": "implicit"}, nucleic=True, amino_acids=0)
    assert system_section("ALA-AIB-ALA", None, {})["force_field"] == "charmm36"


def test_rna_is_told_by_its_letters():
    assert system_section("ggcGCAAgcc", None, {})["kind"] == "rna"
    assert system_section("GGCU", None, {})["kind"] == "rna"
    assert system_section("GGCA", None, {})["kind"] == "peptide"
    assert system_section("GGCA", None, {"kind": "rna"})["kind"] == "rna"


def test_a_folded_hairpin_of_rna():
    file = str(force_fields.DATA / "rna_tetraloop_folded.pdb")
    assert main(["init", file, "--train", "310", "380", "450", "--no-probe", "--name", "loop"]) == 0
    study, text = written("loop")
    assert (study.system.solvent, study.simulate.pressure) == ("explicit", 1.0)
    assert [f.kind for f in study.featurize.plane] == ["ermsd", "radius_of_gyration"]
    states = study.validate_.states.centers
    assert states["folded"][0] < 0.7 < states["open"][0]
    assert states["folded"][1] < states["open"][1]
    assert "three are worth" not in text


def test_water_gets_a_third_training_temperature_and_says_so(capsys):
    file = str(force_fields.DATA / "rna_tetraloop_folded.pdb")
    assert main(["init", file, "--train", "310", "450", "--no-probe", "--name", "two"]) == 0
    study, _ = written("two")
    assert study.temperatures.train == [310, 373, 450]
    assert not set(study.temperatures.predict) & set(study.temperatures.train)
    assert "three training temperatures, [310, 373, 450]: water leaves two undecided" in capsys.readouterr().err


def test_temperatures_in_between_are_predicted_where_none_are_asked_for():
    assert read_temperatures([340, 440], None)["predict"] == [365, 390, 415]
    assert read_temperatures([0.2, 0.5], None)["predict"] == [0.275, 0.35, 0.425]
    assert read_temperatures([300, 301, 302], None)["predict"] == [300.5, 301.5]


@pytest.fixture
def trajectories():
    """Two temperatures of MD that somebody has: a PDB file and XTC files, frames 10 ps apart."""
    loaded = mdtraj.load(FOLDED)
    rng = np.random.default_rng(0)
    for name, frames in (("a", 130), ("b", 90), ("c", 210)):
        xyz = loaded.xyz + 0.01 * rng.normal(size=(frames, *loaded.xyz.shape[1:])).astype(np.float32)
        mdtraj.Trajectory(xyz, loaded.topology, time=10.0 * np.arange(frames)).save_xtc(f"{name}.xtc")
    mdtraj.load_xtc("a.xtc", top=FOLDED).save_dcd("a.dcd")


def test_existing_trajectories_become_a_study_that_imports(trajectories, capsys):
    found = ["--trajectories", "340=a.xtc,b.xtc", "440=c.xtc", "--name", "own"]
    assert main(["init", "--topology", FOLDED, *found, "--predict", "380", "--system", "atoms=not element H"]) == 0
    study, _ = written("own")
    assert study.system.frame_interval == 10
    assert study.system.atoms == "not element H"
    assert study.temperatures.train == [340, 440]
    assert set(study.validate_.states.centers) <= {"state_A", "state_B", "state_C"}
    assert main(["check", "own"]) == 0
    assert main(["simulate", "own", "--temperature", "340"]) == 0
    assert main(["simulate", "own@smoke", "--temperature", "440"]) == 0


def test_a_format_without_times_asks_for_the_interval(trajectories, capsys):
    found = ["--topology", FOLDED, "--trajectories", "340=a.dcd", "440=c.xtc"]
    assert "a.dcd: does not say how far its frames are apart; write --frame-interval PS" in refused(capsys, *found)


def test_energies_and_patterns_become_files_of_the_study(trajectories, capsys):
    for name, frames in (("a", 130), ("b", 90), ("c", 210)):
        energies = np.random.default_rng(frames).normal(-900 + frames, 1, frames)
        np.savetxt(f"{name}.csv", energies, header='"Potential Energy (kJ/mole)"', comments="#")
    files = ["--trajectories", "340=[ab].xtc", "440=c*.xtc", "--name", "own", "--predict", "380"]
    assert main(["init", "--topology", FOLDED, *files, "--energies", "340=a.csv", "440=c.csv"]) == 1
    assert "system.energies.files: 1 files at 340 for 2 trajectories" in capsys.readouterr().err
    assert main(["init", "--topology", FOLDED, *files, "--energies", "340=[ab].csv", "440=c.csv"]) == 0
    study, text = written("own")
    assert study.system.files == {340: ["a.xtc", "b.xtc"], 440: ["c.xtc"]}
    assert study.system.energies.files == {340: ["a.csv", "b.csv"], 440: ["c.csv"]}
    assert "# energies:" not in text
    assert main(["check", "own"]) == 0


def columns_file(path, T, separator=" ", scale=1.0, first="#! FIELDS "):
    rng, n = np.random.default_rng(T), 400
    phi, psi = (scale * np.concatenate([[-3.14, 3.14], rng.uniform(-3.14, 3.14, n - 2)]) for _ in range(2))
    rows = [0.5 * np.arange(n), phi, rng.uniform(0.2, 0.9, n), psi, rng.normal(T, 1, n), rng.normal(0, 1, (2, n))]
    names = separator.join(["time", "phi", "d", "psi", "ene", "metad.bias", "metad.rbias"])
    np.savetxt(path, np.vstack(rows).T, "%.6f", separator, header=first + names, comments="")


def test_columns_become_a_study_that_imports(capsys):
    for T in (300, 350, 400):
        columns_file(f"{T}.colvar", T)
    files = ["--columns", *(f"{T}={T}.col*" for T in (300, 350, 400)), "--train", "300", "400"]
    assert main(["init", *files, "--predict", "350", "--name", "own"]) == 0
    study, text = written("own")
    system = study.system
    assert (system.kind, system.features, system.periodic) == (
        "colvar",
        ["phi", "d", "psi"],
        {"phi": None, "psi": None},
    )
    assert (system.energy.column, system.bias.column, system.frame_interval) == ("ene", "metad.rbias", 0.5)
    assert system.files == {T: [f"{T}.colvar"] for T in (300, 350, 400)}
    assert study.temperatures.reference == [350]
    assert study.generate.structures == 0
    assert "periodic: [phi, psi] # see that these are the angles" in text
    assert main(["check", "own"]) == 0
    for stage in ("simulate", "featurize"):
        assert main([stage, "own@smoke"]) == 0


def test_columns_of_degrees_in_an_exchange_of_replicas():
    for T in (300, 400):
        columns_file(f"{T}.csv", T, ",", 180 / np.pi, "")
    keys = ["discontinuous=true", "exchange_interval=1.0", "energy={column: ene, unit: kT}", "features=[psi]"]
    keys += ["bias={column: metad.rbias, unit: kT}"]
    files = ["--columns", "300=300.csv", "400=400.csv", "--name", "own"]
    assert main(["init", *files, *(word for key in keys for word in ("--system", key))]) == 0
    study, _ = written("own")
    assert study.system.periodic == {"psi": 360}
    assert study.system.energy.unit == "kT"
    assert study.representation.lag == 1  # of two frames between exchanges
    assert [feature.kind for feature in study.featurize.plane] == ["columns"]  # sin and cos


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--columns", "300=a.colvar", "400=c.colvar"], "c.colvar: there is no such file"),
        (["--columns", "300=a.colvar", "400=x*.colvar"], "x*.colvar: there is no such file"),
        (["--columns", "a.colvar"], "--columns a.colvar: write TEMPERATURE=FILE,FILE"),
        (["--columns", "300=a.colvar"], "one temperature (300) cannot say"),
        (["A", "--columns", "300=a.colvar", "400=b.colvar"], "'A' cannot be combined with"),
        (["--columns", "300=a.colvar", "400=b.colvar", "--topology", FOLDED], "--topology: is not for --columns"),
        (
            ["--columns", "300=a.colvar", "400=b.colvar", "--system", "features=[d]"],
            "is one column, the fixed plane needs two",
        ),
        (
            ["--columns", "300=a.colvar", "400=b.colvar", "--system", "features=[e, d]"],
            "a.colvar: column 'e' is not there",
        ),
        (["--columns", "300=e.colvar", "400=b.colvar"], "e.colvar: has no column for a feature, only time, ene"),
        (
            ["--columns", "300=u.csv", "400=b.colvar"],
            "u.csv: does not give the unit of 'ene'; write --system 'energy={column: ene, unit: kJ/mol}'",
        ),
        (["--energies", "300=a.colvar"], "existing MD needs --topology and --trajectories"),
    ],
)
def test_columns_that_do_not_do_are_refused_in_one_line(capsys, arguments, words):
    for name in ("a", "b"):
        columns_file(f"{name}.colvar", 300 + ord(name))
    columns_file("u.csv", 400, ",", first="")
    Path("e.colvar").write_text("#! FIELDS time ene\n0 1\n1 2\n")
    assert words in refused(capsys, *arguments)


@pytest.mark.parametrize("lengths", [[130, 90], [210], [5000, 5000, 20000], [10, 10], [7, 1000]])
def test_existing_md_is_cut_into_blocks_that_are_there(lengths):
    walkers, frames = cut_into_walkers(lengths).values()
    assert len(cut([str(i) for i in range(len(lengths))], lengths, walkers, frames)) == walkers
    assert walkers * frames > 0.5 * sum(lengths)


def test_md_that_takes_too_long_here_is_shortened_to_fit():
    simulate = {"walkers": 32, "frames": 2000, "save_every": 25000, "equilibration": 250000, "time_step": 0.004}
    proposal = Proposal(simulate, [], [], [], 20, {})
    assert length(simulate) == pytest.approx(6400)
    fit_to(proposal, 150.0)
    assert length(proposal.simulate) == pytest.approx(150, rel=0.06)
    assert proposal.lag * 20 <= proposal.simulate["frames"]
    assert proposal.simulate["walkers"] == 16, "intervals need independent pieces"


def test_the_cost_is_told_and_bounds_the_length(monkeypatch, capsys):
    """A machine of 1000 walker-steps/s, 346 ns/day: two days give 346 ns per temperature when one can run at a time."""
    monkeypatch.setattr("thermolatent.simulate.speed.measure", lambda *_: Speed("CPU", 1000.0, 0.004, 1, 1.0))
    assert main(["init", FOLDED, "--train", "340", "440", "--name", "slow"]) == 0
    study, text = written("slow")
    assert "about 2" in text
    assert "days for all of train on this machine (CPU, one job per temperature: 350 ns/day)" in text
    assert "this molecule needs about 6.4 us" in text.replace("\n# ", " ")
    assert length(study.simulate.model_dump()) == pytest.approx(346, rel=0.06)


def test_values_are_written_as_people_write_them():
    assert flow({"a": [340.0, 0.25], "b": "name CA", "c": None}) == "{a: [340, 0.25], b: name CA, c: null}"
    assert yaml.safe_load(flow({"file": "x: y.pdb", "on": "yes"})) == {"file": "x: y.pdb", "on": "yes"}


def test_refusing_needs_neither_torch_nor_openmm():
    code = (
        "import sys; from thermolatent.cli import main; main(['init', 'A', '--train', '300']);"
        "print({'torch', 'openmm', 'mdtraj'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "one temperature (300)" in done.stderr
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
@pytest.mark.workflow
def test_the_whole_workflow_runs_at_scale_smoke(tmp_path):
    assert main(["init", "A", "--train", "300", "400", "--no-probe"]) == 0
    done = snakemake(tmp_path, "--cores", "2", "--config", "studies=[a]", "scale=smoke", "seeds=[0]")
    assert done.code == 0, done.error
    assert Path("results/a@smoke/report.html").is_file()
