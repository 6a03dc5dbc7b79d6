"""Splits and pairs: whole walkers, no leak, no pair across walkers, no held-out temperature."""

import numpy as np
import pytest
import torch
from exact_study import WALKERS, make_study
from frames_for_tests import write_frames

from thermolatent.densities.fit import build_density
from thermolatent.errors import ArtifactError
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.learn.train import DensityTraining
from thermolatent.represent.pairs import lagged_pairs
from thermolatent.represent.scaler import Scaler, new_spib
from thermolatent.represent.tica import fit_tica
from thermolatent.sampling import held_out_units
from thermolatent.study.jobs import JOBS, training_frames
from thermolatent.study.layout import Layout
from thermolatent.training import Checkpoint


def shaped(walkers=5, frames=7, temperatures=(1.0, 2.0)):
    """Features that say where each frame came from: (temperature, walker, frame)."""
    grid = np.stack(np.meshgrid(np.arange(walkers), np.arange(frames), indexing="ij"), -1).astype(np.float32)
    features = {T: np.concatenate([np.full((walkers, frames, 1), T, np.float32), grid], -1) for T in temperatures}
    energies = dict.fromkeys(temperatures, np.zeros((walkers, frames)))
    return Frames({T: T for T in temperatures}, features, features, energies)


@pytest.mark.parametrize("walkers", [2, 3, 16, 32, 64])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_held_out_walkers_are_some_and_never_all(walkers, share):
    mask = held_out_units(walkers, share)
    assert 1 <= mask.sum() <= walkers - 1
    assert mask.sum() == min(max(1, round(share * walkers)), walkers - 1)


def test_both_sides_of_the_split_have_every_start():
    starts = np.arange(32) % 4
    mask = held_out_units(32, 0.25)
    assert set(starts[mask]) <= set(starts[~mask])


@pytest.mark.parametrize("lag", [1, 3, 6])
def test_pairs_are_one_lag_apart_in_one_walker_at_one_temperature(lag):
    data = shaped()
    flat = data.flat(data.features)
    mask = np.array([True, False, True, True, False])
    pairs = lagged_pairs(data, lag, mask)
    now, later = flat[pairs.now], flat[pairs.later]
    np.testing.assert_array_equal(now[:, :2], later[:, :2])
    np.testing.assert_array_equal(now[:, 2] + lag, later[:, 2])
    assert len(now) == 2 * mask.sum() * (7 - lag)
    assert set(now[:, 1]) == {0, 2, 3}


@pytest.mark.parametrize("lag", [1, 2, 3])
@pytest.mark.parametrize("stretch", [4, 3.5])
def test_no_pair_crosses_an_exchange(lag, stretch):
    data = shaped(frames=10)
    first = np.array([0, 10, 25, 31, 47])  # of each walker in its file: stretches begin anywhere in a walker
    data.pieces = dict.fromkeys(data.kT, np.stack([np.zeros(5, int), first], axis=1))
    data.stretch = dict.fromkeys(data.kT, stretch)
    pairs, mask = lagged_pairs(data, lag, np.ones(5, bool)), data.linked(1.0, lag)
    place = data.place(pairs.now.numpy())
    at = first[place.walker] + place.frame
    assert (pairs.later == pairs.now + lag).all()
    assert (place.frame + lag < 10).all()
    expected = [int(f // stretch) == int((f + lag) // stretch) for f in (first[:, None] + np.arange(10 - lag)).ravel()]
    assert len(at) == 2 * sum(expected) > 0
    assert all(int(f // stretch) == int((f + lag) // stretch) for f in at)
    assert mask.sum() == sum(expected)


def test_where_replicas_may_exchange_after_every_frame_there_is_no_pair():
    data = shaped()
    data.stretch = {1.0: 1}
    assert not data.linked(1.0, 1).any()
    assert data.linked(2.0, 1).sum() == 5 * 6


def test_tica_sees_no_pair_across_an_exchange():
    rng = np.random.default_rng(0)
    within, across = rng.choice([-1.0, 1.0], (2, 4001)).repeat(2, axis=1)
    x = np.stack([within[:8000], across[1:8001]], axis=-1).reshape(4, 2000, 2)  # one changes at exchanges, one between
    data = Frames({1.0: 1.0}, {1.0: x}, {1.0: x}, {1.0: np.zeros((4, 2000))})
    data.pieces = {1.0: np.stack([np.zeros(4, int), 2000 * np.arange(4)], axis=1)}
    every = fit_tica(data, 1, np.ones(4, bool), 2, "").singular_values
    np.testing.assert_allclose(every, 0.5, atol=0.05)
    data.stretch = {1.0: 2.0}
    np.testing.assert_allclose(fit_tica(data, 1, np.ones(4, bool), 2, "").singular_values, [1, 0], atol=0.05)


def test_training_and_held_out_frames_share_nothing():
    data = shaped()
    mask = held_out_units(5, 0.4)
    training, held = lagged_pairs(data, 2, ~mask), lagged_pairs(data, 2, mask)
    used = set(training.now.tolist()) | set(training.later.tolist())
    assert not used & (set(held.now.tolist()) | set(held.later.tolist()))
    assert data.of_walkers(~mask)[sorted(used)].all()


def test_one_order_temperature_walker_frame():
    data = shaped()
    flat = data.flat(data.features)
    np.testing.assert_array_equal(flat, np.array(sorted(flat.tolist()), np.float32))
    np.testing.assert_array_equal(data.theta(1.0), flat[:, 0])
    np.testing.assert_array_equal(data.temperature_index(), flat[:, 0] - 1)


def test_only_training_temperatures_are_opened(exact):
    study, layout = exact  # no features exist at 1.0, the temperature to predict
    data = load_frames(training_frames(study, layout))
    assert data.temperatures == [0.5, 1.5]


def test_features_of_another_length_are_refused(fresh):
    study, layout = fresh
    np.save(layout.features(1.5), np.zeros((16, 10, 2), np.float32))
    with pytest.raises(ArtifactError, match=r"T1\.5.*16 walkers of 10 frames.*900.*featurize again"):
        load_frames(training_frames(study, layout))


def test_no_scale_of_a_model_sees_a_held_out_walker(tmp_path):
    """Held-out walkers are elsewhere: the scaler of the features and the whitening of the density are those of the others."""
    study, layout = make_study(), Layout(str(tmp_path))
    held = held_out_units(WALKERS)
    rng = np.random.default_rng(0)
    for T in study.temperatures.train:
        points = rng.normal(size=(WALKERS, 50, 2)) + 1000.0 * held[:, None, None]
        write_frames(layout, T, points, points, points[..., 0], names=["x", "y"])
    data = load_frames(training_frames(study, layout))
    mine = np.flatnonzero(data.of_walkers(~held))
    torch.manual_seed(0)
    spib = new_spib(study.representation, Scaler(data.rows(), mine), 3)
    assert spib.feature_mean.abs().max() < 0.2
    assert abs(spib.feature_std - 1).max() < 0.1
    settings = JOBS["learn"](study, layout, model="joint", seed=0).settings
    density = build_density(
        settings.model.density.model_dump(mode="json"), 2, settings.model.temperature, settings.theta_range
    )
    DensityTraining(settings, data, spib, density, None, Checkpoint(str(tmp_path / "m.safetensors"), {}), {})
    with torch.no_grad():
        z = spib.encoder(spib.standardise(data.rows()[mine]))
    assert (density.whitening.mean - z.mean(0)).abs().max() < 0.1
