"""Structures by weight: the frames that the weights ask for, in the trajectory's own positions."""

import re
from pathlib import Path

import mdtraj
import numpy as np
import pytest
from exact_study import MINIMA, make_study, write_features

from thermolatent.files.artifacts import load_array
from thermolatent.files.dcd import write_trajectories
from thermolatent.frame_loading import load_frames
from thermolatent.generate.structures import (
    MEDOID_FRAMES,
    StateMedoids,
    TrainingTrajectories,
    drawn_frames,
    medoid,
    write_dcd,
)
from thermolatent.study.jobs import JOBS
from thermolatent.study.layout import Layout


@pytest.fixture(scope="module")
def md(tmp_path_factory):
    """(job of generate, training trajectories): exact points of the three-hole potential as features and as trajectories."""
    study, layout = make_study(), Layout(str(tmp_path_factory.mktemp("structures") / "results"))
    write_features(study, layout, study.temperatures.train)
    for T in study.temperatures.train:
        points = load_array(layout.plane(T))
        angstrom = 10 * np.pad(points, ((0, 0), (0, 0), (0, 1)))[:, :, None].transpose(1, 0, 2, 3)
        Path(layout.simulation(T)).mkdir(parents=True)
        write_trajectories(layout.trajectories(T, study.simulate.walkers), angstrom, 1, 0.02)
        atom = "HETATM    1  A   PAR A   1       0.000   0.000   0.000  1.00  0.00          Ar"
        Path(layout.topology(T)).write_text(f"{atom}\nEND\n")
    job = JOBS["generate"](study, layout, model="informed", seed=0)
    return job, TrainingTrajectories(load_frames(job.inputs.frames), job.inputs.trajectories)


def log_weights_of_top(data):
    """All weight on frames near the top minimum."""
    points = data.flat(data.plane)
    return np.where(np.linalg.norm(points - MINIMA["top"], axis=1) < 0.3, 0.0, -50.0)


def test_positions_are_those_of_the_frames_asked_for(md):
    _, trajectories = md
    data = trajectories.data
    frames = np.random.default_rng(0).permutation(len(data))[:300]
    found = trajectories.positions(frames)
    np.testing.assert_allclose(found[:, 0, :2], data.flat(data.plane)[frames], atol=1e-6)


def test_a_trajectory_holds_the_frames_that_have_weight(md, tmp_path):
    job, trajectories = md
    path = str(tmp_path / "top.dcd")
    write_dcd(path, trajectories.positions(drawn_frames(log_weights_of_top(trajectories.data), 200, seed=0)))
    xyz = mdtraj.load(path, top=job.inputs.topology).xyz[:, 0, :2]
    assert len(xyz) == 200
    assert np.linalg.norm(xyz - MINIMA["top"], axis=1).max() < 0.3 + 1e-5


def test_medoid_is_the_nearest_on_average():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(MEDOID_FRAMES, 3))
    distance = np.linalg.norm(x[:, None] - x[None], axis=-1)
    assert medoid(x.__getitem__, np.arange(len(x)), np.ones(len(x)), rng) == distance.mean(axis=1).argmin()
    # of two clouds the one with the weight decides
    x = np.concatenate([rng.normal(0, 1, (5000, 2)), rng.normal(9, 1, (5000, 2))])
    for near, weights in ((0, np.repeat([1.0, 1e-6], 5000)), (9, np.repeat([1e-6, 1.0], 5000))):
        assert np.linalg.norm(x[medoid(x.__getitem__, np.arange(len(x)), weights, rng)] - near) < 0.3


def test_each_named_state_has_its_medoid_and_population_in_one_pdb(md, tmp_path):
    job, trajectories = md
    data, path = trajectories.data, tmp_path / "T0.5.medoids.pdb"
    cold = np.where(data.temperature_index() == 0, 0.0, -np.inf)
    StateMedoids(job.settings, trajectories, job.inputs.topology).write(str(path), 0.5, cold, seed=0)
    xyz = mdtraj.load(str(path)).xyz[:, 0, :2]
    told = re.findall(r"MODEL (\d): (\w+), POPULATION ([\d.]+), FRAME FROM T = 0.5", path.read_text())
    assert [(number, name) for number, name, _ in told] == [("1", "left"), ("2", "right"), ("3", "top")]
    for (_, name, share), point, exact in zip(told, xyz, (0.4879, 0.4879, 0.0243), strict=True):
        assert np.linalg.norm(point - MINIMA[name]) < 0.25
        assert float(share) == pytest.approx(exact, abs=0.05)


def test_a_state_without_weight_has_no_medoid(md, tmp_path):
    job, trajectories = md
    data, path = trajectories.data, tmp_path / "T0.5.medoids.pdb"
    right = np.linalg.norm(data.flat(data.plane) - MINIMA["right"], axis=1) < 0.3
    only = np.where(right, 0.0, -np.inf)
    StateMedoids(job.settings, trajectories, job.inputs.topology).write(str(path), 0.5, only, seed=0)
    assert re.findall(r"MODEL \d: (\w+)", path.read_text()) == ["right"]
    assert mdtraj.load(str(path)).n_frames == 1
