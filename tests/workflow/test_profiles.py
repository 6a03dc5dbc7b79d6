"""The profiles: they know only rules that exist, plan every study, and say to schedulers what they should."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from running_snakemake import HOME, SNAKEMAKE, snakemake
from studies_for_tests import SOUND, changed, write

pytestmark = pytest.mark.workflow

PROFILES = {path.parent.name: path for path in (HOME / "profiles").glob("*/profile.yaml")}
READ = {name: yaml.safe_load(path.read_text()) for name, path in PROFILES.items()}
OTHERS = sorted(set(PROFILES) - {"default"})
#: Name and keys of each scheduler's block in the profile cluster-generic, its comment signs taken off.
SCHEDULERS = {
    name: yaml.safe_load(re.sub("^# ", "", block, flags=re.M))
    for name, block in re.findall(
        r"^# (\w+).*\n((?:# (?: |cluster-generic-).*\n)+)", PROFILES["cluster-generic"].read_text(), re.M
    )
}


def test_the_blocks_of_the_schedulers_are_found():
    assert set(SCHEDULERS) == {"LSF", "Grid", "PBS"}


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_default_profile_says_holds_in_every_other(name):
    assert READ[name].items() >= READ["default"].items()


@pytest.mark.parametrize("name", PROFILES)
def test_retries_are_only_where_jobs_are_submitted(name):
    assert ("retries" in READ[name]) == ("executor" in READ[name])


def test_no_rule_has_retries_or_gpus():
    for path in (HOME / "workflow").rglob("*.smk"):
        assert not re.search(r"^\s+(retries:|gpu\w*=)", path.read_text(), re.M), path


@pytest.mark.parametrize("name", OTHERS)
def test_every_key_has_a_comment(name):
    """A key's comment is above it, or above the keys that it belongs to, or beside it."""
    lines = PROFILES[name].read_text().splitlines()
    explained = False
    for line in lines:
        if not line.strip():
            explained = False
        elif line.lstrip().startswith("#"):
            explained = True
        elif line[0] != " " and not line.startswith(("executor:", "scheduler:")):
            assert explained, f"{name}: {line}"


@pytest.mark.parametrize("name", OTHERS)
def test_md_alone_asks_for_a_gpu(plan, tmp_path, name):
    write(tmp_path, changed("tempering", True))
    scheduler = ["--cluster-generic-submit-cmd", "bsub"] if name == "cluster-generic" else []
    done = plan("--workflow-profile", str(PROFILES[name].parent), *scheduler, "--config", "studies=[mine]", "seeds=[0]")
    assert done.code == 0, done.error
    with_gpu = {job["rule"] for job in done.jobs if re.search(r"\bgpu=1\b", " ".join(job["resources"]))}
    assert with_gpu == {"simulate", "temper"}


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    """``scheduler(name)``: a fake one takes jobs from here on; returns the folder in which it notes them."""

    def start(name):
        fake, commands = tmp_path / "fake", tmp_path / "bin"
        fake.mkdir()
        commands.mkdir()
        (fake / "kind").write_text({"LSF": "lsf", "Grid": "sge", "PBS": "pbs"}[name])
        for command in ("bsub", "bjobs") if name == "LSF" else ("qsub", "qstat", "qacct"):
            (commands / command).symlink_to(HOME / "tests/workflow/fake_scheduler.py")
        path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), "/usr/bin:/bin"])
        monkeypatch.setenv("PATH", path)
        monkeypatch.setenv("FAKE_SCHEDULER", str(fake))
        monkeypatch.chdir(tmp_path)
        return fake

    return start


def submitted(fake):
    return [json.loads(line) for line in (fake / "submitted").read_text().splitlines()]


#: What a job with a GPU asks for of one that needs none, and has two threads.
ASKED = {
    "LSF": (
        "-n 1 -R span[hosts=1] rusage[mem=1500] -M 1500 -W 720 -gpu num=1",
        "-n 2 -R span[hosts=1] rusage[mem=4000] -M 4000 -W 30",
    ),
    "Grid": (
        "-pe smp 1 -l h_vmem=1500M -l h_rt=43200 -l gpu=1",
        "-pe smp 2 -l h_vmem=2000M -l h_rt=1800",
    ),
    "PBS": (
        "-l select=1:ncpus=1:mem=1500mb:ngpus=1 -l walltime=43200",
        "-l select=1:ncpus=2:mem=4000mb -l walltime=1800",
    ),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_a_scheduler_is_told_and_tells(scheduler, tmp_path, name):
    fake = scheduler(name)
    script = tmp_path / "job.sh"

    def job(exit_status, threads, gpu, mem_mb, runtime):
        script.write_text(f"while [ ! -e go ]; do sleep 0.05; done; exit {exit_status}\n")
        resources = SimpleNamespace(gpu=gpu, mem_mb=mem_mb, runtime=runtime)
        known = {"rule": "learn", "jobid": 7, "wildcards": "study=a@smoke", "threads": threads, "resources": resources}
        command = SCHEDULERS[name]["cluster-generic-submit-cmd"].format(**known)
        return subprocess.check_output(f'{command} "{script}"', shell=True, text=True).split("\n")[0].strip()

    def status(number):
        command = SCHEDULERS[name]["cluster-generic-status-cmd"]
        return subprocess.check_output(f"{command} '{number}'", shell=True, text=True).strip()

    for exit_status, told in ((0, "success"), (3, "failed")):
        number = job(exit_status, *((1, 1, 1500, 720) if exit_status == 0 else (2, 0, 4000, 30)))
        assert number
        assert status(number) == "running"
        (tmp_path / "go").touch()
        for _ in range(600):
            if (now := status(number)) != "running":
                break
            time.sleep(0.05)
        assert now == told
        (tmp_path / "go").unlink()
    jobs = submitted(fake)
    for arguments, asked in zip(jobs, ASKED[name], strict=True):
        assert asked in " ".join(arguments)
    assert not [word for word in jobs[1] if "gpu" in word]


def test_an_unknown_job_is_not_taken_for_a_finished_one(scheduler, tmp_path):
    scheduler("PBS")
    (tmp_path / "bin/qstat").unlink()
    (tmp_path / "bin/qstat").symlink_to("/bin/false")
    command = SCHEDULERS["PBS"]["cluster-generic-status-cmd"]
    assert subprocess.check_output(f"{command} '1'", shell=True, text=True).strip() == "running"


TOY = """
rule learn:
    output: "learn.txt"
    resources: mem_mb=lambda wildcards, attempt: 2000 * attempt, runtime=30, attempt=lambda wildcards, attempt: attempt
    shell: "test {resources.attempt} = 2 && touch {output}"
"""


def test_a_failed_job_is_submitted_again_with_more_memory(scheduler, tmp_path):
    fake, profile = scheduler("LSF"), tmp_path / "profile"
    profile.mkdir()
    content = READ["cluster-generic"] | SCHEDULERS["LSF"] | {"seconds-between-status-checks": 1, "latency-wait": 5}
    (profile / "profile.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "Snakefile").write_text(TOY)
    command = [SNAKEMAKE, "--workflow-profile", profile, "--snakefile", tmp_path / "Snakefile"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [job[job.index("-M") + 1] for job in submitted(fake)] == ["2000", "4000"]


@pytest.fixture
def told(tmp_path):
    """``told(command, *arguments)``: what a job with this command writes, in a workflow that is ours and this one rule."""

    def run(command, *arguments, waits_for="", rules=""):
        shutil.copytree(HOME / "studies", tmp_path / "studies")  # figures of papers are made of these
        write(tmp_path, SOUND)
        (tmp_path / "config.yaml").write_text("studies: [mine]\n")
        rule = f'rule told:\n    input: {waits_for}\n    output: "told.txt"\n    shell: "{command} > {{output}}"\n'
        (tmp_path / "Snakefile").write_text(f'include: "{HOME}/Snakefile"\n\n\n{rule}{rules}')
        done = snakemake(tmp_path, "told", *arguments, snakefile=tmp_path / "Snakefile")
        assert done.code == 0, done.out + done.error
        return (tmp_path / "told.txt").read_text().strip()

    return run


@pytest.mark.parametrize(
    ("more", "devices"),
    [
        ([], "0,1"),
        (["--resources", "gpu=3"], "0,1,2"),
        (["--resources", "gpu=2", "jobs_per_gpu=3"], "0,1,0,1,0,1"),
    ],
)
def test_jobs_of_a_workstation_know_which_devices_there_are(told, more, devices):
    profile = str(PROFILES["workstation"].parent)
    assert told("echo $THERMOLATENT_DEVICES", "--workflow-profile", profile, *more) == devices


#: A job that ends when another one of the rule is there too.
MEETS = """
rule meets:
    output: "{one}.met"
    resources: gpu=1
    shell: "touch {wildcards.one}.here; for i in $(seq 300); do test -e a.here -a -e b.here && touch {output} && exit; "
        "sleep 0.1; done; exit 1"
"""


def test_as_many_jobs_share_a_gpu_as_the_profile_says(told):
    profile = str(PROFILES["workstation"].parent)
    both = {"waits_for": '["a.met", "b.met"]', "rules": MEETS}
    assert told("echo met", "--workflow-profile", profile, "--resources", "gpu=1", "jobs_per_gpu=2", **both) == "met"


def test_a_batch_system_s_warning_does_not_end_a_job_s_own_snakemake(told):
    """It goes to all processes of a job; the stage alone decides what to do."""
    assert told("kill -USR1 $PPID; sleep 1; echo went on", "--mode", "remote", "--cores", "1") == "went on"
