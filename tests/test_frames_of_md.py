"""Frames count as often as they weigh and keep their walkers: counts against repeated frames, errors against exact ones."""

from types import SimpleNamespace

import numpy as np
import pytest
from exact_study import FRAMES, WALKERS, make_study
from frames_for_tests import write_frames

from thermolatent import ConditionalReweighting
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import save_array, save_json
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.represent.pairs import lagged_pairs
from thermolatent.states.sets import StateSet
from thermolatent.study.jobs import training_frames
from thermolatent.study.layout import Layout
from thermolatent.validate.baselines import nearest_weights
from thermolatent.validate.matching import half_of, matched_scores
from thermolatent.validate.observables import weighted_mean
from thermolatent.validate.profiles import Profiles
from thermolatent.validate.scores import ScoreRows
from thermolatent.validate.shift import conditional_shift
from thermolatent.validate.uncertainty import bootstrap_masses
from thermolatent.validate.view import View

TEMPERATURES = (1.0, 1.5, 2.0)
UNITS, LENGTH = 12, 800


def md_of(points, counts=None, starts=None):
    energies = {T: (p**2).sum(-1) / 2 for T, p in points.items()}
    return Frames({T: T for T in points}, points, points, energies, counts or {}, starts or {})


def view_of(md, most=None):
    return View("fixed", md, md.among([1.0, 2.0]), md.plane, [False, False], 15, most)


@pytest.fixture(scope="module")
def pair():
    """The same MD twice: frames that count 0 to 3 times, and frames repeated as often, each in its own walker."""
    rng, points, counts, repeated = np.random.default_rng(0), {}, {}, {}
    for T in TEMPERATURES:
        points[T] = rng.normal(scale=np.sqrt(T), size=(UNITS, LENGTH, 2)) + rng.normal(scale=0.3, size=(UNITS, 1, 2))
        # As many of each kind in every walker, so that all walkers stay equally long.
        kinds = np.repeat([0, 1, 2, 3], [LENGTH * 3 // 8, LENGTH * 3 // 8, LENGTH // 8, LENGTH // 8])
        counts[T] = np.stack([rng.permutation(kinds) for _ in range(UNITS)])
        repeated[T] = np.stack([np.repeat(p, c, axis=0) for p, c in zip(points[T], counts[T], strict=True)])
    return md_of(points, counts), md_of(repeated)


def test_counts_have_mean_one_at_each_temperature_on_whatever_scale(pair):
    points = pair[0].plane
    md = md_of(points, {1.0: 7.0 * pair[0].counts[1.0], 2.0: np.full((UNITS, LENGTH), 3.0)})
    np.testing.assert_allclose(md.counts[1.0], pair[0].counts[1.0])
    assert md.counts[1.0].mean() == pytest.approx(1)
    assert md.frame_counts.reshape(3, -1).mean(1) == pytest.approx(1)
    assert md.weighted
    assert md.counts_of(slice(5, 9)).shape == (4,)


def test_counts_that_are_alike_take_no_memory(pair):
    md = pair[1].among([1.5])
    assert not md.weighted
    assert md.counts_of() is None
    assert md.counts[1.5].strides == md.frame_counts.strides * 2 == (0, 0)
    assert (md.counts[1.5] == 1).all()


def test_training_frame_order_and_places():
    shapes = {2.0: (3, 5), 1.0: (2, 4)}
    where = {T: np.stack(np.meshgrid(*map(np.arange, s), indexing="ij"), -1) for T, s in shapes.items()}
    energies = {T: np.zeros(s) for T, s in shapes.items()}
    md = Frames({T: T for T in shapes}, where, where, energies)
    assert (len(md), md.frames_at, md.temperatures) == (23, [15, 8], [2.0, 1.0])
    place = md.place(np.arange(23))
    np.testing.assert_array_equal(place.temperature, md.temperature_index())
    np.testing.assert_array_equal(np.stack([place.walker, place.frame], 1), md.flat(md.plane))
    np.testing.assert_array_equal(md.units, place.walker + 3 * place.temperature)
    np.testing.assert_array_equal(md.strata, [0, 0, 0, 1, 1])
    assert md.theta(1.0).tolist() == [2.0] * 15 + [1.0] * 8
    assert md.among([1.0]).flat(where).shape == (8, 2)
    turned = Frames({T: T for T in shapes}, dict(reversed(where.items())), where, energies)
    np.testing.assert_array_equal(turned.rows(), turned.flat(turned.features))


def test_no_pair_crosses_walkers_whatever_counts(pair):
    pairs, md = lagged_pairs(pair[0], 7, np.arange(UNITS) < 5), pair[0]
    now, later = md.place(pairs.now.numpy()), md.place(pairs.later.numpy())
    np.testing.assert_array_equal(now.temperature, later.temperature)
    np.testing.assert_array_equal(now.walker, later.walker)
    np.testing.assert_array_equal(now.frame + 7, later.frame)
    assert now.walker.max() == 4
    np.testing.assert_array_equal(pairs.counts, md.frame_counts[pairs.now.numpy()])


def test_no_unit_is_in_both_halves(pair):
    for md in pair:
        view = view_of(md)
        A, B = (half_of(view, 1.5, first) for first in (True, False))
        assert len(A.strata) == len(B.strata) == UNITS // 2
        assert (md.half[1.5] == md.half[1.5][:, :1]).all()
        walkers = np.flatnonzero(md.half[1.5][:, 0]), np.flatnonzero(~md.half[1.5][:, 0])
        assert not set(walkers[0]) & set(walkers[1])
        for half, own in zip((A, B), walkers, strict=True):
            np.testing.assert_array_equal(half.points, md.plane[1.5][own].reshape(-1, 2))
            if md.weighted:
                np.testing.assert_array_equal(half.weights, md.counts[1.5][own].ravel())


@pytest.mark.parametrize("most", [None, 1000])
def test_scores_of_frames_that_count_are_those_of_frames_repeated(pair, most):
    """Of the whole exactly; where points are drawn, and of error bars, up to what another random stream changes."""
    counted, repeated = (view_of(md, most) for md in pair)
    np.testing.assert_array_equal(counted.bins.edges, repeated.bins.edges)
    rng = np.random.default_rng
    floors = [matched_scores(view, 1.5, None, 2000, rng(1)).scores for view in (counted, repeated)]
    weights = [nearest_weights(view.training, 1.1) for view in (counted, repeated)]
    nearest = [
        matched_scores(v, 1.5, tables_of(v).weighted(v, w), 2000, rng(2)).scores
        for v, w in zip((counted, repeated), weights, strict=True)
    ]
    drawn = {"rel": 0.2 if most is None else 0.5}
    for found, tolerance in ((floors, {"rel": 1e-9} if most is None else drawn), (nearest, drawn)):
        assert found[0].keys() == found[1].keys()
        for metric in found[0]:
            (a, a_error), (b, b_error) = (scores[metric] for scores in found)
            if metric == "sliced_w2":
                assert a == pytest.approx(b, rel=0.25)
            elif metric.endswith("floor_ess"):  # repeated frames are more effective ones; the count of them is Kish's
                assert a >= b
            else:
                assert a == pytest.approx(b, **tolerance), metric
                assert a_error == pytest.approx(b_error, rel=0.25), metric


def tables_of(view):
    study = SimpleNamespace(
        name="toy",
        temperatures=SimpleNamespace(role=lambda T: "reference"),
        validate_=SimpleNamespace(bootstrap=4000),
    )
    return ScoreRows(study, 0, view)


def test_populations_and_observables_of_frames_that_count_are_those_of_frames_repeated(pair):
    found = []
    for md in pair:
        view = view_of(md)
        tables = tables_of(view)
        labels = {T: (p[..., 0] > 0.5).astype(int) + (p[..., 0] > 1.5) for T, p in md.plane.items()}
        named = StateSet("model", "fixed", ["a", "b", "c"], labels)
        for T in TEMPERATURES:
            tables.md_populations(T, named)
            tables.populations("nearest", T, named, nearest_weights(view.training, T))
        md.observables, md.observable_names = {T: p[..., :1] for T, p in md.plane.items()}, ["x"]
        view.training.observables = {T: md.observables[T] for T in view.training.temperatures}
        tables.md_observables(1.5)
        tables.observables("nearest", 1.5, nearest_weights(view.training, 1.5))
        found.append([*tables.population_rows, *tables.rows])
    assert len(found[0]) == len(found[1]) > 20
    for a, b in zip(*found, strict=True):
        assert a["value"] == pytest.approx(b["value"], rel=1e-9, abs=1e-12)
        assert a["stderr"] == pytest.approx(b["stderr"], rel=1e-6, abs=1e-12)  # the same walkers are resampled


def test_profiles_and_shift_of_frames_that_count_are_those_of_frames_repeated(pair):
    shifts, curves = [], []
    for md in pair:
        view = view_of(md)
        shifts.append(conditional_shift(view, view, 1.5))
        profiles = Profiles(view, view, 50, 0)
        profiles.add(1.5, nearest_weights(view.training, 1.5), np.zeros((10, 2)))
        curves.append(profiles.arrays())
    assert shifts[0] == pytest.approx(shifts[1], rel=1e-9)
    for name, values in curves[0].items():
        np.testing.assert_allclose(values, curves[1][name], rtol=1e-9, err_msg=name)


def test_profiles_of_an_informed_model_have_the_reweightings_intervals(pair):
    view, T, rng = view_of(pair[1]), 1.5, np.random.default_rng(4)
    frames = [view.training.features[t] for t in (1.0, 2.0)]
    states = [(p[..., 0] > 0).astype(int) for p in frames]
    fitted = ConditionalReweighting(network=False).fit(frames, [1.0, 2.0], states=states, temperature_unit="reduced")
    latents = rng.normal(scale=1.2, size=(3000, 2))
    profiles = Profiles(view, view, 20, 0, fitted)
    for at in (T, 1.7):  # MD at the first only
        profiles.add(at, fitted.weights(at), latents)
    arrays = profiles.arrays()
    points = np.concatenate([p.reshape(-1, 2) for p in frames])

    def digits(x, edges):
        return np.digitize(x, edges) - 1

    cells = digits(points[:, 0], arrays["edges_latent"][0]) * 15 + digits(points[:, 1], arrays["edges_latent"][1])
    table = fitted.free_energy_surface(T, cells, 225)
    half = ((table.high - table.low) / 2).to_numpy().reshape(15, 15)
    np.testing.assert_allclose(arrays["plane_model_half"][0], half)
    with np.errstate(divide="ignore"):
        distance = -np.log(arrays["latent_model"][0]) - table.value.to_numpy().reshape(15, 15)
    expected = np.sqrt(half**2 + 1.959964**2 * distance**2)
    known = np.isfinite(distance)
    assert 20 < known.sum() < 225
    np.testing.assert_allclose(arrays["latent_model_half"][0][known], expected[known], rtol=1e-6)
    assert np.isnan(arrays["latent_model_half"][0][~known]).all()
    for k, at in enumerate((T, 1.7)):
        along = fitted.free_energy_surface(at, digits(points[:, 1], arrays["edges_marginal"][1]), 15)
        np.testing.assert_allclose(arrays["marginal_reweighting_half"][k, 1], (along.high - along.low) / 2)
        shift = along.value - arrays["marginal_reweighting"][k, 1]
        np.testing.assert_allclose(shift[np.isfinite(shift)], shift[np.isfinite(shift)].iloc[0])
        mass = np.histogram(pair[1].plane[T][..., 1], arrays["edges_marginal"][1])[0] / pair[1].plane[T][..., 1].size
        # Where there is MD, both have its zero: -ln p of the two may be compared as they are drawn.
        zero = -np.log(mass.max()) if k == 0 else along.value.min()
        assert shift.dropna().iloc[0] == pytest.approx(zero)
    blind = Profiles(view, view, 20, 0)
    blind.add(T, fitted.weights(T), latents)
    for name in ("latent_model_half", "plane_model_half", "marginal_reweighting", "marginal_reweighting_half"):
        assert np.isnan(blind.arrays()[name]).all()
        assert blind.arrays()[name].shape[1:] == arrays[name].shape[1:]


def test_the_standard_error_of_a_weighted_population_is_its_spread():
    """Independent frames x = 0 or 1 in equal shares that stand for an ensemble with p = .2: each weighs 2 p or 2 (1 - p).

    To first order var(p) = <w^2 (x - p)^2> / (N <w>^2) = p^2 (1 - p)^2 / (N / 4).
    """
    p, walkers, frames = 0.2, 24, 100
    exact = np.sqrt(4 * p**2 * (1 - p) ** 2 / (walkers * frames))
    values, errors, means = [], [], []
    for trial in range(200):
        rng = np.random.default_rng(trial)
        x = rng.integers(0, 2, (walkers, frames))
        md = Frames(
            {1.0: 1.0}, {1.0: x[..., None]}, {1.0: x[..., None]}, {1.0: x * 1.0}, {1.0: np.where(x == 1, p, 1 - p)}
        )
        weight = StateSet("named", "fixed", ["0", "1"], {1.0: x}).by_unit_at(md, 1.0)
        boot = bootstrap_masses(weight, np.zeros(walkers, int), 200, rng)
        values.append(weight[:, 1].sum() / weight.sum())
        errors.append(boot[:, 1].std(ddof=1))
        means.append(weighted_mean(x.reshape(-1, 1), md.frame_counts, md.units, md.strata, 200, rng)[:2])
    assert np.std(values) == pytest.approx(exact, rel=0.12)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(exact, rel=0.06)
    means = np.array(means)[..., 0]
    np.testing.assert_allclose(means[:, 0], values)
    assert np.sqrt(np.mean(means[:, 1] ** 2)) == pytest.approx(exact, rel=0.06)


def test_walkers_that_never_leave_a_state_have_the_error_of_so_many_draws():
    """Frames of one walker are one draw, however its frames are weighted: redrawn frames would pretend to be many."""
    p, walkers, frames = 0.3, 20, 50
    exact = np.sqrt(p * (1 - p) / walkers)
    errors = []
    for trial in range(200):
        rng = np.random.default_rng(trial)
        x = np.repeat(rng.random((walkers, 1)) < p, frames, axis=1).astype(int)
        y = x[..., None]
        md = Frames({1.0: 1.0}, {1.0: y}, {1.0: y}, {1.0: x * 1.0}, {1.0: rng.gamma(1.0, size=(walkers, frames))})
        weight = StateSet("named", "fixed", ["0", "1"], {1.0: x}).by_unit_at(md, 1.0)
        errors.append(bootstrap_masses(weight, np.zeros(walkers, int), 200, rng)[:, 1].std(ddof=1))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(exact, rel=0.08)


@pytest.fixture
def written(tmp_path):
    study, layout = make_study(), Layout(str(tmp_path))
    for T in study.temperatures.train:
        points = np.random.default_rng(round(10 * T)).normal(size=(WALKERS, FRAMES, 2))
        write_frames(
            layout,
            T,
            points,
            points,
            points[..., 0],
            observables=np.ones((WALKERS, FRAMES, 1)),
            observable_names=["energy"],
            log_weights=np.random.default_rng(0).normal(size=(WALKERS, FRAMES)) + 900,
            plane_periodic=[True, False],
        )
        save_json(layout.protocol(T), {"starts": ["left", "right"] * (WALKERS // 2)})
    return study, layout


def test_what_featurize_wrote_is_loaded(written):
    study, layout = written
    md = load_frames(training_frames(*written), {T: layout.protocol(T) for T in study.temperatures.train})
    log_weights = np.load(written[1].log_weights(0.5))
    np.testing.assert_allclose(md.counts[0.5], np.exp(log_weights - 900) / np.exp(log_weights - 900).mean())
    assert (md.observable_names, md.plane_periodic, md.temperatures) == (["energy"], (True, False), [0.5, 1.5])
    assert md.kT == {0.5: 0.5, 1.5: 1.5}
    assert md.observables[1.5].shape == (WALKERS, FRAMES, 1)
    assert md.half[0.5].mean() == 0.5
    assert md.has_energies
    changed = np.load(written[1].log_weights(0.5))
    changed[0, 0] += 1
    save_array(written[1].log_weights(0.5), changed)
    assert load_frames(training_frames(*written)).fingerprint() != md.fingerprint()


def test_files_that_do_not_fit_are_named(written):
    study, layout = written
    save_array(layout.log_weights(1.5), np.zeros((WALKERS, 7)))
    with pytest.raises(ArtifactError, match=r"T1\.5.*must be \(16, 900\) finite numbers; .*featurize again"):
        load_frames(training_frames(study, layout))
    save_array(layout.energies(0.5), np.zeros((3, FRAMES)))
    with pytest.raises(ArtifactError, match=r"T0\.5.*3 walkers of 900 frames, must be 16 of 900"):
        load_frames(training_frames(study, layout))


def test_protocols_are_read_only_where_they_are_asked_for(written):
    study, layout = written
    save_json(layout.protocol(0.5), {"starts": ["left"]})
    load_frames(training_frames(study, layout))
    with pytest.raises(ArtifactError, match=r"names 1 starts.*holds 16 walkers"):
        load_frames(training_frames(study, layout), {T: layout.protocol(T) for T in study.temperatures.train})
