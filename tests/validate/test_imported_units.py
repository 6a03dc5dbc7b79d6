"""Errors of imported reference MD: units in place of walkers, against the textbook error of AR(1) series."""

import logging

import numpy as np
import pytest
from reweight.imported_md import BORDER, TAU, WALKER, ar1, imported, study
from scipy.stats import norm

from thermolatent.reweight.units import independent_pieces, with_units
from thermolatent.states.sets import StateSet
from thermolatent.study.answers import asked_of
from thermolatent.validate.kinetics import cross_entropy, gmrq, slowest_timescale
from thermolatent.validate.matching import half_of
from thermolatent.validate.scores import ScoreRows
from thermolatent.validate.shift import conditional_shift
from thermolatent.validate.stage import fixed_view
from thermolatent.validate.view import View

SETS, LENGTH = 30, 12_000
#: Standard error of the mean of an AR(1) series of unit variance: the correlation of frames t apart is phi^t.
PHI = np.exp(-1 / TAU)


def textbook(frames):
    return np.sqrt((1 + PHI) / (1 - PHI) / frames)


def tables_of(frames):
    view = View("fixed", frames, frames, frames.plane, [False, False], 10)
    made = study()
    validate = made.validate_.model_copy(update={"bootstrap": 200})
    return ScoreRows(asked_of(made).model_copy(update={"validate_": validate}), 0, view)


def named(frames):
    labels = {T: (own[..., 0] > BORDER).astype(int) for T, own in frames.plane.items()}
    return StateSet("named", "fixed", ["low", "high"], labels)


def observed(x, walker=WALKER):
    """Frames of files that are cut into short walkers, x an observable, with and without their units."""
    walkers = imported(x, walker)
    walkers.observables, walkers.observable_names = {1.0: walkers.plane[1.0][..., :1]}, ["x"]
    return with_units(asked_of(study()).named, walkers), walkers


def md_rows(frames):
    tables = tables_of(frames)
    tables.md_observables(1.0)
    tables.md_populations(1.0, named(frames))
    return {row["state"]: row for row in tables.population_rows}, tables


@pytest.fixture(scope="module")
def sets():
    """Per set: mean of x and share of high with their standard errors, by units and by walkers, two files of 12,000 frames."""
    found = []
    for seed in range(SETS):
        pair = observed(ar1((1, 2, LENGTH), TAU, np.random.default_rng([11, seed])))
        rows = [md_rows(frames)[0] for frames in pair]
        found.append([(own[name]["value"], own[name]["stderr"]) for own in rows for name in ("x", "high")])
    return np.array(found)


def test_errors_of_units_are_the_textbooks_and_those_of_short_walkers_are_not(sets):
    expected = textbook(2 * LENGTH)
    by_units, by_walkers = (np.sqrt((sets[:, k, 1] ** 2).mean()) / expected for k in (0, 2))
    # Blocks of ten memories: short by a tenth of the variance; so is the bootstrap of some 60 units. Of each set's variance a
    # chi-square with that many degrees of freedom is known, over the sets to 3 %.
    assert 0.85 < by_units < 1.1
    assert by_walkers < 0.7
    assert sets[:, 0, 0].std(ddof=1) == pytest.approx(expected, rel=4 / np.sqrt(2 * SETS))


def test_so_are_those_of_populations(sets):
    scatter = np.sqrt(((sets[:, 1, 0] - norm.sf(BORDER)) ** 2).mean())
    by_units, by_walkers = (np.sqrt((sets[:, k, 1] ** 2).mean()) / scatter for k in (1, 3))
    assert by_units == pytest.approx(1, rel=4 / np.sqrt(2 * SETS))
    assert by_walkers < 0.8 * by_units


def test_two_long_walkers_tell_no_error_and_that_is_said(caplog):
    """What two numbers scatter by is no error bar: the words come in its place."""
    frames, _ = observed(ar1((1, 2, LENGTH), TAU, np.random.default_rng(0)), LENGTH)
    assert independent_pieces(frames, 1.0) == 2
    rows, tables = md_rows(frames)
    assert all(np.isfinite(rows[name]["value"]) and np.isnan(rows[name]["stderr"]) for name in ("x", "high"))
    with caplog.at_level(logging.WARNING):
        tables.pieces(1.0)
    (said,) = [r.getMessage() for r in caplog.records]
    assert said.startswith("too few independent pieces of MD for its error bars: 2 at 1 (blocks of ")
    tables.divergences("floor", 1.0, tables.fixed, None)
    scores = {row["metric"]: row for row in tables.rows}
    assert scores["independent_pieces"]["value"] == 2
    assert np.isfinite(scores["js_plane"]["value"])
    for metric in ("js_plane", "kl_sym", "coverage", "free_energy_rmse_kT", "sliced_w2", "population_mae"):
        assert np.isnan(scores[metric]["stderr"]), metric


def test_one_piece_has_no_halves(caplog):
    frames, _ = observed(ar1((1, 1, 600), 100.0, np.random.default_rng(1)))
    assert independent_pieces(frames, 1.0) == 1
    rows, tables = md_rows(frames)
    assert np.isfinite(rows["high"]["value"])
    tables.divergences("floor", 1.0, tables.fixed, None)
    assert tables.rows == []
    tables.pieces(1.0)
    assert "1 at 1 (blocks of " in caplog.text
    assert ", and no halves to compare" in caplog.text
    assert np.isnan(conditional_shift(tables.fixed, tables.fixed, 1.0))


def test_halves_go_by_units():
    frames, walkers = observed(ar1((1, 2, LENGTH), TAU, np.random.default_rng(2)))
    unit, half = frames.unit_at(1.0), frames.half[1.0]
    assert not set(unit[half]) & set(unit[~half])
    assert 2 * abs(half.sum() - (~half).sum()) < half.size / 5
    assert (np.diff(half[:, 0].astype(int)) != 0).sum() < len(half) / 5, "neighbours in time are on one side"
    assert (np.diff(walkers.half[1.0][:, 0].astype(int)) != 0).all()
    view = tables_of(frames).fixed
    A, B = (half_of(view, 1.0, first) for first in (True, False))
    np.testing.assert_array_equal(A.points, frames.plane[1.0][half])
    assert len(A.strata) + len(B.strata) == independent_pieces(frames, 1.0)


def test_kinetics_scatter_over_units(sets):
    """E[-ln p] of a p that the state alone decides is linear in its share, and so is its error."""
    found, scales = [], []
    for seed in range(SETS):
        frames, _ = observed(ar1((1, 2, LENGTH), TAU, np.random.default_rng([12, seed])))
        labels, unit = named(frames).labels[1.0], frames.unit_at(1.0)
        p = np.broadcast_to([0.9, 0.1], (*labels.shape, 2))
        found.append([cross_entropy(p, labels, 1, units=own) for own in (unit, None)])
        scales.append([slowest_timescale(labels, 1, 2, units=own) for own in (unit, None)])
        assert np.isfinite(gmrq(labels, 1, 2, units=unit)).all()
    by_units, by_walkers = np.sqrt((np.array(found)[:, :, 1] ** 2).mean(axis=0))
    scatter = np.array(found)[:, 0, 0].std(ddof=1)
    assert by_units == pytest.approx(scatter, rel=4 / np.sqrt(2 * SETS))
    assert by_walkers < 0.8 * by_units
    assert np.median(np.array(scales)[:, 0, 1]) == pytest.approx(np.array(scales)[:, 0, 0].std(ddof=1), rel=0.5)


def test_kinetics_of_too_few_units_have_no_error():
    frames, _ = observed(ar1((1, 2, LENGTH), TAU, np.random.default_rng(3)), LENGTH)
    labels, unit = named(frames).labels[1.0], frames.unit_at(1.0)
    p = np.broadcast_to([0.9, 0.1], (*labels.shape, 2))
    for value, stderr in (
        *(gmrq(labels, 1, 2, units=unit), slowest_timescale(labels, 1, 2, units=unit)),
        cross_entropy(p, labels, 1, units=unit),
    ):
        assert np.isfinite(value)
        assert np.isnan(stderr)
    assert np.isnan(gmrq(labels[:1], 1, 2, units=unit[:1])).all()


def test_units_of_replica_exchange_are_the_same_at_all_temperatures():
    x = ar1((2, 1, 6000), TAU, np.random.default_rng(4))
    frames = imported(x, 500, (0.5, 1.5))
    frames.stretch = {0.5: 25.0, 1.5: 25.0}
    frames = with_units(asked_of(study((0.5, 1.5), system={"kind": "three_hole"})).named, frames)
    assert (frames.strata == 0).all()
    np.testing.assert_array_equal(frames.unit_at(0.5), frames.unit_at(1.5))
    np.testing.assert_array_equal(*frames.units.reshape(2, -1))
    assert len(frames.strata) == independent_pieces(frames, 0.5)
    np.testing.assert_array_equal(frames.half[0.5], frames.half[1.5])
    assert (np.diff(frames.among([1.5]).units) >= 0).all()


def test_the_comparison_has_the_units_of_the_estimator():
    """A reference temperature that is slower than the training ones makes no other blocks of them."""
    rng = np.random.default_rng(5)
    x = np.concatenate([ar1((2, 1, 12_000), TAU, rng), ar1((1, 1, 12_000), 20 * TAU, rng)])
    frames = imported(x, 500, (0.5, 1.5, 1.0))
    frames.stretch = dict.fromkeys(frames.kT, 25.0)
    asked = asked_of(study((0.5, 1.5), system={"kind": "three_hole"}))
    known = with_units(asked.named, frames, [0.5, 1.5])
    assert known.blocks[0.5].length < with_units(asked.named, frames).blocks[0.5].length
    view = fixed_view(asked, frames)
    np.testing.assert_array_equal(view.training.units, known.among([0.5, 1.5]).units)
    np.testing.assert_array_equal(view.reference.unit_at(1.0), known.unit_at(1.0))
