"""Whole studies through the profile slurm, on a real SLURM of this machine: what jobs ask for, and what may happen to them."""

import json
import re
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from running_snakemake import HOME, snakemake

from thermolatent.simulate.langevin import make_context
from thermolatent.study.loading import load_study

# "slow" too, so that nobody starts a SLURM who only leaves out the slow tests
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.workflow]

PROFILE = yaml.safe_load((HOME / "profiles/slurm/profile.yaml").read_text())
#: The profile's waits are for a cluster of many users. Finished jobs here are seen within seconds.
IMPATIENT = {"slurm-init-seconds-before-status-checks": 3, "latency-wait": 20}
LOCAL_RULES = {"all", "gather", "figures", "report"}


@contextmanager
def cluster(*how):
    """A SLURM while it lasts; ``accounting`` has the database too."""
    tool = HOME / "tools/local_slurm.sh"
    try:
        done = subprocess.run([tool, "up", *how], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
        yield
    finally:
        subprocess.run([tool, "down"], check=True)


def with_profile(folder, **changes):
    """Options for the profile slurm with some keys changed."""
    (folder / "profile").mkdir()
    (folder / "profile/profile.yaml").write_text(yaml.safe_dump(PROFILE | IMPATIENT | changes))
    return "--workflow-profile", str(folder / "profile")


def planned(folder, *arguments):
    """Resources of each job that SLURM gets, by the comment it goes by."""
    done = snakemake(folder, "-n", *arguments)
    assert done.code == 0, done.out + done.error
    found = {}
    for job in done.jobs:
        if job["rule"] not in LOCAL_RULES:
            wildcards = "_".join(word.partition("=")[2] for word in job["wildcards"])
            found[f"rule_{job['rule']}_wildcards_{wildcards}"] = dict(r.split("=", 1) for r in job["resources"])
    return found


def jobs_of_slurm():
    """All jobs that scontrol knows, in the order in which they were submitted, by comment."""
    found = {}
    for line in subprocess.check_output(["scontrol", "show", "job", "-o"], text=True).splitlines():
        fields = dict(
            field.split("=", 1) for field in re.split(r" (?=[A-Za-z][\w:/*]*=)", line.strip()) if "=" in field
        )
        if "Comment" in fields:
            found.setdefault(fields["Comment"].strip(), []).append(fields)
    for jobs in found.values():
        jobs.sort(key=lambda job: int(job["JobId"]))
    return found


def frames_of(checkpoint):
    """Frames that an unfinished simulation has saved, 0 without a checkpoint."""
    try:
        content = checkpoint.read_bytes()
    except FileNotFoundError:
        return 0
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length])["progress"]["frames"]


def minutes(text):
    days, _, clock = text.rpartition("-")
    hours, mins, _ = map(int, clock.split(":"))
    return int(days or 0) * 1440 + hours * 60 + mins


def log(folder, study, temperature):
    return (folder / f"logs/{study}/simulate/T{temperature}.log").read_text()


TINY = """
system: {{kind: three_hole}}
temperatures: {{train: [0.5, 1.5], predict: [1.0], reference: []}}
simulate: {{walkers: 8, frames: 400, save_every: {save_every}, equilibration: 2000, time_step: 0.02, friction: 1.0}}
featurize: {{features: [position_xy], plane: [position_xy]}}
representation: {{latent_dim: 2, epochs: 10, refinements: 2, initial_labels: 20, batch_size: 256}}
learn: {{steps: 200, evaluate_every: 50, batch_size: 512}}
models: {{latf: {{density: {{kind: flow, transform: spline, couplings: 2, width: 16, bins: 8}}, temperature: [steer]}}}}
generate: {{samples: 2000, structures: 20, grid: 5}}
validate:
  bins: 20
  bootstrap: 10
  states: {{kind: basins, minima: {{left: [-1.0481, -0.0421], right: [1.0481, -0.0421], top: [0.0, 1.5371]}}}}
"""
#: Minutes that the job gets which runs out of time (SLURM knows no shorter limit), and CPU seconds of MD that do not fit.
LIMIT, MD_SECONDS = 1, 60


def steps_per_cpu_second():
    study = load_study("three_hole@smoke", HOME / "studies")
    context = make_context(study.system, study.simulate, 0.5)
    integrator = context.getIntegrator()
    integrator.step(1000)
    start = time.process_time()
    integrator.step(300_000)
    return 300_000 / (time.process_time() - start)


def test_jobs_out_of_memory_cancelled_and_out_of_time_cost_no_finished_work(tmp_path):
    """A study at T = 1.5: the first attempt has too little memory, the second is cancelled; at 0.5 the first has one minute."""
    (tmp_path / "studies").mkdir()
    # a study from MD to report, and one of which only the MD is asked for: its frames are too far apart to learn from
    for name, save_every in (("tiny", 50), ("faults", int(MD_SECONDS * steps_per_cpu_second() / 400))):
        (tmp_path / f"studies/{name}.yaml").write_text(TINY.format(save_every=save_every))
    md = PROFILE["set-resources"]["simulate"] | {
        "mem_mb": "150 if wildcards.study + wildcards.temperature == 'faults1.5' and attempt == 1 else 1500 * attempt",
        "runtime": f"{LIMIT} if wildcards.study + wildcards.temperature == 'faults0.5' and attempt == 1 else 60",
        "slurm_extra": "'--signal=USR1@1'",  # SLURM gives half a minute more
    }
    asked = ["results/tiny/report.html", *(f"results/faults/simulate/T{t}/protocol.json" for t in ("0.5", "1.5"))]
    asked += with_profile(tmp_path, **{"set-resources": PROFILE["set-resources"] | {"simulate": md}})
    asked += ["--config", "studies=[tiny, faults]", "seeds=[0]"]
    plan = planned(tmp_path, *asked)
    cold, hot = (f"rule_simulate_wildcards_faults_{t}" for t in ("0.5", "1.5"))
    with cluster(), ThreadPoolExecutor() as pool:
        run = pool.submit(snakemake, tmp_path, *asked)
        cancelled_after = 0
        while not cancelled_after and not run.done():
            time.sleep(0.5)
            attempts = jobs_of_slurm().get(hot, [])
            saved = frames_of(tmp_path / "results/faults/simulate/T1.5.partial/checkpoint")
            if len(attempts) == 2 and attempts[1]["JobState"] == "RUNNING" and saved:
                subprocess.run(["scancel", attempts[1]["JobId"]], check=True)
                cancelled_after = saved
        done = run.result()
        jobs = jobs_of_slurm()
    told = done.out + done.error
    assert done.code == 0, told
    assert (tmp_path / "results/tiny/report.html").is_file()

    assert {comment: len(attempts) for comment, attempts in jobs.items()} == dict.fromkeys(plan, 1) | {cold: 2, hot: 3}
    assert [job["JobState"] for job in jobs[hot]][1:] == ["CANCELLED", "COMPLETED"]
    assert "exceeded memory limit" in Path(jobs[hot][0]["StdOut"]).read_text()
    assert [job["MinMemoryNode"] for job in jobs[hot]] == ["150M", "3000M", "4500M"]
    assert cancelled_after
    assert int(re.search(r"going on after (\d+) frames", log(tmp_path, "faults", "1.5"))[1]) >= cancelled_after

    assert [minutes(job["TimeLimit"]) for job in jobs[cold]] == [LIMIT, 60]
    assert [job["JobState"] for job in jobs[cold]] == ["FAILED", "COMPLETED"]  # by the signal, not TIMEOUT
    stopped = int(re.search(r"MD at T=0.5 told to stop after (\d+) of 400 frames", told)[1])
    assert f"going on after {stopped} frames" in log(tmp_path, "faults", "0.5")

    gib = {"G": 1024, "M": 1}
    for comment, resources in plan.items():
        job = jobs[comment][0]
        assert job["JobName"].startswith("thermolatent_"), comment
        assert float(job["MinMemoryNode"][:-1]) * gib[job["MinMemoryNode"][-1]] == int(resources["mem_mb"]), comment
        assert minutes(job["TimeLimit"]) == int(resources["runtime"]), comment
        assert job["NumCPUs"] == "1", comment
        assert ("simulate" in comment) == ("gpu" in resources), comment
        assert re.fullmatch(r"gres[:/]gpu:1" if "gpu" in resources else "", job.get("TresPerJob", "")), comment
        assert job["StdOut"].startswith(f"{tmp_path}/logs/slurm/"), comment


def test_a_study_by_account_and_seen_by_sacct(tmp_path):
    asked = [*with_profile(tmp_path, **{"slurm-status-command": "sacct", "jobs": 8})]
    asked += ["--default-resources", "slurm_account=lab", "slurm_partition=main"]
    asked += ["--config", "studies=[three_hole]", "seeds=[0]", "scale=smoke"]
    plan = planned(tmp_path, *asked)
    fields = ["Comment", "State", "Account", "Partition", "TimelimitRaw", "ReqTRES", "JobName"]
    with cluster("accounting"):
        done = snakemake(tmp_path, *asked)
        time.sleep(5)  # what slurmdbd writes comes a little later
        table = subprocess.check_output(["sacct", "-X", "-n", "-P", "-o", ",".join(fields)], text=True)
    assert done.code == 0, done.out + done.error
    assert (tmp_path / "results/three_hole@smoke/report.html").is_file()
    jobs = {
        row["Comment"]: row for line in table.splitlines() for row in [dict(zip(fields, line.split("|"), strict=True))]
    }
    assert set(jobs) == set(plan)
    for comment, resources in plan.items():
        gpu = f",gres/gpu={resources['gpu']}" if "gpu" in resources else ""
        memory = int(resources["mem_mb"])
        job = jobs[comment]
        assert job["State"] == "COMPLETED", comment
        assert (job["Account"], job["Partition"]) == ("lab", "main"), comment
        assert int(job["TimelimitRaw"]) == int(resources["runtime"]), comment
        assert job["ReqTRES"] == f"billing=1,cpu=1{gpu},mem={memory}M,node=1", comment
    assert "rule_simulate_wildcards_three_hole@smoke_0.5" in jobs
