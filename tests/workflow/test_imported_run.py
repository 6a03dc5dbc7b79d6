"""Replica exchange from elsewhere, trajectories or columns, from files to the report and to a prediction, as a user runs it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from exact_study import MINIMA, as_trajectory, correlated_exact_points
from running_snakemake import HOME, snakemake

from thermolatent.systems.three_hole import ThreeHole

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TEMPERATURES, FRAMES, EXCHANGE = (0.5, 1.0, 1.5), 6000, 20
#: The third basin is too rare at 0.5 to be assessable.
CENTERS = {name: MINIMA[name] for name in ("left", "right")}


def study(kind, files, energies):
    given = {
        "trajectories": {"topology": "top.pdb", "files": files, "energies": {"files": energies}},
        "colvar": {"files": energies, "features": ["x", "y"], "energy": "Potential Energy"},
    }
    feature = "position_xy" if kind == "trajectories" else "columns"
    return {
        "system": {
            **{"kind": kind, **given[kind]},
            **{"frame_interval": 1.0, "unit": "reduced", "discontinuous": True, "exchange_interval": EXCHANGE},
        },
        "temperatures": {"train": [0.5, 1.5], "predict": [1.0], "reference": [1.0]},
        "simulate": {"walkers": 12, "frames": 500},
        "featurize": {
            **{"features": [feature], "plane": [feature]},
            "observables": [{"kind": "function", "file": "height.py", "name": "height"}],
        },
        "representation": {"lag": 3, "initial_labels": 12, "refinements": 2, "epochs": 3, "learning_rate": 5e-3},
        "learn": {"steps": 60, "evaluate_every": 30, "batch_size": 512},
        "models": {
            "latf": {"density": {"kind": "flow", "couplings": 2, "width": 8}, "informed": True, "encoder": "frozen"}
        },
        "generate": {"samples": 1000, "grid": 3} | ({"structures": 5} if kind == "trajectories" else {}),
        "validate": {
            **{"bins": 15, "bootstrap": 10, "tolerance": {"populations": 0.1, "height": 0.2}},
            "states": {"kind": "nearest", "centers": {name: list(at) for name, at in CENTERS.items()}},
        },
    }


@pytest.fixture(scope="module", params=["trajectories", "colvar"])
def finished(request, tmp_path_factory):
    """A folder with the files, in which the workflow has run on one core."""
    folder = tmp_path_factory.mktemp("imported")
    files, energies = {}, {}
    for T in TEMPERATURES:
        points = correlated_exact_points(T, np.random.default_rng(round(10 * T)), 1, FRAMES)[0]
        trajectory = as_trajectory(points)
        trajectory[0].save_pdb(str(folder / "top.pdb"))
        files[T], energies[T] = [f"{T}.{'xtc' if T == 1.0 else 'dcd'}"], [f"{T}.csv"]
        trajectory.save(str(folder / files[T][0]))
        rows = np.column_stack([np.arange(FRAMES), points, ThreeHole().plane_energy(points)]).tolist()
        lines = ['#"Time (ps)","x","y","Potential Energy (kJ/mole)"', *(",".join(map(repr, row)) for row in rows)]
        (folder / energies[T][0]).write_text("\n".join(lines) + "\n")
    own = {"trajectories": "frames.xyz[:, 0, 1]", "colvar": "frames[:, 1]"}[request.param]
    (folder / "height.py").write_text(f"def height(frames):\n    return {own}\n")
    (folder / "studies").mkdir()
    (folder / "studies/mine.yaml").write_text(yaml.safe_dump(study(request.param, files, energies), sort_keys=False))
    done = snakemake(folder, "--cores", "1", "--config", "studies=[mine]", "seeds=[0]")
    assert done.code == 0, (done.out + done.error)[-5000:]
    return folder


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_table_goes_by_blocks_of_time(finished):
    scores = rows_of(finished / "results/mine/validate/scores.csv")
    counts = {r["temperature"]: int(r["value"]) for r in scores if r["metric"] == "independent_pieces"}
    assert len(counts) == 3
    assert len(set(counts.values())) == 1, "the same blocks at all temperatures"
    assert 12 < counts["1"] <= 200
    floor = {r["temperature"]: r for r in scores if (r["model"], r["metric"]) == ("floor", "js_plane")}
    assert all(float(row["stderr"]) > 0 for row in floor.values())
    log = (finished / "logs/mine/reweight.log").read_text()
    assert f"{counts['1']} of replica exchange (blocks of " in log


def test_the_answer_holds_the_exact_one_and_is_in_the_report(finished):
    """Points are exact samples: populations and the mean height at 1.0 are known by quadrature."""
    rows = [r for r in rows_of(finished / "results/mine/validate/predictions.csv") if r["temperature"] == "1"]
    answer = {r["state"]: r for r in rows if r["predictor"] == "reweighting"}
    assert list(answer) == [*CENTERS, "height"]
    edges = np.linspace(-4.5, 4.5, 901)
    x, y = np.meshgrid(edges, edges, indexing="ij")
    p = np.exp(-ThreeHole().plane_energy(np.stack([x, y], axis=-1)))
    p /= p.sum()
    nearest = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in CENTERS.values()], axis=0)
    exact = {name: p[nearest == k].sum() for k, name in enumerate(CENTERS)} | {"height": (p * y).sum()}
    for name, row in answer.items():
        half = (float(row["high"]) - float(row["low"])) / 2
        assert abs(float(row["value"]) - exact[name]) < 2 * half, name  # of a 95 % interval, once and for all
        assert row["verdict"] in ("trusted", "not trusted")
    page = (finished / "results/mine/report.html").read_text(encoding="utf-8")
    assert "Means of observables and verdicts" in page


def test_predict_says_the_same(finished):
    command = [
        sys.executable,
        "-m",
        "thermolatent.cli",
        "predict",
        "mine",
        "--temperature",
        "1.0",
        "--out",
        "asked.csv",
    ]
    told = subprocess.run(
        command,
        cwd=finished,
        env={**os.environ, "PYTHONPATH": str(HOME / "src")},  # OPENBLAS_CORETYPE decides last digits
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert "mean of height " in told.stdout
    there = rows_of(Path(finished / "results/mine/validate/predictions.csv"))
    own = [r for r in there if (r["predictor"], r["temperature"]) == ("reweighting", "1")]
    assert rows_of(finished / "asked.csv") == own
