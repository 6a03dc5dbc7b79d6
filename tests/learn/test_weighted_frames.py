"""Frames that carry weights: what is drawn of them is the ensemble, and frames a lag apart stay what they were."""

import numpy as np
import pytest
import torch
from exact_study import FRAMES, WALKERS, correlated_exact_points, make_study, write_features

from thermolatent.artifacts import save_array, save_json
from thermolatent.layout import Layout
from thermolatent.learn import pretrain, train
from thermolatent.learn.dataset import TrainingData, draw, drawn_frames, frame_mask, lagged_pairs, load_training
from thermolatent.learn.informed import systematic_resample
from thermolatent.learn.model import Model
from thermolatent.learn.reweight import METHODS, FrameWeights
from thermolatent.learn.reweight import run as reweight
from thermolatent.learn.spib import Spib
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.validate.kinetics import cross_entropy, gmrq, slowest_timescale, transition_counts
from thermolatent.validate.reference import Reference

#: temperature of the study -> temperature whose frames, with exact log-weights, stand for it
BIASED = {0.5: 0.7, 1.0: 1.2, 1.5: 1.2}


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    """(study, layout): each temperature sampled at another one, as a bias would."""
    study = make_study(temperatures={"train": [0.5, 1.5], "predict": [1.0], "reference": [1.0]})
    layout = Layout(str(tmp_path_factory.mktemp("biased")))
    for T, other in BIASED.items():
        points = correlated_exact_points(other, np.random.default_rng(round(100 * T)))
        energies = ThreeHole().plane_energy(points)
        save_array(layout.features(T), points.astype(np.float32))
        save_array(layout.plane(T), points.astype(np.float32))
        save_array(layout.energies(T), energies)
        save_array(layout.log_weights(T), (1 / other - 1 / T) * energies)
        header = {"names": ["x", "y"], "plane_periodic": [False, False], "observable_names": []}
        save_json(layout.features_header(T), header | {"walkers": WALKERS, "frames": FRAMES, "weighted": True})
        save_json(layout.protocol(T), {"starts": ["left"] * WALKERS})
    return study, layout


def share_of_top(points):
    return (points[..., 1] > 1).mean()


def exact_share_of_top(T):
    edges = np.linspace(-3.5, 3.5, 141), np.linspace(-3.5, 4.5, 161)
    mass = ThreeHole().exact_histogram(*edges, T)
    return mass[:, (edges[1][1:] + edges[1][:-1]) / 2 > 1].sum() / mass.sum()


def test_what_is_drawn_is_the_ensemble_for_training_and_for_the_reference(biased):
    data, reference = load_training(*biased), Reference.load(*biased)
    for k, T in enumerate(data.temperatures):
        drawn = data.flat(data.features)[data.temperature_index() == k]
        np.testing.assert_array_equal(drawn, reference.plane[T].reshape(-1, 2))
        assert reference.multiplicity(T).sum() == WALKERS * FRAMES
    for T, other in BIASED.items():
        assert share_of_top(reference.plane[T]) == pytest.approx(exact_share_of_top(T), abs=0.01)
        assert abs(exact_share_of_top(other) - exact_share_of_top(T)) > 0.02
        np.testing.assert_array_equal(reference.features[T], reference.plane[T])
    mean = np.split(data.flat(data.energies), 2)[0].mean()
    assert mean == pytest.approx(ThreeHole().exact_mean_energy(0.5), abs=0.04)


@pytest.fixture(scope="module")
def learned(biased):
    study, layout = biased
    pretrain.run(study, layout, 0)
    reweight(study, layout, 0)
    train.run(study, layout, "joint", 0)
    return biased


@pytest.mark.parametrize("method", METHODS)
def test_reweighting_of_biased_frames_is_exact_at_an_unseen_temperature(learned, method):
    weights = FrameWeights(*learned, 0)
    top = weights.data.flat(weights.data.features)[:, 1] > 1
    share = np.exp(weights.log_weights(method, 1.0))[top].sum()
    assert share == pytest.approx(exact_share_of_top(1.0), abs=0.015)


def test_a_joint_model_learns_the_ensemble_and_not_what_the_md_visited(learned):
    study, layout = learned
    model, data = Model.load(layout.model("joint", 0)), load_training(study, layout)
    frames = np.flatnonzero(data.temperature_index() == 0)
    states = model.representation.states(model.representation.encode(data.flat(data.features)[frames]))
    sampled = model.representation.states(model.sample(20_000, 0.5, seed=0))
    n = model.representation.n_states
    shares = [np.bincount(s, minlength=n) / len(s) for s in (states, sampled)]
    np.testing.assert_allclose(*shares, atol=0.05)


def toy(times, walkers=3, frames=8):
    """Frames of which frame n is to count ``times[n]`` times, numbered, at one temperature."""
    numbers = np.arange(walkers * frames, dtype=np.float32).reshape(walkers, frames, 1)
    drawn = np.repeat(np.arange(walkers * frames), times)
    return TrainingData([1.0], [1.0], 1.0, [numbers], [numbers], [numbers[..., 0]], [drawn])


INTEGERS = np.array([0, 2, 1, 1, 0, 1, 3, 0] * 3)


def test_whole_weights_are_drawn_as_often_as_they_say():
    np.testing.assert_array_equal(
        systematic_resample(INTEGERS.astype(float), 24, np.random.default_rng(3)), np.repeat(np.arange(24), INTEGERS)
    )


def test_pairs_begin_at_drawn_frames_and_end_one_lag_later_in_the_md():
    data, walkers = toy(INTEGERS), np.array([True, False, True])
    pairs = lagged_pairs(data, 2, walkers)
    once = lagged_pairs(toy(np.ones(24, int)), 2, walkers)
    repeated = np.repeat(once.now.numpy(), INTEGERS[once.now.numpy()])
    np.testing.assert_array_equal(pairs.now.numpy(), repeated)
    np.testing.assert_array_equal(pairs.later.numpy(), repeated + 2)
    np.testing.assert_array_equal(data.in_time(data.features)[data.places()], data.flat(data.features))
    assert set(data.flat(data.features)[frame_mask(data, walkers), 0].astype(int) // 8) == {0, 2}


def test_the_loss_over_drawn_pairs_is_the_weighted_loss():
    torch.manual_seed(0)
    spib = Spib(1, 2, 3).double()
    data, every = toy(INTEGERS), toy(np.ones(24, int))
    labels, noise = torch.arange(24) % 3, torch.randn(24, 2).double()
    x = torch.from_numpy(every.in_time(every.features)).double() / 10
    walkers = np.ones(3, bool)

    def terms(now, later):
        return torch.stack(list(spib.terms(x[now], labels[later], noise[now])))

    drawn = terms(*vars(lagged_pairs(data, 1, walkers)).values())
    pairs = lagged_pairs(every, 1, walkers)
    each = torch.stack([terms(pairs.now[i : i + 1], pairs.later[i : i + 1]) for i in range(len(pairs.now))])
    weight = torch.from_numpy(INTEGERS)[pairs.now].double()
    torch.testing.assert_close(drawn, (weight[:, None] * each).sum(0) / weight.sum())


def test_kinetics_count_each_transition_as_often_as_its_frame():
    labels, times = np.array([[0, 0, 1, 1, 0, 1]] * 4), np.array([[1, 2, 0, 3, 1, 5]] * 4)
    np.testing.assert_array_equal(transition_counts(labels, 1, 2, times), [[4, 12], [12, 0]])
    ones = np.ones_like(times)
    for once, plain in zip(
        (gmrq(labels, 1, 2, times=ones), slowest_timescale(labels, 1, 2, ones)),
        (gmrq(labels, 1, 2), slowest_timescale(labels, 1, 2)),
        strict=True,
    ):
        np.testing.assert_array_equal(once, plain)
    probabilities = np.random.default_rng(0).dirichlet([1, 1], labels.shape)
    nothing = times * np.array([[1], [0], [1], [1]])
    value, _ = cross_entropy(probabilities, labels, 1, nothing)
    kept = np.array([0, 2, 3])
    foreseen = np.take_along_axis(probabilities[kept, :-1], labels[kept, 1:, None], axis=2)[..., 0]
    by_walker = [np.average(-np.log(f), weights=t) for f, t in zip(foreseen, times[kept, :-1], strict=True)]
    assert value == pytest.approx(np.mean(by_walker))


def test_frames_without_weights_are_each_there_once(tmp_path):
    study, layout = make_study(), Layout(str(tmp_path))
    write_features(study, layout, [0.5])
    rows = drawn_frames(layout, 0.5)
    np.testing.assert_array_equal(rows, np.arange(WALKERS * FRAMES))
    array = np.zeros((WALKERS, FRAMES, 2))
    assert draw(array, rows) is array
