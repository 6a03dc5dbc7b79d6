import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from studies_for_tests import BAD, SOUND, changed, write

from thermolatent.cli import build_parser, main
from thermolatent.files import artifacts
from thermolatent.study.layout import Layout
from thermolatent.study.stages import STAGES


def command(folder, *arguments):
    """Run ``thermolatent`` in ``folder``; returns exit code, stdout and stderr."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("THERMOLATENT")}
    done = subprocess.run(
        [sys.executable, "-m", "thermolatent.cli", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def one_line(folder, *arguments):
    """The one line with which a command fails."""
    code, _, error = command(folder, *arguments)
    return the_line(arguments, code, error)


def the_line(arguments, code, error):
    assert code == 1, error
    assert "Traceback" not in error
    *progress, line = error.strip().splitlines()
    assert all(text[:2].isdigit() for text in progress), error  # log lines begin with the time
    assert line.startswith(f"thermolatent {arguments[0]}: ")
    return line


@pytest.fixture
def one_line_here(capsys, monkeypatch):
    """:func:`one_line` in this process, for the many commands that fail before they begin."""
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        code = main([*map(str, arguments)])
        return the_line(arguments, code, capsys.readouterr().err)

    return run


@pytest.fixture
def project(tmp_path):
    write(tmp_path, SOUND)
    return tmp_path


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A project with finished MD at one temperature."""
    folder = tmp_path_factory.mktemp("simulated")
    write(folder, SOUND)
    code, _, error = command(folder, "simulate", "mine", "--temperature", 0.5, "--threads", 1)
    assert code == 0, error
    return folder


def test_the_shell_completes_commands_and_studies():
    """As bash asks: the line and the place of the cursor in the environment, answers on descriptor 8."""

    def asked(line):
        code = "import os, sys; os.dup2(1, 8); from thermolatent.cli import main; main()"
        environment = {
            **os.environ,
            **{
                "_ARGCOMPLETE": "1",
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
                "COMP_TYPE": "9",
                "_ARGCOMPLETE_IFS": "\n",
            },
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return [word.strip() for word in done.stdout.split("\n") if word.strip()]

    assert "predict" in asked("thermolatent pre")
    assert {"lj7", "lj7_bath"} <= set(asked("thermolatent run lj7"))
    assert asked("thermolatent figure three_hole_com") == ["three_hole_compare"]
    assert asked("thermolatent advise three_hole_com") == ["three_hole_compare"]
    assert asked("thermolatent figure lj7 popu") == ["populations"]


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys; from thermolatent.cli import build_parser; build_parser().format_help();"
        "print({'torch', 'openmm', 'numpy', 'pydantic', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_bad_study_is_refused_without_torch_and_openmm(tmp_path):
    """Every error of the study file itself comes before anything heavy is imported."""
    write(tmp_path, changed(*BAD[next(iter(BAD))][:2]))
    code = (
        "import sys; from thermolatent.cli import main; assert main(['check', 'mine']) == 1;"
        "print({'torch', 'openmm', 'mdtraj', 'matplotlib', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_stage_is_a_subcommand():
    assert commands_by_group()["the workflow's jobs"] == list(STAGES)


def commands_by_group():
    """group of ``--help`` -> its commands."""
    found = {}
    for block in build_parser().format_help().split("\n\n"):
        title, *lines = block.splitlines()
        if lines and title.endswith(":"):
            found[title.rstrip(":")] = [line.split()[0] for line in lines]
    return found


def test_help_has_the_commands_in_the_order_of_use():
    groups = commands_by_group()
    assert groups["start"] == ["init", "check", "run", "status"]
    assert groups["look"] == ["predict", "advise", "figure", "states", "export"]
    assert groups["machine"] == ["doctor"]


def test_a_sound_study_is_fine(project):
    code, out, _ = command(project, "check", "mine")
    assert code == 0
    fine = "mine: fine (train 0.5, 1.5; predict 1; reference 1; models latf)\n"
    assert out == f"{fine}  thermolatent run mine\n"
    code, out, _ = command(project, "check", "mine", "--studies", "studies")
    assert out == f"{fine}  thermolatent run mine --studies studies\n"


@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_study_is_refused_in_one_line(one_line_here, tmp_path, wrong):
    key, value, words = BAD[wrong]
    write(tmp_path, changed(key, value))
    line = one_line_here(tmp_path, "check", "mine")
    assert line.startswith("thermolatent check: studies/mine.yaml: ")
    assert not [word for word in words if word not in line], line


def test_broken_yaml_is_refused_in_one_line(tmp_path):
    write(tmp_path, "system: {kind: three_hole\nsimulate: 3\n")
    assert "studies/mine.yaml: line 2, column" in one_line(tmp_path, "simulate", "mine")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "mein"], "no such study, did you mean 'mine'?"),
        (["simulate", "mine@smoke"], "scales: has no 'smoke'"),
        (
            ["simulate", "mine", "--temperature", 0.7],
            "study mine has no simulated temperature 0.7, known: 0.5, 1.0, 1.5",
        ),
        (["featurize", "mine", "--temperature", -1], "no simulated temperature -1.0"),
        (["learn", "mine", "--model", "laft"], "study mine has no model 'laft', did you mean 'latf'?"),
        (["learn", "mine", "--model", "baselines"], "study mine has no model 'baselines'"),
    ],
)
def test_what_is_not_in_the_study_is_refused_in_one_line(one_line_here, project, arguments, words):
    assert words in one_line_here(project, *arguments)
    assert not (project / "results").exists()


def test_nothing_of_the_command_line_is_guessed(project, capsys):
    for arguments in (["lern", "mine"], ["learn", "mine", "--modl", "x"], ["learn", "mine", "--threads", "0"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "usage:" in capsys.readouterr().err


def test_debug_shows_where_an_error_comes_from(project):
    code, _, error = command(project, "check", "mein", "--debug")
    assert code == 1
    assert "Traceback" in error


def test_md_leaves_the_resolved_study_and_every_walker(simulated):
    layout = Layout(str(simulated / "results/mine"))
    assert artifacts.load_json(layout.study)["simulate"]["walkers"] == 2
    assert all(Path(path).is_file() for path in layout.trajectories(0.5, 2))
    assert artifacts.load_json(layout.protocol(0.5))["frames"] == 20


def test_a_missing_trajectory_is_told(simulated, tmp_path):
    shutil.copytree(simulated, tmp_path, dirs_exist_ok=True)
    lost = Path(Layout("results/mine").trajectory(0.5, 1))
    (tmp_path / lost).unlink()
    line = one_line(tmp_path, "featurize", "mine", "--temperature", 0.5)
    assert f"{lost}: " in line
    assert "missing" in line
    assert (tmp_path / Layout("results/mine").trajectory(0.5, 0)).is_file()


def test_a_truncated_trajectory_is_told(simulated, tmp_path):
    shutil.copytree(simulated, tmp_path, dirs_exist_ok=True)
    short = Path(Layout("results/mine").trajectory(0.5, 1))
    content = (tmp_path / short).read_bytes()
    (tmp_path / short).write_bytes(content[: len(content) * 3 // 4])
    assert f"{short}: " in one_line(tmp_path, "featurize", "mine", "--temperature", 0.5)
    assert not (tmp_path / Layout("results/mine").features(0.5)).exists()


def test_a_missing_input_is_told(one_line_here, project):
    line = one_line_here(project, "represent", "mine")
    assert "features" in line
    assert "missing" in line


@pytest.mark.parametrize("version", [0, 2])
def test_a_model_file_of_another_version_is_told(one_line_here, project, version):
    import torch
    from safetensors.torch import save_file

    path = project / Layout("results/mine").model("latf", 0)
    path.parent.mkdir(parents=True)
    header = {"format_version": version, "kind": "model", "spec": {}}
    save_file({"w": torch.zeros(1)}, path, {"thermolatent": json.dumps(header)})
    line = one_line_here(project, "generate", "mine", "--model", "latf")
    assert f"learn/latf/seed0.safetensors: format version {version}, this thermolatent reads version 1" in line
    assert path.is_file()


def test_threads_are_limited_before_a_library_starts_them(project):
    code = (
        "import os, sys; from thermolatent.cli import main; main(['represent', 'mine', '--threads', '1']);"
        "import torch; print(torch.get_num_threads())"
    )
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr
