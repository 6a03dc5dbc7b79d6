"""Two runs at once, and a walker that leaves the physical range."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from faults_for_tests import CONFIG, NAME, one_line, without
from running_snakemake import snakemake, start_snakemake

from thermolatent.errors import SimulationError
from thermolatent.files.locking import only_one
from thermolatent.simulate import walkers
from thermolatent.simulate.engines import Together
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout

pytestmark = pytest.mark.faults


@pytest.mark.workflow
def test_a_second_workflow_is_refused_and_the_first_one_finishes(copied):
    without(copied, "report")
    first = start_snakemake(copied, *CONFIG)
    try:
        locks = (copied / ".snakemake/locks").glob
        while first.poll() is None and not any(path.stat().st_size for path in locks("*output*")):
            time.sleep(0.02)
        os.killpg(first.pid, signal.SIGSTOP)  # so that it is surely not done before the second one looks
        second = snakemake(copied, "--cores", "1", *CONFIG)
        os.killpg(first.pid, signal.SIGCONT)
        assert second.code != 0
        assert "cannot be locked" in second.out + second.error
        assert first.wait() == 0
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
    assert (copied / f"results/{NAME}/report.html").is_file()


@pytest.mark.parametrize(("name", "lock"), [("simulate", "T0.5.lock"), ("temper", "tempering.lock")])
def test_two_jobs_never_write_into_one_simulation(copied, jobs, name, lock):
    without(copied, name)
    path = copied / f"results/{NAME}/simulate/{lock}"
    with only_one(path):
        code, error, _ = jobs.run(copied, name)
        assert code == 1
        line = one_line(error)
        assert f"{lock}: another job (" in line
        assert f"process {os.getpid()}) is at work on this; wait until it is done, or end it" in line
    assert not path.exists()


def test_a_lock_that_a_killed_process_left_stops_nobody(tmp_path):
    (tmp_path / "lock").write_text("elsewhere, process 1")
    with only_one(tmp_path / "lock"):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_walker_that_becomes_nan_is_told_and_the_frames_before_it_are_kept(study, tmp_path, monkeypatch, finished):
    monkeypatch.setattr(walkers, "CHECKPOINT_SECONDS", 0.0)  # a checkpoint after every frame
    monkeypatch.setattr(walkers, "CHUNK_FRAMES", 10)
    layout, frame, calls = Layout(str(tmp_path)), Together.frame, []

    def with_nan(self):
        positions, series = frame(self)
        calls.append(1)
        if len(calls) == 60:
            positions = np.array(positions)
            positions[2] = np.nan
        return positions, series

    with monkeypatch.context() as patch:
        patch.setattr(Together, "frame", with_nan)
        with pytest.raises(
            SimulationError, match=r"MD at T=0\.5: .*2.* blew up between steps .*lower simulate\.time_step"
        ):
            run_job("simulate", study, layout, temperature=0.5)
    assert not Path(layout.protocol(0.5)).exists()
    begun = []
    resume = walkers._resume

    def remembered(*arguments):
        begun.append(resume(*arguments))
        return begun[-1]

    monkeypatch.setattr(walkers, "_resume", remembered)
    run_job("simulate", study, layout, temperature=0.5)
    assert begun[0]["frames"] > 0
    expected = Layout(str(finished / "results" / NAME))
    assert [Path(p).read_bytes() for p in layout.trajectories(0.5, 4)] == [
        Path(p).read_bytes() for p in expected.trajectories(0.5, 4)
    ]
