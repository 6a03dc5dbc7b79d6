"""Generation: exact counts, honest failures, weights that mean what they say."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from exact_study import make_study

from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import load_arrays, save_arrays
from thermolatent.frame_loading import load_frames
from thermolatent.generate import stage
from thermolatent.generate.weights import ModelWeights, bounded
from thermolatent.learn.model import Model
from thermolatent.mbar import effective_fraction
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.systems.three_hole import ThreeHole


@pytest.fixture
def generated(trained, tmp_path):
    """(study, layout, samples by temperature) of the informed model, in a folder of the test's own."""
    study, layout = trained
    own = dataclasses.replace(layout, root=str(tmp_path / "results"))
    shutil.copytree(layout.root, own.root)
    run_job("generate", study, own, model="informed", seed=0)
    return study, own, {T: load_arrays(own.samples("informed", 0, T)) for T in study.temperatures.generated}


def test_every_temperature_has_exactly_n_finite_samples(generated):
    study, _, samples = generated
    assert sorted(samples) == [0.5, 1.0, 1.5]
    for arrays in samples.values():
        assert arrays["latents"].shape == (study.generate.samples, 2)
        assert np.isfinite(arrays["latents"]).all()
        assert arrays["log_density"].shape == (study.generate.samples,)
        np.testing.assert_allclose(arrays["state_probabilities"].sum(1), 1, atol=1e-5)


def test_log_density_is_that_of_the_samples(generated):
    _, layout, samples = generated
    model = Model.load(layout.model("informed", 0))
    np.testing.assert_allclose(samples[1.0]["log_density"], model.log_prob(samples[1.0]["latents"], 1.0), atol=1e-5)


def test_temperatures_have_base_points_of_their_own(generated):
    _, layout, samples = generated
    model = Model.load(layout.model("informed", 0))
    u = []
    for T in (0.5, 1.5):
        with torch.no_grad():
            z = torch.from_numpy(samples[T]["latents"])
            u.append(model.density.transform(z, torch.full((len(z),), model.theta(T)))[0].numpy())
    assert abs(np.corrcoef(u[0][:, 0], u[1][:, 0])[0, 1]) < 0.1


def test_frame_weights_give_exact_averages_of_features(generated):
    study, layout, samples = generated
    data = load_frames(training_frames(study, layout))
    weights = samples[1.0]["frame_weights"]
    assert weights.shape == (len(data),)
    assert weights.sum() == pytest.approx(1)
    energy = (weights * data.flat(data.energies)).sum()
    assert energy == pytest.approx(ThreeHole().exact_mean_energy(1.0), abs=0.1)
    assert abs(data.energies[1.5].mean() - ThreeHole().exact_mean_energy(1.0)) > 0.4  # the test can fail


def test_informed_weights_are_the_reweightings_and_know_what_the_latent_does_not_see(trained):
    """Latent: x alone. The mean of y at given x changes with T, which weights of z cannot know and the reweighting does."""
    study, layout = trained
    model, data = Model.load(layout.model("informed", 0)), load_frames(training_frames(study, layout))
    with torch.no_grad():
        model.representation.spib.encoder.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    reweighting = ConditionalReweighting.load(layout.reweighting, data)
    informed = ModelWeights(model, data, reweighting)
    np.testing.assert_allclose(np.exp(informed.log_weights(0.5)[0]), reweighting.weights(0.5), rtol=1e-12)
    uninformed = ModelWeights(model, data, None)
    # A density that is right at every z leaves only p(y|x) to be judged.
    bins = np.digitize(uninformed.latents[:, 0], np.quantile(uninformed.latents[:, 0], np.linspace(0, 1, 101)[1:-1]))
    mass = {T: np.bincount(bins, reweighting.weights(T), minlength=100) for T in (0.5, 1.5)}
    uninformed.log_density = lambda z, T: np.log(mass[T])[bins]
    exact = ThreeHole().sample_exact(200_000, 0.5, np.random.default_rng(0))[:, 1].mean()
    y = data.flat(data.features)[:, 1]
    error = [abs((np.exp(w.log_weights(0.5)[0]) * y).sum() - exact) for w in (informed, uninformed)]
    assert error[0] < 0.02
    assert error[1] > 0.03


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("count", [1, 2, 5, 100, 997])
def test_bounded_weights_are_those_of_repeated_truncation(count, spread):
    w = np.exp(spread * np.random.default_rng(count).normal(size=count))
    w /= w.sum()
    expected = w
    for _ in range(2000):  # cut at 1 / sqrt(N) of the sum, until the sum stays
        expected = np.minimum(w, expected.sum() / np.sqrt(count))
    found, moved = bounded(np.log(w))
    np.testing.assert_allclose(np.exp(found), expected / expected.sum(), rtol=1e-6)
    assert np.exp(found).max() <= (1 + 1e-9) / np.sqrt(count)
    assert moved == pytest.approx(np.abs(np.exp(found) - w).sum() / 2, abs=1e-12)
    if w.max() <= 1 / np.sqrt(count):
        np.testing.assert_array_equal(np.exp(found), np.exp(np.log(w)))


def test_one_frame_far_from_all_others_does_not_stand_for_the_ensemble(trained, caplog):
    """ln p a thousand nats too high at one frame: the average moves by less than its share 1 / sqrt(N), and it is said."""
    study, layout = trained
    model, data = Model.load(layout.model("informed", 0)), load_frames(training_frames(study, layout))
    weights = ModelWeights(model, data, None)
    right, fraction = weights.log_weights(1.0)
    assert fraction == pytest.approx(effective_fraction(right))
    assert not caplog.records
    density = weights.log_density
    spoiled = np.zeros(len(weights.latents))
    spoiled[7] = 1000.0
    weights.log_density = lambda z, T: density(z, T) + spoiled
    found, fraction = weights.log_weights(1.0)
    assert fraction == pytest.approx(1 / len(found))
    assert "do not trust this density there" in caplog.text
    difference = np.abs(np.exp(found) - np.exp(right)).sum() / 2
    assert difference < 1.01 / np.sqrt(len(found))


def test_surfaces_agree_with_the_density(generated):
    _, layout, _ = generated
    surfaces = load_arrays(layout.surfaces("informed", 0))
    assert surfaces["temperatures"].tolist() == [0.5, 1.0, 1.5]
    assert surfaces["free_energy"].shape == (3, *[surfaces["axes"].shape[1]] * 2)
    assert surfaces["free_energy"].min(axis=(1, 2)).tolist() == [0, 0, 0]
    cell = np.prod(np.diff(surfaces["axes"], axis=1)[:, 0])
    model = Model.load(layout.model("informed", 0))
    grid = np.stack(np.meshgrid(*surfaces["axes"], indexing="ij"), -1).reshape(-1, 2)
    mass = np.exp(model.log_prob(grid, 1.0)).sum() * cell
    assert mass == pytest.approx(1, abs=0.03)
    assert surfaces["base_samples"].shape[1] == 2


def test_finished_temperatures_are_left_and_lost_ones_made_again_as_they_were(generated, monkeypatch):
    study, layout, before = generated
    Path(layout.samples("informed", 0, 1.0)).unlink()
    drawn = []
    draw = stage.draw_samples
    monkeypatch.setattr(stage, "draw_samples", lambda model, n, T, *rest: drawn.append(T) or draw(model, n, T, *rest))
    run_job("generate", study, layout, model="informed", seed=0)
    assert drawn == [1.0]
    after = load_arrays(layout.samples("informed", 0, 1.0))
    np.testing.assert_array_equal(after["latents"], before[1.0]["latents"])


@pytest.mark.parametrize("missing", ["model_digest", "latents"])
def test_samples_without_their_origin_are_generated_anew(generated, missing):
    study, layout, samples = generated
    path = layout.samples("informed", 0, 1.0)
    save_arrays(path, {name: array for name, array in samples[1.0].items() if name != missing})
    run_job("generate", study, layout, model="informed", seed=0)
    back = load_arrays(path)
    assert set(back) == set(samples[1.0])
    np.testing.assert_array_equal(back["latents"], samples[1.0]["latents"])


def test_another_sample_count_is_generated_anew(generated):
    _, layout, _ = generated
    study = make_study(generate={"samples": 77, "structures": 0, "grid": 3})
    run_job("generate", study, layout, model="informed", seed=0)
    assert load_arrays(layout.samples("informed", 0, 1.0))["latents"].shape == (77, 2)


def test_samples_that_are_not_finite_are_an_error_with_their_number(trained):
    _, layout = trained
    model = Model.load(layout.model("informed", 0))
    sample = model.sample

    def broken(n, temperature, seed):
        z = sample(n, temperature, seed)
        z[:3] = np.nan
        return z

    model.sample = broken
    with pytest.raises(ThermolatentError, match=r"3 of 100 samples at T = 1\.0 are not finite"):
        stage.draw_samples(model, 100, 1.0, 0)
