"""Training on a GPU against a CPU, with the random numbers of a CPU on both."""

import shutil

import numpy as np
import pytest
import torch
from exact_study import make_study

from thermolatent import rows
from thermolatent.densities.descent import Descent
from thermolatent.files.artifacts import load_arrays
from thermolatent.learn.model import Model
from thermolatent.represent.spib import Spib
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout

STEPS = 50
FLOW = {"kind": "flow", "transform": "spline", "couplings": 4, "width": 16}
MODELS = {
    "flow": {"density": FLOW, "temperature": ["steer", "condition"], "informed": True, "encoder": "frozen"},
    "diffusion": {"density": {"kind": "diffusion"}, "encoder": "joint"},
    "flow_matching": {"density": {"kind": "flow_matching"}, "encoder": "frozen"},
}


def a_study(device):
    """300 frames of 16 walkers, a fifth held out: 18 batches of 410 in an epoch of SPIB."""
    learn = {"steps": STEPS, "evaluate_every": 10, "batch_size": 512, "device": device}
    spib = {"initial_labels": 12, "epochs": 3, "refinements": 0, "batch_size": 410}
    return make_study(representation=spib, learn=learn, models=MODELS)


@pytest.fixture(autouse=True)
def _random_numbers_of_a_cpu(monkeypatch):
    """Generators are a CPU's, whose numbers are then moved."""

    class OnCpu(torch.Generator):
        def __new__(cls, *_):
            return super().__new__(cls)

    monkeypatch.setattr(torch, "Generator", OnCpu)
    for name in ("randn", "rand", "randint", "randperm"):
        own = getattr(torch, name)

        def drawn(*arguments, own=own, device=None, **more):
            return own(*arguments, **more).to(device or "cpu")

        monkeypatch.setattr(torch, name, drawn)


@pytest.fixture
def losses(monkeypatch):
    """Losses of every batch and evaluation, in their order; emptied by reading."""
    seen = []
    for where, name, value in (
        (Descent, "advance", lambda result: result.tolist()),
        (Spib, "terms", lambda result: [float(result.cross_entropy.detach())]),
    ):
        own = getattr(where, name)

        def recorded(*arguments, own=own, value=value, **more):
            result = own(*arguments, **more)
            seen.extend(value(result))
            return result

        monkeypatch.setattr(where, name, recorded)

    def read():
        found = np.array(seen)
        seen.clear()
        return found

    return read


@pytest.fixture
def layouts(short, tmp_path):
    """Two studies' folders with the same features."""
    made = []
    for name in ("here", "there"):
        shutil.copytree(f"{short[1].root}/featurize", tmp_path / name / "featurize")
        made.append(Layout(str(tmp_path / name)))
    return made


def trained(study, layout, losses):
    """Losses of each training by name."""
    found = {}
    run_job("represent", study, layout, seed=0)
    found["spib"] = losses()
    run_job("reweight", study, layout, seed=0)
    for model in study.models:
        losses()
        run_job("learn", study, layout, model=model, seed=0)
        found[model] = losses()
    return found


@pytest.mark.parametrize("mapped", [False, True])
def test_losses_and_models_are_those_of_a_cpu(device, layouts, losses, monkeypatch, mapped):
    """The device with features in memory, or in their files, against a CPU with features in memory."""
    exact = trained(a_study("cpu"), layouts[0], losses)
    monkeypatch.setattr(rows, "HELD_BYTES", 0 if mapped else rows.HELD_BYTES)
    found = trained(a_study(device), layouts[1], losses)
    for name, values in exact.items():
        assert len(values) >= STEPS, name
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-3, err_msg=name)


def test_saved_models_load_on_a_cpu_and_sample_exactly_what_is_asked_for(device, layouts, losses):
    """On a CPU, as the stage generate does."""
    study, layout = a_study(device), layouts[0]
    trained(study, layout, losses)
    for name in study.models:
        density = Model.load(layout.model(name, 0)).density
        assert {p.device.type for p in density.parameters()} == {"cpu"}
        assert density.sample(1000, 1.5, torch.Generator()).shape == (1000, 2)
    run_job("generate", study, layout, model="flow", seed=0)
    assert len(load_arrays(layout.samples("flow", 0, 1.0))["latents"]) == study.generate.samples
