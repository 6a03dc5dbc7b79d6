"""Whole stages on exact data: results, restarts, seeds."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from exact_study import make_study

from thermolatent.errors import ArtifactError, TrainingError
from thermolatent.frame_loading import load_frames
from thermolatent.learn.model import Model
from thermolatent.learn.settings import Learn
from thermolatent.represent.representation import load_representation
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.training import History, pick_device, shuffled_batches


def test_spib_finds_the_three_basins_numbered_by_population(trained):
    study, layout = trained
    rep = load_representation(layout.spib(0))
    minima = np.array(list(study.validate_.states.minima.values()), np.float32)
    states = rep.states(rep.encode(minima))
    assert len(set(states)) == 3
    data = load_frames(training_frames(study, layout))
    populations = np.bincount(rep.states(rep.encode(data.features[0.5])).ravel(), minlength=rep.n_states)
    assert (np.diff(populations) <= 0).all()


def test_few_frames_keep_their_states_with_the_default_settings(short, tmp_path):
    """Five optimiser steps in an epoch, as batches of 2048 would be here, merge two basins at the first relabelling."""
    study, layout = make_study(representation={"refinements": 1, "epochs": 10}), Layout(str(tmp_path / "results"))
    shutil.copytree(short[1].root, layout.root)
    run_job("represent", study, layout, seed=0)
    rep = load_representation(layout.spib(0))
    minima = np.array(list(study.validate_.states.minima.values()), np.float32)
    assert len(set(rep.states(rep.encode(minima)))) == 3


def test_the_scaler_is_part_of_the_model_and_knows_only_training_walkers(trained):
    study, layout = trained
    data = load_frames(training_frames(study, layout))
    from thermolatent.sampling import held_out_units

    used = data.flat(data.features)[data.of_walkers(~held_out_units(16))]
    spib = load_representation(layout.model("informed", 0)).spib
    np.testing.assert_allclose(spib.feature_mean.numpy(), used.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spib.feature_std.numpy(), used.std(0), rtol=1e-4)


def test_a_frozen_encoder_stays_and_a_joint_one_moves(trained):
    _, layout = trained
    before = load_representation(layout.spib(0)).spib.state_dict()
    frozen = load_representation(layout.model("informed", 0)).spib.state_dict()
    joint = load_representation(layout.model("joint", 0)).spib.state_dict()
    assert all(torch.equal(before[k], frozen[k]) for k in before)
    assert not torch.equal(before["encoder.weight"], joint["encoder.weight"])
    assert not torch.equal(before["decoder.0.weight"], joint["decoder.0.weight"])


def test_an_informed_model_beats_the_nearest_temperature_where_nobody_simulated(trained):
    """Share of the top state at T = 1: the model's samples and the training ensembles against exact points."""
    study, layout = trained
    model = Model.load(layout.model("informed", 0))
    rep = model.representation
    top = rep.states(rep.encode(np.array([[0.0, 1.5371]], np.float32)))[0]

    def share(z):
        return (rep.states(z) == top).mean()

    exact = share(rep.encode(ThreeHole().sample_exact(50_000, 1.0, np.random.default_rng(0)).astype(np.float32)))
    data = load_frames(training_frames(study, layout))
    assert abs(share(model.sample(50_000, 1.0, seed=1)) - exact) < 0.02
    assert min(abs(share(rep.encode(f)) - exact) for f in data.features.values()) > 0.03


def test_history_has_both_parts_of_joint_training_and_reads_back(trained):
    _, layout = trained
    with open(layout.history(layout.model("joint", 0))) as file:
        rows = list(csv.DictReader(file))
    assert [r["stage"] for r in rows] == ["joint", "joint", "density", "density"]
    assert all(np.isfinite(float(r["held_out"])) for r in rows)
    assert rows[0]["cross_entropy"] != ""
    assert rows[-1]["cross_entropy"] == ""


def test_relabelling_finds_the_basins_without_spib_before(trained, tmp_path, caplog):
    """From twelve clusters and three epochs of SPIB: the states that are left are visited, numbered by population, and at exact
    samples of the two lower basins differ."""
    shutil.copytree(f"{trained[1].root}/featurize", tmp_path / "featurize")
    brief = {"initial_labels": 12, "epochs": 3, "refinements": 0, "batch_size": 512}
    model = {"density": {"kind": "flow", "couplings": 2, "width": 8}, "encoder": "joint", "relabel": True}
    learn = {"steps": 500, "evaluate_every": 125, "batch_size": 512, "learning_rate": 5e-3}
    study = make_study(representation=brief, models={"scratch": model}, learn=learn)
    layout = Layout(str(tmp_path))
    run_job("represent", study, layout, seed=1)
    with caplog.at_level("INFO"):
        run_job("learn", study, layout, model="scratch", seed=1)
    before, after = (load_representation(f) for f in (layout.spib(1), layout.model("scratch", 1)))
    assert "relabelled after 125 steps" in caplog.text
    assert 3 <= after.n_states < before.n_states
    data = load_frames(training_frames(study, layout))
    populations = [
        np.bincount(after.states(after.encode(x)).ravel(), minlength=after.n_states) for x in data.features.values()
    ]
    assert (np.diff(populations[0]) <= 0).all()
    assert np.sum(populations, axis=0).min() > 0
    minima = np.array(list(study.validate_.states.minima.values()), np.float32)
    assert len(set(after.states(after.encode(minima)))) == 3


def train_briefly(root):
    """The representation and the joint model of seed 3, from the features below ``root``."""
    brief = {"epochs": 1, "refinements": 1, "batch_size": 512}
    study, layout = make_study(learn={"steps": 30, "evaluate_every": 10}, representation=brief), Layout(root)
    run_job("represent", study, layout, seed=3)
    run_job("learn", study, layout, model="joint", seed=3)
    return [Path(f).read_bytes() for f in (layout.spib(3), layout.model("joint", 3))]


def test_two_processes_with_one_seed_agree_byte_for_byte(short, tmp_path, one_thread):
    """The public code's flow starts from uninitialised memory: six processes, six models."""
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    for root in (here, there):
        shutil.copytree(f"{short[1].root}/featurize", f"{root}/featurize")
    folders = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    code = f"import test_training; test_training.train_briefly({there!r})"
    environment = os.environ | {"PYTHONPATH": folders, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    layout = Layout(there)
    assert train_briefly(here) == [Path(f).read_bytes() for f in (layout.spib(3), layout.model("joint", 3))]


def test_a_model_of_another_version_is_refused(trained, tmp_path, monkeypatch):
    _, layout = trained
    from thermolatent.files import artifacts

    model = Model.load(layout.model("joint", 0))
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "FORMAT_VERSION", 99)
        model.save(tmp_path / "new.safetensors")
    with pytest.raises(ArtifactError, match=r"new\.safetensors: format version 99, .* reads version 1"):
        Model.load(tmp_path / "new.safetensors")


def test_a_loss_that_is_not_finite_is_an_error_that_says_where():
    with pytest.raises(TrainingError, match=r"density, step 7: loss is nan; lower the learning rate"):
        History().add("density", 7, loss=float("nan"))


def test_an_epoch_visits_every_row_once():
    values, index = torch.arange(1000) * 10, torch.arange(0, 1000, 2)
    seen = torch.cat([batch[0] for batch in shuffled_batches(7, torch.Generator().manual_seed(0), (values, index))])
    assert sorted(seen.tolist()) == list(range(0, 10_000, 20))


def test_auto_leaves_small_batches_to_the_cpu():
    asked = {device: Learn(device=device, gpu_batch=4096) for device in ("auto", "cuda", "cpu")}
    assert [asked["auto"].device_for(batch) for batch in (4095, 4096)] == ["cpu", "auto"]
    assert [asked[device].device_for(1) for device in ("cuda", "cpu")] == ["cuda", "cpu"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_asking_for_a_gpu_that_is_not_there_says_what_to_write():
    with pytest.raises(TrainingError, match="write auto or cpu"):
        pick_device("cuda")
