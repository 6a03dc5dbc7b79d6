"""Frames that carry weights: by their counts they are the ensemble, for every stage, and each stays in its walker."""

import numpy as np
import pytest
import torch
from exact_study import WALKERS, correlated_exact_points, make_study, without_network
from frames_for_tests import write_frames

from thermolatent.files.artifacts import save_json
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.learn.informed import InformedPool
from thermolatent.learn.model import Model
from thermolatent.represent.labels import order_by_population, place_representatives
from thermolatent.represent.pairs import lagged_pairs
from thermolatent.represent.spib import Spib, SpibSpec
from thermolatent.represent.tica import fit_tica, timescales
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.sampling import Sampler, systematic_resample
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.validate.baselines import Baselines
from thermolatent.validate.kinetics import cross_entropy, gmrq, slowest_timescale, transition_counts

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
        write_frames(layout, T, points, points, energies, log_weights=(1 / other - 1 / T) * energies)
        save_json(layout.protocol(T), {"starts": ["left"] * WALKERS})
    return study, layout


def share_of_top(points, counts):
    return np.average(points[..., 1] > 1, weights=counts)


def exact_share_of_top(T):
    edges = np.linspace(-3.5, 3.5, 141), np.linspace(-3.5, 4.5, 161)
    mass = ThreeHole().exact_histogram(*edges, T)
    return mass[:, (edges[1][1:] + edges[1][:-1]) / 2 > 1].sum() / mass.sum()


def test_frames_that_count_as_they_weigh_are_the_ensemble(biased):
    study, layout = biased
    data = load_frames({T: layout.frame_files(T) for T in study.temperatures.simulated})
    for T, other in BIASED.items():
        counts = data.counts[T]
        assert counts.mean() == pytest.approx(1)
        assert share_of_top(data.plane[T], counts) == pytest.approx(exact_share_of_top(T), abs=0.02)
        assert abs(share_of_top(data.plane[T], np.ones_like(counts)) - exact_share_of_top(T)) > 0.025, (
            "unweighted it is not"
        )
        assert share_of_top(data.plane[T], np.ones_like(counts)) == pytest.approx(exact_share_of_top(other), abs=0.02)
    mean = np.average(data.energies[0.5], weights=data.counts[0.5])
    assert mean == pytest.approx(ThreeHole().exact_mean_energy(0.5), abs=0.04)


@pytest.fixture(scope="module")
def learned(biased):
    study, layout = biased
    run_job("represent", study, layout, seed=0)
    with without_network():
        run_job("reweight", study, layout, seed=0)
    run_job("learn", study, layout, model="joint", seed=0)
    return biased


@pytest.mark.parametrize("method", ["mbar", "conditional"])
def test_reweighting_of_biased_frames_is_exact_at_an_unseen_temperature(learned, method):
    study, layout = learned
    frames = load_frames(training_frames(study, layout))
    by_mbar = Baselines(asked_of(study), frames).weights("mbar", 1.0)
    weights = by_mbar if method == "mbar" else ConditionalReweighting.load(layout.reweighting, frames).weights(1.0)
    top = frames.flat(frames.plane)[:, 1] > 1
    assert weights[top].sum() == pytest.approx(exact_share_of_top(1.0), abs=0.015)


def test_a_joint_model_learns_the_ensemble_and_not_what_the_md_visited(learned):
    study, layout = learned
    model, data = Model.load(layout.model("joint", 0)), load_frames(training_frames(study, layout))
    states = model.representation.states(model.representation.encode(data.features[0.5])).ravel()
    sampled = model.representation.states(model.sample(20_000, 0.5, seed=0))
    n = model.representation.n_states
    own = np.bincount(states, data.counts[0.5].ravel(), minlength=n) / len(states)
    np.testing.assert_allclose(own, np.bincount(sampled, minlength=n) / len(sampled), atol=0.05)


INTEGERS = np.array([0, 2, 1, 1, 0, 1, 3, 0] * 3)


def toy(times=None, walkers=3, frames=8):
    """Frames of which frame n counts ``times[n]`` times, numbered, at one temperature."""
    numbers = np.arange(walkers * frames, dtype=np.float32).reshape(walkers, frames, 1)
    counts = {} if times is None else {1.0: times.reshape(walkers, frames)}
    return Frames({1.0: 1.0}, {1.0: numbers}, {1.0: numbers}, {1.0: numbers[..., 0]}, counts)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_whole_weights_are_drawn_as_often_as_they_say():
    repeated = np.repeat(np.arange(24), INTEGERS)
    drawn = systematic_resample(INTEGERS.astype(float), 24, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn, repeated)
    sampler = Sampler(24, INTEGERS)
    np.testing.assert_array_equal(sampler.epoch(generator()).sort().values, repeated)
    np.testing.assert_array_equal(sampler.thinned(24), repeated)
    assert not torch.equal(sampler.epoch(generator(0)), sampler.epoch(generator(1)))


def test_independent_draws_follow_the_counts():
    times = np.bincount(Sampler(24, INTEGERS).batch(240_000, generator()), minlength=24)
    assert (times[INTEGERS == 0] == 0).all()
    np.testing.assert_allclose(times / 10_000, INTEGERS, atol=6 * np.sqrt(3 / 10_000))


def test_without_counts_all_are_drawn_alike():
    sampler = Sampler(1000)
    assert sampler.epoch(generator()).sort().values.tolist() == list(range(1000))
    assert sampler.thinned(300).tolist() == list(range(0, 1000, 4))
    assert torch.equal(sampler.batch(50, generator()), torch.randint(1000, (50,), generator=generator()))


def test_pairs_count_as_their_first_frame_and_end_one_lag_later_in_its_walker():
    data, walkers = toy(INTEGERS), np.array([True, False, True])
    pairs, once = lagged_pairs(data, 2, walkers), lagged_pairs(toy(), 2, walkers)
    np.testing.assert_array_equal(pairs.now, once.now)
    np.testing.assert_array_equal(pairs.later, pairs.now + 2)
    np.testing.assert_array_equal(pairs.counts, INTEGERS[pairs.now.numpy()])
    assert once.counts is None
    assert set((pairs.now // 8).tolist()) == {0, 2}
    np.testing.assert_array_equal(pairs.now // 8, pairs.later // 8)


def test_the_loss_over_an_epoch_is_the_weighted_loss():
    torch.manual_seed(0)
    spib = Spib(SpibSpec(1, 2, 3)).double()
    data = toy(INTEGERS)
    labels, noise = torch.arange(24) % 3, torch.randn(24, 2).double()
    x = data.rows().double() / 10
    pairs = lagged_pairs(data, 1, np.ones(3, bool))

    def terms(rows):
        now, later = pairs.now[rows], pairs.later[rows]
        return torch.stack(list(spib.terms(x[now], labels[later], noise[now])))

    rows = torch.from_numpy(np.repeat(np.arange(len(pairs.now)), pairs.counts.astype(int)))
    each = torch.stack([terms(slice(i, i + 1)) for i in range(len(pairs.now))])
    weight = torch.from_numpy(pairs.counts)
    torch.testing.assert_close(terms(rows), (weight[:, None] * each).sum(0) / weight.sum())


def test_representatives_and_populations_go_by_counts():
    torch.manual_seed(1)
    spib, x = Spib(SpibSpec(1, 2, 2)), torch.linspace(-1, 1, 24)[:, None]
    labels, counts = (torch.arange(24) >= 12).long(), torch.from_numpy(INTEGERS).double()
    rows = np.repeat(np.arange(24), INTEGERS)
    place_representatives(spib, x, labels, counts)
    weighted = spib.representatives.clone()
    place_representatives(spib, x[rows], labels[rows])
    torch.testing.assert_close(weighted, spib.representatives)
    every = torch.arange(24)
    alone = [order_by_population(spib, x, every, c).spec for c in (counts, None)]
    assert alone[0] == alone[1]


def test_the_informed_pool_falls_back_to_frames_as_often_as_they_count():
    even = np.full(24, 1 / 24)
    pool = InformedPool(lambda T: even, (1.0, 2.0), INTEGERS.astype(float), np.ones(24), 1000, 100, 0)
    frames, at = (np.concatenate(parts) for parts in zip(*map(pool.draw, range(100)), strict=True))
    fallback = np.bincount(frames[at == 1.0], minlength=24)
    assert fallback.sum() > 50_000
    np.testing.assert_allclose(fallback / fallback.sum(), INTEGERS / 24, atol=0.006)
    assert (INTEGERS[frames] > 0).all()


def test_tica_weighs_pairs_by_their_first_frame():
    """Two kinds of walkers, slow and fast; those that count little do not decide."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(8, 5000, 1))
    memory = np.repeat([np.exp(-1 / 50), np.exp(-1 / 2)], 4)[:, None]
    for t in range(1, 5000):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * x[:, t]
    x = np.concatenate([x, rng.normal(size=x.shape)], axis=2).astype(np.float32)
    for slow, expected in ((1.0, 50), (1e-9, 2)):
        counts = np.repeat([slow, 1.0 if slow < 1 else 1e-9], 4)[:, None] * np.ones((8, 5000))
        data = Frames({1.0: 1.0}, {1.0: x}, {1.0: x}, {1.0: x[..., 0]}, {1.0: counts})
        assert timescales(fit_tica(data, 1, np.ones(8, bool), 1, ""), 1)[0] == pytest.approx(expected, rel=0.25)


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
    assert value == pytest.approx(np.average(by_walker, weights=times[kept, :-1].sum(1)))
