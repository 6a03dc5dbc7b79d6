"""kill -9 in every stage at random moments, and of the whole workflow."""

import os
import random
import signal
import time

import pytest
from faults_for_tests import CONFIG, JOBS, content, planned, without
from running_snakemake import snakemake, start_snakemake

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("stage", JOBS)
def test_a_killed_stage_leaves_nothing_that_looks_finished(finished, copied, jobs, stage):
    expected = content(finished)
    without(copied, stage)
    code, error, seconds = jobs.run(copied, stage)
    assert code == 0, error
    assert content(copied) == expected  # a stage by itself is what it is in the workflow
    without(copied, stage)
    rng, kills = random.Random(stage), 0
    for _ in range(8):
        if kills == 2:
            break
        if jobs.killed(copied, stage, seconds, rng):
            kills += 1
            found = {name: data for name, data in content(copied).items() if name in expected}
            wrong = [name for name in found if found[name] != expected[name]]
            assert not wrong, f"killed in {stage}, {wrong} look finished and are not"
        else:  # it was done before
            without(copied, stage)
            seconds /= 2
    assert kills
    code, error, _ = jobs.run(copied, stage)
    assert code == 0, error
    found = {name: data for name, data in content(copied).items() if not name.split("/")[-1].startswith(".")}
    assert found == expected


def test_a_killed_workflow_goes_on(finished, copied):
    """Snakemake and its jobs killed together; the lock it leaves is told of, and how to remove it."""
    without(copied, *(stage for stage in JOBS if stage not in ("reseed", "simulate", "temper", "featurize")))
    process = start_snakemake(copied, *CONFIG)
    model = copied / "results/tiny/reweight/reweighting.safetensors"
    while process.poll() is None and not model.exists():
        time.sleep(0.05)
    time.sleep(random.Random(0).uniform(0, 3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    locked = snakemake(copied, "--cores", "1", *CONFIG)
    assert locked.code != 0
    assert "--unlock" in locked.out + locked.error
    assert snakemake(copied, "--unlock", *CONFIG).code == 0
    made = [path for name in ("simulate", "featurize") for path in copied.glob(f"results/*/{name}/**/*.npy")]
    before = [path.stat().st_mtime_ns for path in made]
    done = snakemake(copied, "--cores", "2", *CONFIG)
    assert done.code == 0, (done.out + done.error)[-3000:]
    assert [path.stat().st_mtime_ns for path in made] == before  # what was finished stays
    assert {k: v for k, v in content(copied).items() if not k.split("/")[-1].startswith(".")} == content(finished)
    assert planned(copied) == {}
