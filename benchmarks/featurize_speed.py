"""Featurizing 1e6 frames of alanine dipeptide: time and memory of the stage, against mdtraj on the whole array.

    python benchmarks/featurize_speed.py [--frames 1000000]

The frames are a short trajectory of random turns about phi and psi, repeated: speed does not depend on what they show. Both
sides compute phi and psi, as sin and cos and as angles, and the 45 distances between heavy atoms. The stage reads the files and
writes its arrays on the way, in a process of its own, whose largest memory is printed; mdtraj has all positions in memory, and
the time it takes to read them is printed too. Each side is timed several times in turn, the median counts; one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import mdtraj
import numpy as np
from molecules_for_tests import alanine_dipeptide

WALKERS = 20


def make_study(folder: Path, frames: int):
    """(study, layout): existing trajectories of ``frames`` frames in all, not yet imported."""
    from thermolatent.parsing import parse
    from thermolatent.study.layout import Layout
    from thermolatent.study.study import Study

    content = {
        "name": "speed",
        "system": {
            "kind": "trajectories",
            "topology": str(folder / "top.pdb"),
            "files": {300: [str(folder / f"walker{i}.dcd") for i in range(WALKERS)]},
            "frame_interval": 1.0,
        },
        "temperatures": {"train": [300]},
        "simulate": {"walkers": WALKERS, "frames": frames // WALKERS},
        "featurize": {
            "features": ["backbone_torsions", {"kind": "distances", "pairs": [["not element H", "not element H"]]}],
            "plane": [{"kind": "backbone_torsions", "form": "angle"}],
        },
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
    }
    return parse(Study, content, "benchmark"), Layout(str(folder / "results"))


def the_stage(folder: Path, frames: int) -> None:
    """Time and memory of the stage featurize; runs in a process of its own."""
    from thermolatent.study.jobs import run_job

    study, layout = make_study(folder, frames)
    started = time.perf_counter()
    run_job("featurize", study, layout, temperature=300)
    seconds = time.perf_counter() - started
    # getrusage would tell the memory of the process that started this one, where that had more
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(seconds, int(peak.split()[1]) / 1024)


def in_memory(study, layout) -> tuple[float, float, float]:
    """Seconds that mdtraj takes to read everything and to compute the functions, and that the study's features take."""
    from thermolatent.featurize.base import columns_on
    from thermolatent.files.dcd import CHUNK_FRAMES

    started = time.perf_counter()
    trajectory = mdtraj.load(layout.trajectories(300, WALKERS), top=layout.topology(300))
    read = time.perf_counter()
    turns = [mdtraj.compute_phi(trajectory, periodic=False)[1], mdtraj.compute_psi(trajectory, periodic=False)[1]]
    angles = np.concatenate(turns, axis=1)
    np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    heavy = trajectory.topology.select("not element H")
    pairs = np.array([(i, j) for n, i in enumerate(heavy) for j in heavy[n + 1 :]])
    mdtraj.compute_distances(trajectory, pairs, periodic=False)
    computed = time.perf_counter()
    wanted = [columns_on(f, trajectory.topology) for f in (study.featurize.features, study.featurize.plane)]
    for first in range(0, len(trajectory), CHUNK_FRAMES):
        for columns in wanted:
            columns.compute(trajectory.xyz[first : first + CHUNK_FRAMES])
    return read - started, computed - read, time.perf_counter() - computed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        return the_stage(Path(arguments.stage), arguments.frames)
    from thermolatent.study.jobs import run_job

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        topology, positions = alanine_dipeptide(frames=500)
        mdtraj.Trajectory(positions[:1], topology).save_pdb(str(folder / "top.pdb"))
        repeated = np.tile(positions, (-(-arguments.frames // WALKERS // len(positions)), 1, 1))
        for i in range(WALKERS):  # the same file twice is refused
            part = np.roll(repeated[: arguments.frames // WALKERS], i, axis=0)
            mdtraj.Trajectory(part, topology).save_dcd(str(folder / f"walker{i}.dcd"))
        study, layout = make_study(folder, arguments.frames)
        run_job("simulate", study, layout, temperature=300)
        stage, memory, times = [], [], []
        for _ in range(arguments.repeats):
            command = [sys.executable, __file__, "--stage", name, "--frames", str(arguments.frames)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, megabytes = map(float, done.stdout.split()[-2:])
            stage.append(seconds)
            memory.append(megabytes)
            times.append(in_memory(study, layout))
    took, (read, alone, ours) = statistics.median(stage), np.median(times, axis=0)
    print(f"{arguments.frames} frames; median of {arguments.repeats}, one thread")
    print(f"stage featurize, reading and writing included: {took:.1f} s, {max(memory):.0f} MB at most")
    print(f"mdtraj: {read:.1f} s to read all, {alone:.1f} s for the functions of the whole array")
    print(f"the study's features of the same array, in chunks: {ours:.1f} s")
    print(f"ratio of the functions {ours / alone:.2f}, of everything {took / (read + alone):.2f}")


if __name__ == "__main__":
    main()
