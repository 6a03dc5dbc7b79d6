"""Importing 1e6 frames of alanine dipeptide with their energies, all checks included: time and memory of the stage.

    python benchmarks/importing_speed.py [--frames 1000000] [--format xtc]
    python benchmarks/importing_speed.py --format colvar

Half of the frames are at each of two temperatures, in four files each, with a CSV of steps, times, energies and temperatures
beside each that has two rows per frame. The stage runs once per temperature in a process of its own; the times are added, and the
larger memory is printed. Of COLVAR files, which have no positions, times, phi, psi, energies and a bias are read.
"""

from __future__ import annotations

import argparse
import os
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

TEMPERATURES, FILES, INTERVAL = (300, 400), 4, 2.0


def make_files(folder: Path, frames: int, ending: str) -> None:
    """Trajectories and energies of ``frames`` frames in all."""
    if ending == "colvar":
        return make_columns(folder, frames)
    topology, positions = alanine_dipeptide(frames=500)
    mdtraj.Trajectory(positions[:1], topology).save_pdb(str(folder / "top.pdb"))
    each = frames // len(TEMPERATURES) // FILES
    repeated = np.tile(positions, (-(-each // len(positions)), 1, 1))
    for T in TEMPERATURES:
        for i in range(FILES):
            rng = np.random.default_rng([T, i])
            part = np.roll(repeated[:each], int(rng.integers(each)), axis=0)
            time_ = INTERVAL * np.arange(1, each + 1)
            mdtraj.Trajectory(part, topology, time_).save(str(folder / f"{T}_{i}.{ending}"))
            rows = np.arange(1, 2 * each + 1)
            columns = [500 * rows, INTERVAL / 2 * rows, rng.normal(T, 20, len(rows)), rng.normal(T, 10, len(rows))]
            header = '"Step","Time (ps)","Potential Energy (kJ/mole)","Temperature (K)"'
            np.savetxt(
                folder / f"{T}_{i}.csv",
                np.stack(columns, 1),
                ["%d", "%.3f", "%.6f", "%.4f"],
                ",",
                header=header,
                comments="#",
            )


def make_columns(folder: Path, frames: int) -> None:
    """COLVAR files of ``frames`` rows in all."""
    each = frames // len(TEMPERATURES) // FILES
    for T in TEMPERATURES:
        for i in range(FILES):
            rng = np.random.default_rng([T, i])
            columns = [INTERVAL * np.arange(1, each + 1), *rng.uniform(-np.pi, np.pi, (2, each))]
            columns += [rng.normal(T, 20, each), rng.normal(0, 3, each)]
            header = "! FIELDS time phi psi energy metad.rbias"
            np.savetxt(folder / f"{T}_{i}.colvar", np.stack(columns, 1), "%.6f", header=header, comments="#")


def the_stage(folder: Path, frames: int, ending: str, T: int) -> None:
    """Time and memory of the stage simulate; runs in a process of its own."""
    from thermolatent.parsing import parse
    from thermolatent.study.jobs import run_job
    from thermolatent.study.layout import Layout
    from thermolatent.study.study import Study

    files, energies = (
        {T: [str(folder / f"{T}_{i}.{e}") for i in range(FILES)] for T in TEMPERATURES} for e in (ending, "csv")
    )
    system = {"kind": "trajectories", "topology": str(folder / "top.pdb"), "energies": {"files": energies}}
    featurize = {"features": ["backbone_torsions"], "plane": [{"kind": "backbone_torsions", "form": "angle"}]}
    if ending == "colvar":
        angles = {"features": ["phi", "psi"], "periodic": ["phi", "psi"]}
        system = {"kind": "colvar", **angles, "energy": "energy", "bias": "metad.rbias"}
        featurize = {"features": ["columns"], "plane": [{"kind": "columns", "form": "angle"}]}
    content = {
        "name": "speed",
        "system": {**system, "files": files, "frame_interval": INTERVAL},
        "temperatures": {"train": list(TEMPERATURES)},
        "simulate": {"walkers": FILES, "frames": frames // len(TEMPERATURES) // FILES},
        "featurize": featurize,
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
    }
    study = parse(Study, content, "benchmark")
    started, used = time.perf_counter(), time.process_time()
    run_job("simulate", study, Layout(str(folder / "results")), temperature=float(T))
    seconds, used = time.perf_counter() - started, time.process_time() - used
    # getrusage would tell the memory of the process that started this one, where that had more
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(seconds, used, int(peak.split()[1]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--format", default="xtc", choices=["xtc", "dcd", "trr", "nc", "colvar"])
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        return the_stage(Path(arguments.stage[0]), arguments.frames, arguments.format, int(arguments.stage[1]))
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name), arguments.frames, arguments.format)
        seconds, used, memory = [], [], []
        for T in TEMPERATURES:
            command = [sys.executable, __file__, "--stage", name, str(T), "--frames", str(arguments.frames)]
            done = subprocess.run([*command, "--format", arguments.format], check=True, capture_output=True, text=True)
            took, busy, megabytes = map(float, done.stdout.split()[-3:])
            seconds.append(took)
            used.append(busy)
            memory.append(megabytes)
    told = f"{sum(seconds):.1f} s, {sum(used):.1f} s of them on the processor, {max(memory):.0f} MB at most"
    print(f"{arguments.frames} frames, {arguments.format}: {told}")


if __name__ == "__main__":
    main()
