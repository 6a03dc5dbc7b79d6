"""MD at a reseeded temperature, from the stages reseed, simulate and featurize."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from studies_for_tests import changed, written

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_arrays, load_json
from thermolatent.files.dcd import read_frames
from thermolatent.frame_loading import load_frames
from thermolatent.simulate.molecules import kelvin_at, molecule_engine, start_walkers
from thermolatent.simulate.settings import Simulate
from thermolatent.study.answers import training_frames
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.alanine_dipeptide import AlanineDipeptide

AT = 0.9


def content(frames: int = 40, walkers: int = 3) -> dict:
    found = changed("temperatures", {"train": [0.5, AT, 1.5], "reseeded": [AT], "predict": [1.0]})
    found["simulate"] = {"walkers": walkers, "frames": 60, "frames_at": {AT: frames}, "save_every": 5}
    found["simulate"] |= {"equilibration": 100, "time_step": 0.02}
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reseeded")
    study, layout = written(folder, content()), Layout(str(folder / "results/mine"))
    for stage in ("simulate", "featurize"):
        for T in (0.5, 1.5):
            run_job(stage, study, layout, temperature=T)
    for stage in ("reseed", "simulate", "featurize"):
        run_job(stage, study, layout, temperature=AT)
    return folder, study, layout


def test_starts_are_the_frames_they_name_and_walkers_begin_there(made):
    _, study, layout = made
    starts = load_arrays(layout.starts(AT))
    assert starts["positions"].shape == (3, study.system.n_particles, 3)
    for name, position in zip(starts["names"], starts["positions"], strict=True):
        T, walker, frame = re.fullmatch(r"T([\d.]+)/walker(\d+), frame (\d+)", name).groups()
        path = layout.trajectory(float(T), int(walker))
        np.testing.assert_array_equal(read_frames(path, np.array([int(frame)]))[0], position.astype(np.float32))
    first = np.stack([read_frames(layout.trajectory(AT, w), np.array([0]))[0] for w in range(3)])
    moved = np.linalg.norm(first - starts["positions"], axis=-1).ravel()
    apart = np.linalg.norm(first - np.roll(starts["positions"], 1, axis=0), axis=-1).ravel()
    assert moved.max() < 0.4  # five steps of 0.02 at T = 0.9
    assert apart.max() > 1
    protocol = load_json(layout.protocol(AT))
    assert (protocol["reseeded"], protocol["equilibration"], protocol["starts"]) == (True, 0, starts["names"].tolist())


def test_frames_have_the_counts_of_a_markov_model(made):
    _, study, layout = made
    frames = load_frames(training_frames(study, layout))
    assert list(frames.chains) == [AT]
    chains = frames.chains[AT]
    assert chains.lag == 4
    np.testing.assert_allclose(frames.counts[AT], chains.counts)
    assert not frames.counts[AT][:, :4].any()
    assert (frames.counts[0.5] == 1).all()


def test_starts_stay_when_the_other_md_changes_and_the_md_goes_on_from_them(made):
    folder, _, layout = made
    before = Path(layout.starts(AT)).read_bytes()
    positions = read_frames(layout.trajectory(AT, 2), np.arange(40))
    longer = written(folder, content(frames=55))
    os.utime(layout.features(0.5))
    run_job("reseed", longer, layout, temperature=AT)
    assert Path(layout.starts(AT)).read_bytes() == before
    run_job("simulate", longer, layout, temperature=AT)
    np.testing.assert_array_equal(read_frames(layout.trajectory(AT, 2), np.arange(55))[:40], positions)


def test_md_of_another_beginning_is_not_taken_for_it(made):
    folder, _, layout = made
    content_without = content(load_json(layout.protocol(AT))["frames"])
    content_without["temperatures"] = {"train": [0.5, AT, 1.5], "predict": [1.0]}
    with pytest.raises(
        ArtifactError, match="MD was run with reseeded True, the study says False; run the stage simulate"
    ):
        run_job("featurize", written(folder, content_without), layout, temperature=AT)


def test_a_molecule_starts_where_it_is_told_at_its_temperature():
    """In vacuum, without minimisation and without a ramp."""
    molecule = AlanineDipeptide(kind="alanine_dipeptide")
    settings = Simulate(walkers=2, frames=2, save_every=1, time_step=0.001, platform="Reference")
    (start,) = molecule.starts().values()
    positions = np.stack([start, start + np.random.default_rng(0).normal(0, 1e-4, start.shape)])
    engine = molecule_engine(molecule, settings, 300.0)
    start_walkers(engine, molecule, settings, 300.0, positions=positions)
    assert kelvin_at(0, molecule, settings, 300.0) == 300.0
    engine.step(1, 300.0)
    found, _ = engine.frame()
    assert np.abs(found - positions).max() < 0.01
