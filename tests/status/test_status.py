"""The status of a study, from files and logs that are written as the stages and rules write them."""

import json
import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studies_for_tests import SOUND, changed, write, written

from thermolatent.cli import main
from thermolatent.files import artifacts
from thermolatent.status.jobs import Jobs, seeds_seen
from thermolatent.status.state import SILENT_SECONDS, last_losses, look
from thermolatent.status.view import view
from thermolatent.study.jobs import JOBS
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study, save_resolved


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A study with results and logs folders in the working directory; nothing is done."""
    write(tmp_path, SOUND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)
    save_resolved(find_study("mine", ["studies"]), Layout("results/mine"))
    return Layout("results/mine")


@pytest.fixture
def jobs(project):
    return Jobs(artifacts.load_json(project.study), "results", "logs", [0])


def put(path, text=""):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def table(text):
    """Rows of the status by their first two words."""
    return {tuple(line.split()[:2]): re.split(r"\s{2,}", line) for line in text.splitlines() if line.strip()}


def test_jobs_are_those_of_the_workflow(jobs):
    """One per rule and wildcards; the outputs are the layout's."""
    count = {}
    for job in jobs:
        count[job.stage] = count.get(job.stage, 0) + 1
    assert count == {
        **{"simulate": 3, "featurize": 3, "represent": 1, "reweight": 1, "learn": 1, "generate": 1, "validate": 2},
        **{"gather": 1, "figures": 1, "report": 1},
    }
    outputs = [job.output for job in jobs]
    assert len(set(outputs)) == len(outputs)


def test_a_model_s_own_spib_is_a_job(tmp_path):
    study = written(tmp_path, changed("models.latf.representation", {"lag": 2}))
    content = study.model_dump(mode="json", by_alias=True)
    jobs = Jobs(content, "results", "logs", [0])
    assert [job.output for job in jobs if job.stage == "represent"] == [
        JOBS["represent"](study, jobs.layout, seed=0, model=model).outputs.model for model in ("baselines", "latf")
    ]
    assert "SPIB of latf" in view(jobs)


def test_an_output_is_done_whatever_its_log_says(jobs):
    job = jobs.md(0.5)
    put(job.log, "thermolatent simulate: blew up\n")
    assert look(job).state == "failed"
    put(job.output)
    assert look(job).state == "done"


def test_a_log_tells_how_far_a_job_is(jobs):
    job = jobs.md(0.5)
    assert look(job).state == "waiting"
    put(job.log)
    assert look(job).state == "running"
    put(job.log, "13:30:33 MD at T=0.5: 51% (31000/61000), 6 s gone, 6 s left, 1.3e6 walker-steps/s\n13:30:34 more\n")
    found = look(job)
    assert (found.state, found.left, found.note) == ("running", "6 s left", "1.3e6 walker-steps/s")
    assert found.share == pytest.approx(31 / 61)


@pytest.mark.parametrize(
    ("text", "state", "note"),
    [
        ("13:30:33 x\nthermolatent simulate: MD at T=0.5: walker 3 blew up\n", "failed", "walker 3 blew up"),
        (
            "thermolatent simulate: MD at T=0.5 told to stop after 3 of 20 frames, all saved\n",
            "stopped",
            "told to stop",
        ),
        ("thermolatent simulate: interrupted\n", "stopped", "interrupted"),
        ("Traceback (most recent call last):\n  File x\nMemoryError: no\n", "failed", "MemoryError: no"),
    ],
)
def test_a_log_tells_why_a_job_ended(jobs, text, state, note):
    put(jobs.md(0.5).log, text)
    found = look(jobs.md(0.5))
    assert found.state == state
    assert note in found.note


def test_a_job_that_says_nothing_for_long_is_not_called_running(jobs):
    put(jobs.md(0.5).log, "13:30:33 MD at T=0.5: 51% (31000/61000), 6 s gone, 6 s left\n")
    assert look(jobs.md(0.5), time.time() + SILENT_SECONDS - 10).state == "running"
    found = look(jobs.md(0.5), time.time() + SILENT_SECONDS + 10)
    assert (found.state, found.left) == ("silent", "")


def test_md_started_by_hand_is_known_by_its_checkpoint(project, jobs):
    header = json.dumps({"identity": {"frames": 20}, "progress": {"frames": 5}}).encode()
    path = Path(f"{project.simulation(0.5)}.partial/checkpoint")
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"state")
    found = look(jobs.md(0.5))
    assert (found.state, found.share) == ("running", 0.25)
    os.utime(path, (1, 1))
    assert look(jobs.md(0.5)).state == "stopped"


def test_real_md_in_its_log_is_read_again(project, monkeypatch):
    """What MD writes is what the status reads: a run whose log goes to a file."""
    put("logs/mine/simulate/T0.5.log")
    with open("logs/mine/simulate/T0.5.log", "w") as log:
        arguments = [sys.executable, "-m", "thermolatent.cli", "simulate", "mine", "--temperature", "0.5"]
        subprocess.run(arguments, stderr=log, check=True)
    job = Jobs(artifacts.load_json(project.study), "results", "logs", [0]).md(0.5)
    assert look(job).state == "done"
    Path(job.output).unlink()  # as if it still ran
    found = look(job)
    assert (found.state, found.share) == ("running", 1.0)
    assert re.fullmatch(r"[\d.e]+ walker-steps/s", found.note)


def test_the_view_has_speeds_losses_and_failures(project, jobs, capsys):
    artifacts.save_json(
        project.protocol(0.5), {"walker_steps_per_second": 1234567, "time_step": 0.02, "kT": 0.5, "temperature": 0.5}
    )
    put(project.spib(0))
    put(project.history(project.spib(0)), "stage,step,seconds,loss,held_out_cross_entropy\nrefinement 0,1,1,2,1.25\n")
    put(jobs.training("learn", 0, "latf").log, "thermolatent learn: density, step 3: loss is nan; lower the rate\n")
    assert main(["status", "mine"]) == 0
    out = capsys.readouterr().out
    rows = table(out)
    assert out.startswith("mine: 2 of 15 jobs done, 1 failed, 12 waiting\n")
    assert rows["0.5", "train"] == ["0.5", "train", "done", "1.2e6 walker-steps/s", "waiting"]
    assert rows["1", "reference"][2:] == ["waiting", "waiting"]
    assert rows["SPIB", "0"][2:] == ["done", "1.25"]
    assert (
        "failed: learn latf/seed0: density, step 3: loss is nan; lower the rate (logs/mine/learn/latf/seed0.log)" in out
    )


def test_speeds_of_molecules_are_in_ns_per_day(project, capsys):
    told = {"walker_steps_per_second": 1000, "time_step": 0.004, "kT": 2.5, "temperature": 300}
    artifacts.save_json(project.protocol(0.5), told)
    main(["status", "mine"])
    assert table(capsys.readouterr().out)["0.5", "train"][3] == "350 ns/day"  # 4 ps/s


def test_losses_are_the_last_of_each_stage(tmp_path):
    put(tmp_path / "h.csv", "stage,step,seconds,held_out\nwhich_t,1,1,0.7\nconditional,1,1,0.9\nconditional,2,1,0.8\n")
    assert last_losses(str(tmp_path / "h.csv")) == {"which_t": 0.7, "conditional": 0.8}
    assert last_losses(str(tmp_path / "none.csv")) == {}


def test_seeds_are_those_that_have_been_started(project):
    put(project.model("latf", 2))
    put("logs/mine/represent/seed5.log")
    put("logs/mine/learn/latf/seed7.log")
    assert seeds_seen("results/mine", "logs/mine") == [2, 5, 7]


def test_a_study_that_has_not_been_started_waits(tmp_path, monkeypatch, capsys):
    write(tmp_path, SOUND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)
    assert main(["status", "mine"]) == 0
    assert capsys.readouterr().out.startswith("mine: 0 of 15 jobs done, 15 waiting\n")
    assert main(["status"]) == 1
    assert "results: no study has results here" in capsys.readouterr().err
    assert main(["status", "mein"]) == 1
    assert "no such study, did you mean 'mine'?" in capsys.readouterr().err


def test_without_a_name_every_study_has_a_line(project, capsys):
    other = artifacts.load_json(project.study) | {"name": "other"}
    artifacts.save_json("results/other/study.json", other)
    assert main(["status"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["mine", "other"]


def test_watching_ends_when_all_is_done(project, jobs, capsys, monkeypatch):
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        for job in jobs:
            put(job.output, "{}")

    monkeypatch.setattr(time, "sleep", sleep)
    for T in jobs.temperatures:
        put(jobs.md(T).output, '{"format_version": 1, "walker_steps_per_second": 0}')
    assert main(["status", "mine", "--watch", "7"]) == 0
    assert waits == [7]
    assert "15 of 15 jobs done" in capsys.readouterr().out


def test_nothing_heavy_is_imported(project):
    code = (
        "import sys; from thermolatent.cli import main; main(['status', 'mine']);"
        "print({'torch', 'openmm', 'mdtraj', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_file_is_told_by_where_it_lies(project, capsys):
    put(project.predictions)
    put(project.medoids("latf", 0, 1.5))
    put("results/mine/notes.txt")
    assert main(["status", project.predictions]) == 0
    assert (
        capsys.readouterr().out
        == f"{project.predictions}: the predictions: populations with 95 % intervals and verdicts\n"
    )
    assert main(["status", "results/mine"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{project.medoids('latf', 0, 1.5)}: one structure per named state",
        f"{project.study}: the study with every default filled in",
        f"{project.predictions}: the predictions: populations with 95 % intervals and verdicts",
    ]


@pytest.mark.parametrize(
    ("file", "words"),
    [("results/nothing.csv", "there is no such file"), ("results/mine/a.txt", "is not a file of a study's")],
)
def test_what_is_no_result_is_told_in_one_line(project, capsys, file, words):
    put("results/mine/a.txt")
    assert main(["status", file]) == 1
    assert capsys.readouterr().err.startswith(f"thermolatent status: {file}: {words}")
