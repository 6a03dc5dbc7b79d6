"""A training that was killed or told to stop, again and again, ends as if it had never been interrupted."""

import csv
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from exact_study import make_study

from thermolatent.densities.descent import Descent
from thermolatent.errors import Stopped
from thermolatent.files.artifacts import load_array, save_array
from thermolatent.represent import stage as represent
from thermolatent.study.jobs import run_job
from thermolatent.training import Checkpoint

FLOW = {"kind": "flow", "couplings": 2, "width": 4}
#: Of each kind of state that a training can have: a search, a network of potentials, an encoder that learns and is then
#: frozen, labels that change meanwhile, noise and averaged weights that a density holds itself.
MODELS = {
    "informed": {"density": {**FLOW, "tau": "auto"}, "informed": True, "encoder": "frozen"},
    "joint": {"density": FLOW, "encoder": "joint"},
    "relabelled": {"density": FLOW, "encoder": "joint", "relabel": True},
    "diffusion": {"density": {"kind": "diffusion", "width": 8}, "encoder": "frozen"},
    "matching": {"density": {"kind": "flow_matching", "width": 8}, "encoder": "frozen"},
}
SMALL = {
    "representation": {"initial_labels": 8, "epochs": 4, "refinements": 2, "batch_size": 410, "learning_rate": 5e-3},
    "learn": {"steps": 80, "evaluate_every": 30, "batch_size": 256},
    "models": MODELS,
}
#: Steps from one interruption to the next, the last one again and again: between evaluations, and on some.
TOLD, KILLED = (25,), (33, 47, 210)


class Killed(BaseException):
    """Stands for SIGKILL: nothing is saved on the way out."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory, short):
    """(study, layout) before an uninterrupted training of any model."""
    study, layout = make_study(**SMALL), type(short[1])(str(tmp_path_factory.mktemp("whole")))
    os.symlink(Path(short[1].root).resolve() / "featurize", Path(layout.root) / "featurize")
    run_job("represent", study, layout, seed=0)
    run_job("reweight", study, layout, seed=0)
    return study, layout


@pytest.fixture
def apart(whole, tmp_path):
    """A layout with the features and the finished models, to train one of them again."""
    layout = type(whole[1])(str(tmp_path))
    for folder in ("featurize", "represent", "reweight"):
        (tmp_path / folder).symlink_to(Path(whole[1].root).resolve() / folder)
    return layout


def interrupting(monkeypatch, owner, name, how, intervals):
    """After so many calls of a method that takes a step: a signal, or an exception that nobody handles."""
    step, left = getattr(owner, name), list(intervals)
    calls = 0

    def counted(*arguments):
        nonlocal calls
        calls += 1
        if calls >= left[0]:
            calls = 0
            if len(left) > 1:
                left.pop(0)
            if how == "killed":
                raise Killed
            os.kill(os.getpid(), how)
        return step(*arguments)

    monkeypatch.setattr(owner, name, counted)


def until_done(run, most=60):
    """Call ``run`` until it comes to its end; returns how often it was interrupted."""
    for interruptions in range(most):
        try:
            run()
            return interruptions
        except Killed:
            pass
        except Stopped as error:
            if "run it again to go on" not in str(error):
                raise
    raise AssertionError(f"interrupted {most} times and no end: it makes no progress")


def same_model(layout, whole, model):
    """As the uninterrupted training's, which is done once."""
    study, expected = whole
    if not Path(expected.model(model, 0)).exists():
        run_job("learn", study, expected, model=model, seed=0)
    same(layout, expected, lambda layout: layout.model(model, 0))


def same(layout, whole, file):
    assert Path(file(layout)).read_bytes() == Path(file(whole)).read_bytes()
    assert losses(layout.history(file(layout))) == losses(whole.history(file(whole)))
    assert not list(Path(file(layout)).parent.glob("*.checkpoint"))


def losses(path):
    with open(path) as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


#: The other models' trainings are interrupted in make test-slow.
INTERRUPTIONS = [
    ("joint", signal.SIGTERM),
    ("joint", "killed"),
    ("relabelled", "killed"),
    slow("joint", signal.SIGUSR1),
    *(
        slow(model, how)
        for model in MODELS
        if model not in ("joint", "relabelled")
        for how in (signal.SIGTERM, "killed")
    ),
]


@pytest.mark.parametrize(("model", "how"), INTERRUPTIONS)
def test_a_model(whole, apart, monkeypatch, model, how):
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        interrupting(patch, Descent, "advance", how, KILLED if how == "killed" else TOLD)
        assert until_done(lambda: run_job("learn", whole[0], apart, model=model, seed=0)) >= 2
    assert signal.getsignal(signal.SIGTERM) == before
    same_model(apart, whole, model)


@pytest.mark.parametrize("how", [slow(signal.SIGTERM), "killed"])
def test_the_representation(whole, apart, tmp_path, monkeypatch, how):
    study, expected = whole
    (tmp_path / "represent").unlink()
    interrupting(monkeypatch, represent.Spib, "terms", how, (150,))  # an epoch takes 66 steps
    assert until_done(lambda: run_job("represent", study, apart, seed=0)) >= 3
    same(apart, expected, lambda layout: layout.spib(0))


def test_between_evaluations_the_state_is_kept_by_the_clock(whole, apart, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("thermolatent.densities.descent.KEEP_SECONDS", 0.0)
        interrupting(patch, Descent, "advance", "killed", (17,))  # no evaluation is reached in one go
        until_done(lambda: run_job("learn", whole[0], apart, model="joint", seed=0))
    same_model(apart, whole, "joint")


def stopped_once(study, layout, monkeypatch):
    with monkeypatch.context() as patch:
        interrupting(patch, Descent, "advance", signal.SIGTERM, TOLD)
        with pytest.raises(Stopped, match=r"told to stop after 25 of 80 steps, all of them saved"):
            run_job("learn", study, layout, model="joint", seed=0)


@pytest.mark.parametrize("change", ["frames", "settings", "code", "representation"])
def test_a_checkpoint_of_anything_else_is_not_gone_on_from(whole, apart, tmp_path, monkeypatch, caplog, change):
    """Else the model of new data would be begun with the old ones, and nobody would ever see it."""
    study = whole[0]
    stopped_once(study, apart, monkeypatch)
    if change == "settings":
        study = make_study(**{**SMALL, "learn": {**SMALL["learn"], "learning_rate": 1e-3}})
    elif change == "code":
        monkeypatch.setattr("thermolatent.training.job_digest", lambda *_: "edited")
    else:
        folder = tmp_path / {"frames": "featurize", "representation": "represent"}[change]
        folder.unlink()
        shutil.copytree(Path(whole[1].root) / folder.name, folder)
    if change == "frames":
        save_array(apart.energies(0.5), load_array(apart.energies(0.5)) + 1e-3)
    elif change == "representation":
        run_job("represent", study, apart, seed=1)
        os.replace(apart.spib(1), apart.spib(0))
    interrupting(monkeypatch, Descent, "advance", "killed", (2,))  # it has begun, that is enough
    with pytest.raises(Killed):
        run_job("learn", study, apart, model="joint", seed=0)
    assert "seed0.checkpoint is of other data, settings or code, training starts again" in caplog.text


def test_a_torn_checkpoint_starts_over(whole, apart, monkeypatch, caplog):
    stopped_once(whole[0], apart, monkeypatch)
    checkpoint = Path(apart.model("joint", 0)).with_suffix(".checkpoint")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    run_job("learn", whole[0], apart, model="joint", seed=0)
    assert f"{checkpoint} cannot be read, training starts again" in caplog.text
    same_model(apart, whole, "joint")


def test_a_checkpoint_holds_numbers_as_they_are(tmp_path):
    state = {"best": float("inf"), 0.5: [1, 2.5, None], "t": torch.arange(3), "empty": [], 3: {"u": torch.zeros(())}}
    Checkpoint(str(tmp_path / "a.safetensors"), "key").save("part", state)
    found = Checkpoint(str(tmp_path / "a.safetensors"), "key").load("part")
    assert list(found) == list(state)
    assert (found["best"], found[0.5], found["empty"]) == (float("inf"), [1, 2.5, None], [])
    assert torch.equal(found["t"], state["t"])
    assert torch.equal(found[3]["u"], state[3]["u"])
