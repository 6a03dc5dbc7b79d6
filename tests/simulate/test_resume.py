"""Killed at any moment, a simulation goes on from its last checkpoint; the finished files are the uninterrupted ones."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from thermolatent.errors import Stopped
from thermolatent.files.artifacts import load_array, load_json
from thermolatent.simulate import stage, walkers
from thermolatent.simulate.partial import Partial
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide
from thermolatent.systems.lj_cluster import LJCluster
from thermolatent.systems.three_hole import ThreeHole

T = 0.5
LJ = {"features": "sorted_coordination", "plane": "coordination_moments", "time_step": 0.005}
#: Run the stage, simulate or temper, with checkpoints every 0.03 s; arguments: folder, threads.
SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from conftest import build_study, molecular_study
from thermolatent.systems.kinds import SYSTEMS
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.simulate import walkers
walkers.CHECKPOINT_SECONDS, walkers.CHUNK_FRAMES = 0.03, 13
system = SYSTEMS[{system[kind]!r}](**{system!r})
study = (molecular_study if system.molecular else build_study)(system, **{settings!r})
if study.tempering:
    run_job("temper", study, Layout(sys.argv[1]), threads=int(sys.argv[2]))
else:
    run_job("simulate", study, Layout(sys.argv[1]), temperature={temperature}, threads=int(sys.argv[2]))
"""
LJ_SETTINGS = {**LJ, "walkers": 8, "frames": 1500, "save_every": 100, "equilibration": 5000}
TEMPERED = {
    "reference": [0.7],
    "tempering": True,
    "walkers": 6,
    "frames": 1500,
    "save_every": 40,
    "equilibration": 1000,
}
ALANINE_SETTINGS = {"walkers": 5, "frames": 300, "save_every": 20, "equilibration": 400}


def files(layout, count, temperature=T):
    """Bytes of everything but the protocol, which holds wall times."""
    names = [*layout.trajectories(temperature, count), layout.md_energies(temperature), layout.topology(temperature)]
    return {Path(name).name: Path(name).read_bytes() for name in names}


def start(folder, system, settings, temperature, threads):
    system = system.model_dump(exclude_unset=True) | {"kind": system.kind}
    script = SCRIPT.format(tests=str(Path(__file__).parent), system=system, settings=settings, temperature=temperature)
    command = [sys.executable, "-c", script, str(folder), str(threads)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process):
    for _ in range(3000):
        if condition() or process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("nothing happened in 30 s")


#: System, settings, temperature, threads.
KINDS_OF_MD = {
    "together": (LJCluster(), LJ_SETTINGS, T, 1),
    "processes": (AlanineDipeptide(solvent="vacuum"), ALANINE_SETTINGS, 300.0, 2),
    "tempering": (ThreeHole(), TEMPERED, 0.7, 1),
}


@pytest.mark.parametrize(
    ("kind", "most"),
    [*((k, 1) for k in KINDS_OF_MD), *(pytest.param(k, 5, marks=pytest.mark.slow) for k in KINDS_OF_MD)],
)
def test_killed_again_and_again_equals_uninterrupted(make_study, make_molecular, tmp_path, kind, most):
    system, settings, temperature, threads = KINDS_OF_MD[kind]
    whole, killed = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "killed"))
    make, count = make_molecular if system.molecular else make_study, settings["walkers"]
    study = make(system, **settings)
    if study.tempering:
        run_job("temper", study, whole)
    else:
        run_job("simulate", study, whole, temperature=temperature)
    unfinished = killed.tempering if study.tempering else killed.simulation(temperature)
    checkpoint = Path(f"{unfinished}.partial/checkpoint")
    rng, kills = random.Random(1), 0
    while not Path(killed.protocol(temperature)).exists():
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = start(killed.root, system, settings, temperature, threads)
        if kills < most:
            wait_for(lambda before=before: checkpoint.exists() and checkpoint.stat().st_mtime_ns > before, process)
            time.sleep(rng.uniform(0.0, 0.1))
            process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), process.stderr.read()
        process.stderr.close()
    assert kills >= (most + 1) // 2
    assert files(killed, count, temperature) == files(whole, count, temperature)
    assert load_json(killed.protocol(temperature))["steps"] == load_json(whole.protocol(temperature))["steps"]
    assert not checkpoint.parent.exists()


def test_frames_after_the_checkpoint_are_cut_off(make_study, tmp_path, monkeypatch):
    """A kill between appending and checkpointing leaves frames that the continued run writes again."""
    study = make_study(LJCluster(), **LJ, frames=60)
    whole, torn = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "torn"))
    run_job("simulate", study, whole, temperature=T)
    monkeypatch.setattr(walkers, "CHUNK_FRAMES", 10)
    monkeypatch.setattr(walkers, "CHECKPOINT_SECONDS", 0.0)  # a checkpoint after every frame
    append, calls = Partial.append, []

    def dies(self, positions, energies):
        append(self, positions, energies)
        calls.append(len(positions))
        if len(calls) == 7:
            with self._positions.open("ab") as file:
                file.write(b"half a frame")
            raise KeyboardInterrupt

    monkeypatch.setattr(Partial, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        run_job("simulate", study, torn, temperature=T)
    run_job("simulate", study, torn, temperature=T)
    assert sum(calls) == 61  # one frame was made twice
    assert files(torn, 4) == files(whole, 4)


def test_killed_while_the_final_files_are_written(make_study, tmp_path, monkeypatch):
    study = make_study(LJCluster(), **LJ)
    whole, torn = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "torn"))
    run_job("simulate", study, whole, temperature=T)
    for name in ("write_trajectories", "save_array", "write_topology", "save_json"):
        with monkeypatch.context() as patch:
            patch.setattr(stage, name, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run_job("simulate", study, torn, temperature=T)
        assert not Path(torn.protocol(T)).exists()
    run_job("simulate", study, torn, temperature=T)
    assert files(torn, 4) == files(whole, 4)


def test_another_protocol_starts_again(make_study, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(walkers, "CHECKPOINT_SECONDS", 0.0)
    layout, fresh = Layout(str(tmp_path / "changed")), Layout(str(tmp_path / "fresh"))
    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_trajectories", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_job("simulate", make_study(LJCluster(), **LJ), layout, temperature=T)
    changed = make_study(LJCluster(), **LJ, friction=2.0)
    run_job("simulate", changed, layout, temperature=T)
    assert "other friction, starting again" in caplog.text
    run_job("simulate", changed, fresh, temperature=T)
    assert files(layout, 4) == files(fresh, 4)


def test_a_damaged_partial_starts_again(make_study, tmp_path, monkeypatch):
    study = make_study(LJCluster(), **LJ)
    layout, fresh = Layout(str(tmp_path / "damaged")), Layout(str(tmp_path / "fresh"))
    run_job("simulate", study, fresh, temperature=T)
    partial = Path(f"{layout.simulation(T)}.partial")
    for damage in ("checkpoint", "positions.angstrom"):
        with monkeypatch.context() as patch:
            patch.setattr(stage, "write_trajectories", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run_job("simulate", study, layout, temperature=T)
        (partial / damage).write_bytes((partial / damage).read_bytes()[:100])
    run_job("simulate", study, layout, temperature=T)
    assert files(layout, 4) == files(fresh, 4)


def test_a_finished_run_is_left_alone_and_a_changed_one_replaced(make_study, tmp_path, monkeypatch):
    study, layout = make_study(LJCluster(), **LJ), Layout(str(tmp_path))
    Path(layout.simulation(T)).mkdir(parents=True)  # as Snakemake does before the job
    run_job("simulate", study, layout, temperature=T)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "simulate_walkers", lambda *_: pytest.fail("was run again"))
        run_job("simulate", study, layout, temperature=T)
    run_job("simulate", make_study(LJCluster(), **LJ, frames=25), layout, temperature=T)
    assert load_array(layout.md_energies(T)).shape == (4, 25)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_told_to_stop_it_saves_what_it_has(make_study, tmp_path, monkeypatch, number, harmonic):
    class Signalled(harmonic):
        def potential_energy(self, positions):
            if np.ndim(positions) == 4:
                os.kill(os.getpid(), number)
            return super().potential_energy(positions)

    before = signal.getsignal(number)
    monkeypatch.setattr(walkers, "CHUNK_FRAMES", 8)
    layout = Layout(str(tmp_path))
    with pytest.raises(Stopped, match=r"told to stop after 8 of 20 frames.*run it again"):
        run_job("simulate", make_study(Signalled()), layout, temperature=T)
    assert signal.getsignal(number) == before
    run_job("simulate", make_study(harmonic()), layout, temperature=T)
    assert load_json(layout.protocol(T))["frames"] == 20
