"""``representation.tica``: SPIB sees the slowest combinations of many features, and the model carries them."""

import numpy as np
import pytest
import torch
from exact_study import correlated_exact_points, make_study
from frames_for_tests import write_frames

from thermolatent.errors import ArtifactError, TrainingError
from thermolatent.files.artifacts import load_model
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.represent.representation import load_representation
from thermolatent.represent.tica import fit_tica, loadings, timescales
from thermolatent.sampling import held_out_units
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole

NOISE = 4
MIX = np.random.default_rng(0).normal(size=(2 + NOISE, 3 + NOISE))  # one feature too many


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """The plane of the three-hole potential mixed into loud features without memory; pretrained on two components."""
    settings = {
        "initial_labels": 12,
        "epochs": 6,
        "refinements": 4,
        "batch_size": 512,
        "learning_rate": 5e-3,
        "tica": 2,
    }
    study, layout = make_study(representation=settings), Layout(str(tmp_path_factory.mktemp("noisy")))
    names = [f"feature {i}" for i in range(3 + NOISE)]
    for T in study.temperatures.train:
        rng = np.random.default_rng(round(100 * T))
        points = correlated_exact_points(T, rng)
        features = np.concatenate([points, 3 * rng.normal(size=(*points.shape[:2], NOISE))], axis=2) @ MIX
        write_frames(layout, T, features, points, ThreeHole().plane_energy(points), names=names)
    run_job("represent", study, layout, seed=0)
    return study, layout


def test_the_states_are_found_below_the_noise(noisy):
    study, layout = noisy
    rep, data = load_representation(layout.spib(0)), load_frames(training_frames(study, layout))
    x = rep.spib.standardise(torch.from_numpy(data.flat(data.features))).numpy()
    assert x.shape[1] == 2
    plane = data.flat(data.plane)
    fitted = np.c_[x, np.ones(len(x))] @ np.linalg.lstsq(np.c_[x, np.ones(len(x))], plane, rcond=None)[0]
    assert (np.var(plane - fitted, axis=0) < 0.1 * plane.var(axis=0)).all()  # the plane, and little of the noise
    states = rep.states(rep.encode(data.features[0.5])).ravel()
    basins = np.where(data.plane[0.5][..., 1].ravel() > 0.9, 2, data.plane[0.5][..., 0].ravel() > 0)
    agreement = sum(np.bincount(basins[states == s]).max() for s in np.unique(states)) / len(states)
    assert agreement > 0.93


def test_the_components_have_unit_variance_and_are_of_training_walkers(noisy):
    study, layout = noisy
    data = load_frames(training_frames(study, layout))
    training = ~held_out_units(16)
    spib = load_representation(layout.spib(0)).spib
    used = np.concatenate([f[training].reshape(-1, f.shape[2]) for f in data.features.values()])
    x = spib.standardise(torch.from_numpy(used)).numpy()
    np.testing.assert_allclose(x.std(0), 1, rtol=1e-3)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-3)
    weights = loadings(fit_tica(data, 1, training, 2, ""), used.shape[1])
    expected = (used - used.mean(0)) @ weights
    np.testing.assert_allclose(x, expected / expected.std(0), atol=2e-3)


def test_the_file_names_the_features_and_refuses_others(noisy):
    _, layout = noisy
    spec, tensors = load_model(layout.spib(0), "spib")
    assert spec["tica"]["features"] == [f"feature {i}" for i in range(3 + NOISE)]
    assert len(spec["tica"]["timescales"]) == 2
    assert tensors["spib.projection"].shape == (3 + NOISE, 2)
    with pytest.raises(ArtifactError, match="trained on 7 features, these frames have 6"):
        load_representation(layout.spib(0)).encode(np.zeros((3, 6), np.float32))


def autoregressive(memory, rng, shape=(4, 20000)):
    x = rng.normal(size=shape)
    for t in range(1, shape[1]):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * x[:, t]
    return x


def test_timescales_are_those_of_the_process():
    rng = np.random.default_rng(3)
    features = np.stack([autoregressive(np.exp(-1 / t), rng) for t in (2.0, 40.0)], axis=2).astype(np.float32)
    data = Frames({1.0: 1.0}, {1.0: features}, {1.0: features}, {1.0: features[..., 0]})
    model = fit_tica(data, 5, np.ones(4, bool), 2, "")
    np.testing.assert_allclose(timescales(model, 5), [40, 2], rtol=0.15)
    weights = loadings(model, 2)
    assert abs(weights[1, 0]) > 10 * abs(weights[0, 0])
    assert abs(weights[0, 1]) > 10 * abs(weights[1, 1])


def test_features_that_do_not_vary_are_refused():
    still = np.ones((4, 50, 3), np.float32)
    data = Frames({1.0: 1.0}, {1.0: still}, {1.0: still}, {1.0: still[..., 0]})
    with pytest.raises(TrainingError, match=r"representation\.tica: leave it out, since components cannot be made"):
        fit_tica(data, 5, np.ones(4, bool), 2, "representation.tica: leave it out, since components")
