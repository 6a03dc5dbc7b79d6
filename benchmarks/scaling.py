"""How learning, generating and validating cost more with frames, features and temperatures: the tables
of benchmarks/results/scaling.md.

    python benchmarks/scaling.py [--walkers 16] [--largest 16]

Features are exact points of the three-hole potential beside columns of noise, written as featurize would. Every stage runs as
a user runs it, by the command, one thread; printed are its CPU seconds and peak memory, start-up (about 4 s, 250 MB) included,
and what all of them leave on disk. Training is cut short to a fixed number of steps, which is what a study's settings are.
Takes about six minutes of CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from thermolatent.files.artifacts import save_array, save_json
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole

NAME = "measured"
TRAIN = [0.5, 1.5]
STAGES = ("represent", "reweight", "learn", "generate", "validate")
FRAMES, COLUMNS, PREDICTED = 1000, 10, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walkers", type=int, default=16)
    parser.add_argument("--largest", type=int, default=16, help="factor of the largest sizes, a power of 4")
    arguments = parser.parse_args()
    factors = [4**k for k in range(1, 10) if 4**k <= arguments.largest]
    sizes = [(FRAMES, COLUMNS, PREDICTED)]
    sizes += [(FRAMES * k, COLUMNS, PREDICTED) for k in factors]
    sizes += [(FRAMES, COLUMNS * k, PREDICTED) for k in factors]
    sizes += [(FRAMES, COLUMNS, PREDICTED * k) for k in factors]
    head = "".join(f"{stage:>16}" for stage in STAGES)
    print(f"{'frames per T':>12}{'features':>10}{'predicted T':>13}{head}{'results':>12}{'files':>7}")
    for frames, columns, predicted in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), arguments.walkers, frames, columns, predicted)


def measure(folder: Path, walkers: int, frames: int, columns: int, predicted: int) -> None:
    """Print one line: CPU seconds and MB of each stage, then MB and files without the features."""
    write_study(folder, walkers, frames, columns, predicted)
    before = set(folder.rglob("*"))
    cells = []
    for stage in STAGES:
        model = ["--model", "latf"] if stage in ("learn", "generate", "validate") else []
        command = [Path(sys.executable).parent / "thermolatent", stage, NAME, *model, "--seed", "0", "--threads", "1"]
        process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE)
        text = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(text[-3000:])
        cells.append(f"{usage.ru_utime + usage.ru_stime:.1f} s {usage.ru_maxrss / 1024:.0f} MB")
    written = [path for path in folder.rglob("*") if path.is_file() and path not in before]
    size = sum(path.stat().st_size for path in written) / 1e6
    row = "".join(f"{cell:>16}" for cell in cells)
    print(f"{walkers * frames:>12}{columns:>10}{predicted:>13}{row}{size:>9.1f} MB{len(written):>7}", flush=True)


def write_study(folder: Path, walkers: int, frames: int, columns: int, predicted: int) -> None:
    """A study file, and what simulate and featurize would have left of it."""
    temperatures = np.round(np.linspace(*TRAIN, predicted + 2)[1:-1], 4).tolist()
    study = {
        "system": "three_hole",
        "temperatures": {"train": TRAIN, "predict": temperatures},
        "simulate": {"walkers": walkers, "frames": frames, "time_step": 0.02},
        "featurize": {"features": ["position_xy"], "plane": ["position_xy"]},
        "representation": {"epochs": 3, "refinements": 1, "initial_labels": 12},
        "learn": {"steps": 200, "evaluate_every": 100},
        "models": {
            "latf": {
                "density": {"kind": "flow", "transform": "spline", "tau": 3.0},
                "temperature": ["steer", "condition"],
                "informed": True,
                "encoder": "frozen",
            }
        },
        "generate": {"structures": 0},
        "validate": {"states": {"kind": "nearest", "centers": {"left": [-1, 0], "right": [1, 0], "top": [0, 1.5]}}},
    }
    (folder / "studies").mkdir()
    (folder / "studies" / f"{NAME}.yaml").write_text(yaml.safe_dump(study))
    layout = Layout(str(folder / "results" / NAME))
    for T in TRAIN:
        rng = np.random.default_rng(round(100 * T))
        points = ThreeHole().sample_exact(walkers * frames, T, rng).reshape(walkers, frames, 2)
        # Sorted along x, so that the next state is mostly the same; no cost depends on it.
        points = np.take_along_axis(points, points[..., :1].argsort(axis=1), axis=1).astype(np.float32)
        noise = rng.standard_normal((walkers, frames, columns - 2), np.float32)
        files = layout.frame_files(T)
        save_array(files.features, np.concatenate([points, noise], axis=2))
        save_array(files.plane, points)
        save_array(files.observables, np.empty((walkers, frames, 0), np.float32))
        save_array(files.energies, ThreeHole().plane_energy(points.astype(float)))
        save_array(files.log_weights, np.empty(0))
        names = {"names": ["x", "y", *(f"noise{k}" for k in range(columns - 2))], "observable_names": []}
        plane = {"plane_names": ["x", "y"], "plane_periodic": [False, False]}
        save_json(files.header, names | plane | {"kT": T, "temperature": T, "walkers": walkers, "frames": frames})
        save_json(layout.protocol(T), {"starts": ["start"] * walkers})


if __name__ == "__main__":
    main()
