"""Every stage after featurize on 8 GB of features, allowed 2 GB of memory of its own."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from exact_study import MINIMA, correlated_exact_points
from frames_for_tests import write_frames

from thermolatent.files.artifacts import load_arrays, load_json, save_json
from thermolatent.rows import HELD_BYTES
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.tables import SCORE_COLUMNS, read_table

pytestmark = [pytest.mark.slow, pytest.mark.memory]

GIB = 2**30
LIMIT = 2 * GIB
COLUMNS, FRAMES, WALKERS = 2000, 31_500, 16  # 2 temperatures: 8.06e9 bytes
NOISE_FRAMES = 1000

STUDY = {
    "system": "three_hole",
    "temperatures": {"train": [0.5, 1.5], "predict": [1.0]},
    "simulate": {"walkers": WALKERS, "frames": FRAMES, "time_step": 0.02},
    "featurize": {"features": ["position_xy"], "plane": ["position_xy"]},
    "representation": {"initial_labels": 12, "epochs": 1, "refinements": 1, "batch_size": 4096, "learning_rate": 5e-3},
    "learn": {"steps": 300, "evaluate_every": 100, "batch_size": 1024, "learning_rate": 5e-3},
    "models": {
        "latf": {
            "density": {"kind": "flow", "transform": "spline", "couplings": 4, "width": 16, "tau": 3.0},
            "temperature": ["steer", "condition"],
            "informed": True,
            "encoder": "frozen",
        }
    },
    "generate": {"samples": 5000, "structures": 0, "grid": 3},
    "validate": {"states": {"kind": "basins", "minima": {k: list(v) for k, v in MINIMA.items()}}},
}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder with a study whose features are the plane and 1998 columns of noise."""
    folder = tmp_path_factory.mktemp("large")
    if shutil.disk_usage(folder).free < 12e9:
        pytest.skip(f"needs 12 GB of disk for a while; {folder} has less")
    (folder / "studies").mkdir()
    (folder / "studies/large.yaml").write_text(yaml.safe_dump(STUDY))
    layout = Layout(str(folder / "results/large"))
    noise = np.random.default_rng(0).normal(size=(NOISE_FRAMES, COLUMNS)).astype(np.float32)
    total = 0
    for T in STUDY["temperatures"]["train"]:
        points = correlated_exact_points(T, np.random.default_rng(round(100 * T)), WALKERS, FRAMES).astype(np.float32)
        names = [f"f{k}" for k in range(COLUMNS)]
        energies = ThreeHole().plane_energy(points.astype(float))
        write_frames(layout, T, points, points, energies, names=names, periodic=[False] * COLUMNS)
        shape = (WALKERS, FRAMES, COLUMNS)
        features = np.lib.format.open_memmap(layout.features(T), mode="w+", dtype=np.float32, shape=shape)
        for walker in range(WALKERS):
            for first in range(0, FRAMES, NOISE_FRAMES):
                own = points[walker, first : first + NOISE_FRAMES]
                block = np.roll(noise, 7 * walker + first // NOISE_FRAMES, axis=1)[: len(own)]
                block[:, :2] = own
                features[walker, first : first + len(own)] = block
        total += features.nbytes
        del features
        save_json(layout.protocol(T), {"starts": ["a"] * WALKERS})
    assert total > 8e9 > 4 * LIMIT - GIB > HELD_BYTES
    yield folder, layout
    shutil.rmtree(folder)


def stage(folder, *arguments):
    """Run one stage with the memory it may ask for limited; mapped files do not count, as the system can drop them."""
    done = subprocess.run(
        [Path(sys.executable).parent / "thermolatent", *arguments, "--threads", "1"],
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_stages_run_within_their_memory_and_their_numbers_are_right(large):
    folder, layout = large
    stage(folder, "represent", "large", "--seed", "0")
    stage(folder, "reweight", "large", "--seed", "0")
    stage(folder, "learn", "large", "--model", "latf", "--seed", "0")
    stage(folder, "generate", "large", "--model", "latf", "--seed", "0")
    stage(folder, "validate", "large", "--model", "latf", "--seed", "0")
    stage(folder, "validate", "large", "--model", "baselines", "--seed", "0")
    edges = np.linspace(-9, 9, 91), np.linspace(-9, 9, 91)
    exact = ThreeHole().exact_histogram(*edges, 1.0)[:, edges[1][:-1] > 0.99].sum()
    above = np.concatenate([np.load(layout.plane(T))[..., 1].ravel() > 1 for T in STUDY["temperatures"]["train"]])
    weights = load_arrays(layout.samples("latf", 0, 1.0))["frame_weights"]
    assert weights[above].sum() == pytest.approx(exact, abs=0.02)
    rows = read_table(layout.scores("baselines", 0), SCORE_COLUMNS)
    assert {row["model"] for row in rows} >= {"floor", "nearest", "mbar", "conditional"}
    assert load_json(layout.generated("latf", 0))["files"]


def test_the_limit_is_one(large):
    """Held as one array the features would not fit: the test above could fail."""
    layout = large[1]
    code = f"import numpy as np; np.load({layout.features(0.5)!r}).copy()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "MemoryError" in done.stderr
