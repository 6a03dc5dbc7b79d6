"""Each code block of README and docs does what it says: commands are known, studies are sound, Python runs."""

import argparse
import functools
import io
import re
import subprocess
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import code_blocks
import numpy as np
import pytest
import snakemake.cli
import yaml
from code_blocks import BLOCKS, CHECKED, HOME, commands, is_command, words
from molecules_for_tests import alanine_dipeptide
from reweight import two_states

import thermolatent.densities.fit as fit
from thermolatent.cli import build_parser, main
from thermolatent.parsing import merge, parse
from thermolatent.study.checks import check_molecule
from thermolatent.study.loading import Project, load_study
from thermolatent.study.project import find_study

EXECUTED = [block for block in BLOCKS if block.kind != "text" and not block.reason]


def of_kind(kind):
    return pytest.mark.parametrize("block", [b for b in EXECUTED if b.kind == kind], ids=str)


def test_no_block_escapes():
    """Fences that the parser did not see, or a kind without a test, would go unnoticed."""
    for page in code_blocks.PAGES:
        name = page.relative_to(HOME).as_posix()
        fences = len(re.findall(r"^\s*```[\w{]", page.read_text(), re.M))
        directives = len(re.findall(r"^\s*```\{", page.read_text(), re.M))
        assert sum(b.page == name for b in BLOCKS) >= fences - directives, name
    assert {b.kind for b in EXECUTED} == {"shell", "yaml", "python"}
    assert set(CHECKS) == set(CHECKED)


def test_text_is_no_hidden_code():
    for block in BLOCKS:
        if block.kind == "text":
            assert not [line for line in commands(block.text) if line.split()[0] in CHECKED[:3]], str(block)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("    frobnicate --all\n", "what kind of block is it"),
        ("```ruby\nputs 1\n```\n", "a block of ruby"),
        ("```\nthermolatent check lj7\n```\n", ("shell", "")),
        ("<!-- not executed: needs a cluster -->\n\n```shell\nsbatch me\n```\n", ("shell", "needs a cluster")),
        ("<!-- not executed: -->\n\n```shell\nsbatch me\n```\n", ("shell", "")),
        ("1. In a list:\n\n   ```python\n   x = 1\n   ```\n", ("python", "")),
    ],
)
def test_the_kind_of_a_block_is_told_or_refused(tmp_path, monkeypatch, text, told):
    monkeypatch.setattr(code_blocks, "HOME", tmp_path)
    (tmp_path / "page.md").write_text(text)
    if isinstance(told, str):
        with pytest.raises(ValueError, match=rf"page\.md:1: {told}"):
            code_blocks.blocks_of(tmp_path / "page.md")
    else:
        (block,) = code_blocks.blocks_of(tmp_path / "page.md")
        assert (block.kind, block.reason) == told


# shell


def known_to(parser: argparse.ArgumentParser, arguments: list[str]) -> str:
    """What argparse has against the arguments; empty if nothing."""
    told = io.StringIO()
    try:
        with redirect_stderr(told), redirect_stdout(told):
            parser.parse_args(arguments)
    except SystemExit as stop:
        return told.getvalue() if stop.code else ""
    return ""


def make_targets():
    return set(re.findall(r"^([a-z0-9-]+):", (HOME / "Makefile").read_text(), re.M))


def check_thermolatent(arguments):
    options, further = build_parser().parse_known_args(arguments)
    if options.passes_on:
        scale = [f"scale={options.scale}"] if options.scale else []
        check_snakemake([*further, "--config", f"studies=[{','.join(options.names)}]", *scale])
    else:
        assert not further


def check_snakemake(arguments):
    assert not known_to(snakemake.cli.get_argument_parser(), arguments)
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "--workflow-profile":
            assert (HOME / "profiles" / after / "profile.yaml").is_file(), after
    settings = dict(word.split("=", 1) for word in arguments if re.match(r"(studies|scale|seeds)=", word))
    content = {key: yaml.safe_load(value) for key, value in settings.items()}
    if "studies" in content:
        content["studies"] = list(np.atleast_1d(content["studies"]))
    project = parse(Project, {**yaml.safe_load((HOME / "config.yaml").read_text()), **content}, "block")
    suffix = "" if project.scale == "full" else f"@{project.scale}"
    for name in project.studies:
        if name not in ("mine", "my", "ala"):  # the reader's own
            find_study(name + suffix if "@" not in name else name, [HOME / "studies"])


def check_make(arguments):
    targets = [word for word in arguments if "=" not in word and not word.startswith("-")]
    assert set(targets) <= make_targets(), targets


def check_pip(arguments):
    assert arguments[0] == "install"
    extras = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        if word in ("-c", "-r"):
            assert (HOME / after).is_file(), after
        if named := re.match(r"\.\[([\w,]+)\]", word):
            assert set(named[1].split(",")) <= set(extras), word


def check_python(arguments):
    if arguments[0] == "-m":
        assert arguments[1] in ("venv", "openmm.testInstallation", "sphinx", "pytest"), arguments
        return
    script = HOME / arguments[0]
    assert script.is_file(), arguments[0]
    text = script.read_text()
    assert not [word for word in arguments[1:] if word.startswith("--") and f'"{word}"' not in text]


def check_conda(arguments):
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "-f":
            assert (HOME / after).is_file(), after


#: By program, what its arguments are held to.
CHECKS = {
    "thermolatent": check_thermolatent,
    "snakemake": check_snakemake,
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
    "conda": check_conda,
}


@of_kind("shell")
def test_commands_are_known(block):
    assert commands(block.text), str(block)
    for command in commands(block.text):
        assert is_command(command), f"{block}: {command}"
        program, *arguments = words(command)
        if Path(program).name in CHECKS:  # .venv/bin/pip too
            CHECKS[Path(program).name](arguments)


def test_make_knows_what_it_would_do():
    targets = {
        a for b in EXECUTED if b.kind == "shell" for c in commands(b.text) for a in words(c)[1:] if "make" in c[:4]
    }
    for target in sorted(targets & make_targets()):
        subprocess.run(["make", "-n", target], cwd=HOME, check=True, capture_output=True)


# yaml

#: What a block that shows one section is completed with.
BASE = {
    "system": {"kind": "peptide", "sequence": "GYDPETGTWG", "hydrogen_mass": 3.0},
    "temperatures": {"train": [340, 440], "predict": [360, 380, 400, 420]},
    "simulate": {"walkers": 20, "frames": 5000, "time_step": 0.002},
    "featurize": {"features": ["backbone_torsions"], "plane": ["rmsd", "radius_of_gyration"]},
    "models": {"latf": {"density": "flow"}},
    "validate": {"states": {"kind": "nearest", "centers": {"a": [0.3, 0.6], "b": [0.6, 1.0]}}},
}


@pytest.fixture
def folder_of_a_reader(tmp_path, monkeypatch):
    """A working directory in which every file that a block names exists."""
    import mdtraj

    monkeypatch.chdir(tmp_path)
    topology, positions = alanine_dipeptide()
    text = "\n".join(block.text for block in EXECUTED if block.kind == "yaml")
    for name in set(
        re.findall(r"[\w/.]+\.(?:pdb|xtc|xvg|colvar|prmtop|inpcrd|xml|top|gro|psf|prm|rtf|py)(?:\.gz)?\b", text)
    ):
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path.suffix == ".pdb":
            mdtraj.Trajectory(positions[:1], topology).save_pdb(str(path))
    functions = [block.text for block in BLOCKS if block.kind == "python" and "salt_bridge" in block.text]
    (tmp_path / "my_observables.py").write_text(functions[0])
    (tmp_path / "studies").mkdir()
    for path in (HOME / "studies").glob("*.yaml"):
        (tmp_path / "studies" / path.name).write_text(path.read_text())
    return tmp_path


def documents(text):
    """Content of a block; one that shows several ways to write a key is several documents."""
    first = re.match(r"(?:\s*#.*\n)*(\w+):", text)
    parts = re.split(rf"^(?={first[1]}:)", text, flags=re.M) if first else [text]
    return [content for part in parts if (content := yaml.safe_load(part)) is not None]


def completed(content):
    """A study of which ``content`` is a part; a whole study as it is."""
    if {"system", "featurize", "models"} <= set(content):
        return content
    if "from" in content.get("simulate", {}):  # its MD and its system are another study's
        rest = {key: value for key, value in BASE.items() if key not in ("system", "temperatures")}
        return {**rest, "temperatures": {"train": [340, 440]}, **content, "simulate": {"from": "chignolin"}}
    if "system" not in content:
        return merge(BASE, content)
    simulate = dict(BASE["simulate"])
    if content["system"]["kind"] in ("trajectories", "colvar"):
        simulate.pop("time_step")
    elif content["system"]["kind"] == "structure_based":
        pass  # in reduced units, without any surroundings
    elif "Explicit" in content["system"].get("name", content["system"].get("solvent", "explicit").title()):
        simulate["pressure"] = 1
    return {**BASE, "simulate": simulate, **content}


@of_kind("yaml")
def test_studies_are_sound(block, folder_of_a_reader):
    for content in documents(block.text):
        if set(content) <= set(Project.model_fields):
            parse(Project, content, str(block))
            continue
        whole = completed(content)
        (folder_of_a_reader / "studies/shown.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
        study = load_study("shown")
        for scale in whole.get("scales", {}):
            load_study(f"shown@{scale}")
        if study.system.kind == "peptide" and (whole is content or "kind: function" in block.text):
            # what thermolatent check does besides
            check_molecule(study)


# python


@pytest.fixture(scope="module")
def namespaces(finished):
    """Names that a page's blocks share, as its reader's session does; and the file that a command of docs/python.md writes."""
    folders = [f"--{name}={finished / name}" for name in ("studies", "results")]
    weights = ["weights", "lj7", "--temperature=0.35", f"--out={finished / 'lj7.T0.35.weights.csv'}"]
    assert main(["export", *weights, *folders]) == 0
    rng = np.random.default_rng(0)
    own = {"z": rng.normal(size=(400, 2)), "temperatures": np.repeat([0.2, 0.5], 200)}
    md = two_states.md()  # of one's own, at two temperatures
    own |= {f"my_{name}": md[name] for name in ("features", "energies")}
    own["my_states"] = [np.where(states == 1, "folded", "unfolded") for states in md["states"]]
    own["observable"] = np.concatenate([features[..., 0].ravel() for features in md["features"]])
    own["bins"] = np.digitize(own["observable"], [0.0, 0.5, 1.0])
    return {block.page: dict(own) for block in EXECUTED}


@of_kind("python")
def test_python_runs(block, finished, namespaces, monkeypatch, capsys):
    monkeypatch.chdir(finished)
    short = functools.partial(fit.FitOptions, steps=20, batch_size=64, evaluate_every=10)
    monkeypatch.setattr(fit, "FitOptions", short)
    exec(compile(block.text, str(block), "exec"), namespaces[block.page])


def test_several_starts_from_the_md_of_a_first_study(tmp_path, monkeypatch):
    """What the peptide's tutorial does with MD of the reader's own: the prepared files are the same molecule."""
    import mdtraj

    monkeypatch.chdir(tmp_path)
    first = {**BASE, "system": {"kind": "alanine_dipeptide", "solvent": "implicit", "hydrogen_mass": 3.0}}
    Path("studies").mkdir()
    Path("studies/mine.yaml").write_text(yaml.safe_dump(first))
    system = load_study("mine").system
    topology = mdtraj.Topology.from_openmm(system.topology())
    (start,) = system.starts().values()
    rng = np.random.default_rng(0)
    last = {}
    for T, walker in ((340, 0), (440, 0), (440, 1)):
        folder = Path(f"results/mine/simulate/T{T}")
        folder.mkdir(parents=True, exist_ok=True)
        last[T, walker] = start + rng.normal(0, 0.003, (2, *start.shape))
        mdtraj.Trajectory(start[None], topology).save_pdb(str(folder / "topology.pdb"))
        mdtraj.Trajectory(last[T, walker], topology).save_dcd(str(folder / f"walker{walker:02d}.dcd"))
    page = [block for block in BLOCKS if block.page == "docs/peptide.md"]
    exec(compile(next(b.text for b in page if "XmlSerializer" in b.text), "block", "exec"), {})
    shown = yaml.safe_load(next(b.text for b in page if "system_xml" in b.text))
    Path("studies/mine2.yaml").write_text(yaml.safe_dump({**first, **shown}))
    prepared = load_study("mine2").system
    assert list(prepared.starts()) == ["first", "second", "third"]
    frames = np.array([positions[-1] for positions in last.values()])
    np.testing.assert_allclose([*prepared.starts().values()], frames, atol=1e-4)  # as a PDB file has them
    np.testing.assert_allclose(prepared.potential_energy(frames), system.potential_energy(frames), rtol=1e-9)


def test_the_notebook_runs_and_shows_what_it_computed(finished, monkeypatch, capsys):
    import nbformat

    monkeypatch.chdir(finished)
    notebook = nbformat.read(HOME / "docs/notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), (
        "execute it whole (docs/developers.md)"
    )
    shown = [output for cell in cells for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
    assert {"text/html", "image/png"} < {kind for output in shown for kind in output.get("data", {})}
    namespace = {}
    for k, cell in enumerate(cells):
        exec(compile(re.sub(r"^%.*$", "", cell.source, flags=re.M), f"notebook cell {k}", "exec"), namespace)
    named = namespace["run"].reweighting.state_names
    there = namespace["there"].set_index("state")["value"]
    assert there[list(named)].sum() == pytest.approx(1)
    assert namespace["fitted"].populations["value"].sum() == pytest.approx(1)
    assert len(namespace["ensemble"]) == 500
    assert "effective frames" in capsys.readouterr().out
