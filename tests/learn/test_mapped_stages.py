"""A study whose features are not held in memory is trained as one whose features are."""

import shutil

import numpy as np
import torch
from exact_study import make_study

from thermolatent import rows
from thermolatent.files.artifacts import load_arrays, load_model
from thermolatent.frame_loading import load_frames
from thermolatent.represent.labels import order_parameters
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout

BRIEF = {
    "representation": {"initial_labels": 12, "epochs": 2, "refinements": 1, "batch_size": 410, "learning_rate": 5e-3},
    "learn": {"steps": 40, "evaluate_every": 20, "batch_size": 512},
}


def run_all(layout):
    """Train and generate briefly; the study."""
    study = make_study(**BRIEF)
    run_job("represent", study, layout, seed=0)
    run_job("reweight", study, layout, seed=0)
    for model in study.models:
        run_job("learn", study, layout, model=model, seed=0)
    run_job("generate", study, layout, model="informed", seed=0)
    return study


def test_training_and_generation_give_the_same(short, tmp_path, monkeypatch):
    """To rounding: sums over all frames are taken block by block, here of 1000 frames."""
    held, mapped = (Layout(str(tmp_path / name)) for name in ("held", "mapped"))
    for layout in (held, mapped):
        shutil.copytree(short[1].root + "/featurize", layout.root + "/featurize")
    study = run_all(held)
    monkeypatch.setattr(rows, "HELD_BYTES", 0)
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 1000 * 2 * 4)
    assert not load_frames(training_frames(study, mapped)).held
    run_all(mapped)
    for file in (Layout.spib, *(lambda x, s, m=m: x.model(m, s) for m in study.models)):
        found = load_model(file(mapped, 0), "spib", "model")[1]
        for name, tensor in load_model(file(held, 0), "spib", "model")[1].items():
            torch.testing.assert_close(
                found[name], tensor, rtol=1e-3, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}"
            )
    weights = (load_arrays(layout.samples("informed", 0, 1.0))["frame_weights"] for layout in (held, mapped))
    np.testing.assert_allclose(*weights, rtol=0.01)


def test_tica_of_mapped_features_is_that_of_held_ones(short, monkeypatch):
    data, walkers = load_frames(training_frames(*short)), np.arange(16) % 4 > 0
    held = order_parameters(data, "tica", 2, walkers)
    monkeypatch.setattr(rows, "HELD_BYTES", 0)
    np.testing.assert_allclose(order_parameters(data, "tica", 2, walkers), held, rtol=1e-4, atol=1e-5)
