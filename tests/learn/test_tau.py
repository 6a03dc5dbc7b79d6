"""``tau: auto`` in a study, in every latent dimension, through represent, learn and generate."""

import csv

import numpy as np
import pytest
import torch
from exact_study import make_study
from frames_for_tests import write_frames

from thermolatent.files.artifacts import load_arrays
from thermolatent.learn import train
from thermolatent.learn.model import Model
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole

AUTO = {"kind": "flow", "transform": "spline", "couplings": 2, "width": 4, "tau": "auto"}
WALKERS, FRAMES = 5, 200


def tiny_study(d, **models):
    return make_study(
        simulate={"walkers": WALKERS, "frames": FRAMES, "time_step": 0.02},
        representation={
            **{"latent_dim": d, "initial_labels": 4, "refinements": 1},
            **{"epochs": 3, "batch_size": 64, "learning_rate": 1e-2},
        },
        learn={"steps": 80, "evaluate_every": 20, "batch_size": 128},
        models=models or {"auto": {"density": AUTO, "temperature": ["steer"], "encoder": "frozen"}},
        generate={"samples": 200, "structures": 0, "grid": 2},
    )


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """d -> (study, layout) after represent, on five features of exact points that keep near where they were."""
    made = {}

    def make(d, **models):
        if d not in made:
            study, layout = tiny_study(d), Layout(str(tmp_path_factory.mktemp(f"d{d}") / "results"))
            for T in study.temperatures.train:
                points = ThreeHole().sample_exact(WALKERS * FRAMES // 10, T, np.random.default_rng(round(10 * T)))
                points = np.repeat(points, 10, axis=0).reshape(WALKERS, FRAMES, 2)
                x, y = points[..., 0], points[..., 1]
                features = np.stack([x, y, x * x, y * y, x * y], axis=-1)
                write_frames(layout, T, features, points, ThreeHole().plane_energy(points))
            run_job("represent", study, layout, seed=0)
            made[d] = layout
        return tiny_study(d, **models), made[d]

    return make


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_from_frames_to_samples_in_every_dimension(pretrained, d):
    study, layout = pretrained(d)
    run_job("learn", study, layout, model="auto", seed=0)
    run_job("generate", study, layout, model="auto", seed=0)
    model = Model.load(layout.model("auto", 0))
    search = model.about["tau_search"]
    assert search["tau"] == [0, 1, 2, 3, 4]
    assert model.about["density"]["tau"] == search["tau"][np.argmin(search["held_out"])]
    with open(layout.history(layout.model("auto", 0))) as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "tau"]
    assert [float(row["tau"]) for row in rows] == search["tau"]
    np.testing.assert_allclose([float(row["held_out"]) for row in rows], search["held_out"], rtol=1e-4)
    for T in study.temperatures.generated:
        drawn = load_arrays(layout.samples("auto", 0, T))
        assert drawn["latents"].shape == (200, d)
        assert drawn["frame_weights"].sum() == pytest.approx(1)
    # The density is a density: its mean over uniform points of a box that holds it is one over the volume.
    z = model.sample(4000, 1.0, seed=1)
    if d <= 2:
        axes = [np.linspace(a - 1, b + 1, 4001 if d == 1 else 400) for a, b in zip(z.min(0), z.max(0), strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d)
        mass = np.exp(model.log_prob(grid, 1.0)).sum() * np.prod([a[1] - a[0] for a in axes])
        assert mass == pytest.approx(1, abs=0.01)


def test_a_joint_model_is_searched_on_the_pretrained_latents(pretrained):
    """Across encoders that move, ln r could be had by shrinking z."""
    joint = {"density": AUTO, "temperature": ["steer"], "encoder": "joint"}
    frozen = {"density": AUTO, "temperature": ["steer"], "encoder": "frozen"}
    study, layout = pretrained(2, joint=joint, frozen=frozen)
    for model in study.models:
        run_job("learn", study, layout, model=model, seed=0)
    searches = [Model.load(layout.model(model, 0)).about["tau_search"] for model in study.models]
    assert searches[0] == searches[1]


@pytest.mark.parametrize("killed_in", ["search", "training"])
def test_an_interrupted_search_ends_as_if_it_had_not_been(pretrained, tmp_path, monkeypatch, killed_in):
    study, layout = pretrained(2, auto={"density": AUTO, "temperature": ["steer"], "encoder": "frozen"})
    run_job("learn", study, layout, model="auto", seed=0)
    expected = Model.load(layout.model("auto", 0))

    class Elsewhere(Layout):
        def model(self, model, seed):
            return str(tmp_path / f"seed{seed}.safetensors")

    elsewhere, tried, fit, save = Elsewhere(layout.root), [], train.fit_samples, train.DensityTraining._save

    def fit_or_die(spec, *rest):
        if killed_in == "search" and len(tried) == 2:
            raise KeyboardInterrupt
        tried.append(spec["tau"])
        return fit(spec, *rest)

    def save_and_die(self):
        save(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "fit_samples", fit_or_die)
        patch.setattr(train.DensityTraining, "_save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            run_job("learn", study, elsewhere, model="auto", seed=0)
        assert not (tmp_path / "seed0.safetensors").exists()
    monkeypatch.setattr(train, "fit_samples", lambda spec, *rest: tried.append(spec["tau"]) or fit(spec, *rest))
    run_job("learn", study, elsewhere, model="auto", seed=0)
    assert tried == [0, 1, 2, 3, 4]  # none twice
    resumed = Model.load(elsewhere.model("auto", 0))
    assert resumed.about == expected.about
    state = resumed.density.state_dict()
    assert all(torch.equal(state[k], v) for k, v in expected.density.state_dict().items())
    assert not list(tmp_path.glob("*.checkpoint"))
