"""Verdicts: trusted within a tolerance, or the largest part of the error and what would reduce it."""

import numpy as np
import pytest
from reweight.replica_exchange import content as exchanged
from reweight.replica_exchange import replica_exchange
from reweight.two_states import md

from thermolatent import ConditionalReweighting
from thermolatent.reweight.units import blocks
from thermolatent.reweight.verdict import COLUMNS, NOT_ASSESSABLE, NOT_TRUSTED, TRUSTED, judge


@pytest.fixture(scope="module")
def fitted() -> ConditionalReweighting:
    return ConditionalReweighting(network=False).fit(**md())


def of(table, state="one"):
    return table.set_index("state").loc[state]


def test_trusted_within_the_tolerance_and_not_below(fitted):
    table = judge(fitted, 1.3, 0.1)
    assert tuple(table.columns) == COLUMNS
    row, told = of(table), fitted.populations(1.3).set_index("state").loc["one"]
    for name in ("value", "stderr", "low", "high", "sampling", "form", "visits"):
        assert row[name] == told[name]
    assert row.model == 0
    farther = max(row.high - row.value, row.value - row.low)
    assert (row.verdict, row.reason, row.remedy) == (TRUSTED, "", "")
    assert of(judge(fitted, 1.3, farther * 1.001)).verdict == TRUSTED
    assert of(judge(fitted, 1.3, farther * 0.999)).verdict == NOT_TRUSTED


def test_sampling_is_named_with_the_temperature_it_comes_from():
    content = md(units=8)
    for name in ("features", "states", "energies"):
        content[name] = [content[name][0][:2], content[name][1]]  # only two walkers cold
    fitted = ConditionalReweighting(network=False).fit(**content)
    row = of(judge(fitted, 1.1, 0.01))
    influence, parts = fitted.population_influences(1.1), fitted.population_influences(1.1).parts()
    share = parts.sampling[influence.partition.home == 0, 1].sum() / parts.sampling[:, 1].sum()
    assert share > 0.5
    assert row.verdict == NOT_TRUSTED
    assert row.reason == f"{row.sampling:.2g} of the interval is sampling"
    assert row.remedy == f"extend the MD at 1, the source of {share:.0%} of the sampling variance"


def test_form_is_named_with_the_temperature_asked_for():
    fitted = ConditionalReweighting(20.0, network=False).fit(**md(bath=None))
    row = of(judge(fitted, 1.4, 0.05))
    assert row.form > max(row.sampling, row.visits)
    assert row.reason == f"{row.form:.2g} of the interval is how free energies bend with temperature"
    assert row.remedy == "run MD at 1.4 or near it"


def test_visits_are_named_with_their_state():
    """One cold walker of ten visits the state, for most of its time and often enough."""
    content = md(units=10, frames=1000, bath=None, visit=2.0)
    content["states"][0][:] = 0
    content["states"][0][:, ::10] = 1  # as many visits in every walker: no scatter, but no more certainty
    content["states"][1][:] = 0
    content["states"][1][:, ::2] = 1
    fitted = ConditionalReweighting(0.01, network=False).fit(**content)
    row = of(judge(fitted, 1.05, 1e-5))
    assert row.visits > max(row.sampling, row.form)
    assert row.reason == f"{row.visits:.2g} of the interval is states seldom visited"
    assert row.remedy == "start more walkers in one"


def test_replica_exchange_is_extended_as_a_whole():
    (states,) = replica_exchange(1, 2000, 1.0, 20.0, 0)
    given = exchanged(states, blocks(2000, 200), np.random.default_rng(0))
    fitted = ConditionalReweighting(1.0, network=False).fit(**given, shared_units=True)
    row = of(judge(fitted, 1.2, 1e-3))
    assert row.reason == f"{row.sampling:.2g} of the interval is sampling"
    assert row.remedy == "extend the replica exchange"


def test_doubts_are_never_trusted(fitted):
    row = of(judge(fitted, 1.3, 0.5, doubts=["one single start", "a smoke run"]))
    assert (row.verdict, row.reason) == (NOT_TRUSTED, "one single start; a smoke run")
    both = of(judge(fitted, 1.3, 1e-4, doubts=["one single start"]))
    assert both.reason.startswith("one single start; ")
    assert both.remedy


def test_a_models_own_error_widens_the_interval_and_is_named(fitted):
    plain = of(judge(fitted, 1.3, 0.1))
    row = of(judge(fitted, 1.3, 0.1, model=np.array([0.0, 0.1])))
    assert row.value == plain.value
    assert row.stderr == pytest.approx(np.hypot(plain.stderr, 0.1))
    assert row.low < plain.low
    assert row.high > plain.high
    assert row.model == pytest.approx(1.96 * 0.1, rel=0.05)  # with nearly all degrees of freedom
    assert row.verdict == NOT_TRUSTED
    assert row.reason == f"{row.model:.2g} of the interval is the density model"
    assert row.remedy == "use the value of the reweighting, which has no error of a model"
    assert (
        of(judge(fitted, 1.3, 0.1, model=np.array([0.0, 0.1])), "zero").stderr
        == of(judge(fitted, 1.3, 0.1), "zero").stderr
    )
    assert of(judge(fitted, 1.3, 0.1, model=np.zeros(2))).equals(plain)


def test_what_is_unknown_is_not_trusted(fitted):
    row = of(judge(fitted, 1.3, 1.0, model=np.array([np.nan, np.nan])))
    assert row.verdict == NOT_TRUSTED


def test_not_assessable_has_a_value_and_no_interval():
    content = md()
    content["states"][0][:] = 0
    row = of(judge(ConditionalReweighting(network=False).fit(**content), 1.3, 1.0))
    assert row.verdict == NOT_ASSESSABLE
    assert 0 <= row.value <= 1
    assert row[["stderr", "low", "high", "sampling", "form", "visits", "model"]].isna().all()
    assert row.reason == "0 whole visits at 1"
    assert row.remedy == "start walkers in one at 1"


def observed(fitted, slope=2.0):
    """An observable that is ``slope`` higher in state one, with noise of its own, and the indicator of that state."""
    noise = 0.3 * np.random.default_rng(0).standard_normal(fitted.n_frames)
    return {"distance": slope * fitted.states + noise, "inside": fitted.states.astype(float)}


def test_states_of_the_frames_are_those_given(fitted):
    np.testing.assert_array_equal(fitted.states, np.concatenate([own.ravel() for own in md()["states"]]))


def test_a_mean_is_trusted_within_its_own_tolerance_and_not_below(fitted):
    values = observed(fitted, slope=0.0)
    told = fitted.mean(1.3, np.stack([*values.values()], axis=1))
    half = (told.high - told.low).to_numpy() / 2
    for factor, verdict in ((1.001, TRUSTED), (0.999, NOT_TRUSTED)):
        table = judge(fitted, 1.3, [half[0] * factor, 1.0], observables=values)
        assert list(table.state) == ["distance", "inside"]
        assert list(table.verdict) == [verdict, TRUSTED]
        assert list(table.tolerance) == [half[0] * factor, 1.0]
    for name in ("value", "stderr", "low", "high", "sampling", "form", "visits"):
        np.testing.assert_array_equal(table[name], told[name])
    row = of(table, "distance")
    assert row.reason == f"{row.sampling:.2g} of the interval is sampling"
    assert row.remedy.startswith("extend the MD at ")
    assert of(table, "inside").value == pytest.approx(fitted.shares(1.3)[1], abs=1e-12)


def test_doubts_of_the_study_are_doubts_of_means(fitted):
    row = of(judge(fitted, 1.3, 1.0, ["a smoke run"], observables=observed(fitted)), "distance")
    assert (row.verdict, row.reason) == (NOT_TRUSTED, "a smoke run")


def test_a_mean_is_not_assessable_where_a_state_is_not():
    content = md()
    content["states"][0][:] = 0
    fitted = ConditionalReweighting(network=False).fit(**content)
    row = of(judge(fitted, 1.3, 10.0, observables=observed(fitted)), "distance")
    assert row.verdict == NOT_ASSESSABLE
    assert "one: 0 whole visits at 1" in row.reason
    assert "start walkers in one at 1" in row.remedy
    assert row[["stderr", "low", "high"]].isna().all()


def test_far_away_a_mean_is_as_uncertain_as_the_populations(fitted):
    """Where one state has nearly everything the linear interval of a mean is narrow, however open the populations are."""
    values, table = observed(fitted), judge(fitted, 0.3, 0.5, observables=observed(fitted))
    row, shares = of(table, "distance"), judge(fitted, 0.3, 0.05)
    share = of(shares)
    assert max(row.high - row.value, row.value - row.low) < 0.5
    assert share.high - share.value > 0.5
    moved = 2.0 * (share.high - share.value)
    assert row.verdict == NOT_TRUSTED
    words = [f"the share of {s.state}, {s.low:.2g} to {s.high:.2g}, changes it by up to " for s in shares.itertuples()]
    assert row.reason.startswith(tuple(words))
    assert float(row.reason.rpartition(" ")[2]) == pytest.approx(moved, rel=0.05)
    same = {
        "distance": values["distance"] - 2.0 * fitted.states
    }  # of what is alike in all states the shares say nothing
    assert of(judge(fitted, 0.3, 0.5, observables=same), "distance").verdict == TRUSTED
    nowhere = of(judge(fitted, 2e-3, 1e9, observables=values), "distance")
    assert nowhere.reason == "nothing is known of it so far from the training temperatures"


def test_far_away_nothing_is_known_and_that_is_said(fitted):
    row = of(judge(fitted, 2e-3, 0.05))
    assert (row.low, row.high) == (0, 1)
    assert row.reason == "nothing is known of it so far from the training temperatures"
    assert row.verdict == NOT_TRUSTED


def test_one_state_is_not_trusted_for_holding_everything():
    content = md() | {"states": None, "state_names": None}
    (row,) = judge(ConditionalReweighting(network=False).fit(**content), 1.3, 0.05).itertuples()
    assert (row.verdict, row.reason, row.remedy) == (NOT_TRUSTED, "all frames are in one state", "name more states")
