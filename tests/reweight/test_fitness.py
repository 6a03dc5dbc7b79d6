"""Whether the MD shows enough of a state: against numbers counted by hand, and against what must not fool it."""

import numpy as np
import pytest
from reweight.two_states import chains, md

from thermolatent import ConditionalReweighting
from thermolatent.reweight.fitness import LEAST_EVIDENCE, split_r_hat
from thermolatent.reweight.verdict import NOT_ASSESSABLE, judge


def assessed(states: list[np.ndarray], names=("zero", "one")) -> "ConditionalReweighting":
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((*s.shape, 1)) for s in states]
    temperatures = [1.0, 2.0][: len(states)]
    return ConditionalReweighting(network=False).fit(
        features, temperatures, states=states, state_names=list(names), temperature_unit="reduced"
    )


def row(fitted: ConditionalReweighting, temperature: float, state: str):
    table = fitted.assessments
    return table[(table.temperature == temperature) & (table.state == state)].iloc[0]


def test_evidence_by_hand():
    """Two walkers of 12 frames; state one is the rarer."""
    states = np.array([[1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1]])
    one = row(assessed([states]), 1.0, "one")
    # Visits of 2 (cut), 3, 1, 2, 1 (cut): whole ones hold 6 frames; sum l^2 / sum l = (4 + 9 + 1 + 4 + 1)/9.
    assert one.visits == 3
    assert one.share == pytest.approx(9 / 24)
    assert one.evidence == pytest.approx(6 / (19 / 9))
    assert not one.assessable
    assert one.reason == "3 whole visits at 1, worth 2.8 independent ones (5 needed)"
    assert one.remedy.startswith("extend 1 about 3-fold")
    zero = row(assessed([states]), 1.0, "zero")
    assert zero.evidence == one.evidence  # the rarer of a state and its complement
    assert zero.reason == "left and entered again 3 times at 1, worth 2.8 independent ones (5 needed)"


def test_visits_are_as_long_as_at_any_hotter_temperature():
    """Cold visits seem short where they are the only ones seen; hot ones say how long they may be."""
    cold = np.zeros((2, 200), int)
    for start in range(5, 195, 12):
        cold[:, start : start + 3] = 1
    hot = np.zeros((2, 200), int)
    for start in range(5, 190, 40):
        hot[:, start : start + 20] = 1
    found = assessed([cold, hot])
    visits, whole = 16, 3 * 32
    assert row(found, 1.0, "one").visits == 2 * visits
    assert row(found, 1.0, "one").evidence == pytest.approx(whole / 20)
    assert row(assessed([cold]), 1.0, "one").evidence == pytest.approx(whole / 3)


def test_split_r_hat_by_hand():
    """Halves (0 1), (1 1), (0 0 1), (0 1): means 1/2, 1, 1/3, 1/2; variances 1/4, 0, 2/9, 1/4."""
    series = [np.array([0, 1, 1, 1]), np.array([0, 0, 1, 0, 1])]
    mean = 5 / 9
    within = (2 / 4 + 0 + 3 * 2 / 9 + 2 / 4) / 9
    between = (2 * (1 / 2 - mean) ** 2 + 2 * (1 - mean) ** 2 + 3 * (1 / 3 - mean) ** 2 + 2 * (1 / 2 - mean) ** 2) / 9
    assert split_r_hat(series) == pytest.approx(np.sqrt(1 + between / within))


def test_split_r_hat_is_the_textbooks_for_many_frames():
    rng = np.random.default_rng(0)
    series = [rng.standard_normal(1000) + shift for shift in (0, 0.3, -0.5)]
    halves = np.array([half for s in series for half in np.split(s, 2)])
    W, B = halves.var(axis=1, ddof=1).mean(), 500 * halves.mean(axis=1).var(ddof=1)
    textbook = np.sqrt((499 / 500 * W + B / 500) / W)
    assert split_r_hat(series) - 1 == pytest.approx((textbook - 1) * 5 / 6, rel=0.05)  # 6 halves: B/n less its 1/6


def test_split_r_hat_of_what_does_not_vary_is_unknown():
    assert np.isnan(split_r_hat([np.zeros(10), np.ones(10)]))
    assert np.isnan(split_r_hat([np.zeros(1)]))


@pytest.mark.parametrize("state", [0, 1])
@pytest.mark.parametrize("where", ["cold", "both"])
def test_walkers_stuck_in_one_state_are_not_assessable(state, where):
    content = md()
    for k in (0, 1) if where == "both" else (0,):
        content["states"][k][:] = state
    fitted = ConditionalReweighting(network=False).fit(**content)
    assert np.isnan(row(fitted, 1.0, "one").r_hat)
    table = judge(fitted, 1.3, 0.05).set_index("state")
    assert (table.verdict == NOT_ASSESSABLE).all()
    assert table[["stderr", "low", "high", "sampling"]].isna().all(axis=None)
    assert table.value.between(0, 1).all()
    other = ("zero", "one")[1 - state]
    assert "0 whole visits at 1" in table.reason[other]
    assert f"start walkers in {other} at 1" in table.remedy[other]
    assert f"start walkers outside of {('zero', 'one')[state]} at 1" in table.remedy[("zero", "one")[state]]


def test_walkers_stuck_half_here_half_there_are_not_assessable():
    content = md(bath=None)
    content["states"][0][:4], content["states"][0][4:] = 0, 1
    fitted = ConditionalReweighting(network=False).fit(**content)
    assert not row(fitted, 1.0, "one").assessable
    assert (judge(fitted, 1.3, 0.05).verdict == NOT_ASSESSABLE).all()


def test_walkers_that_disagree_are_not_assessable():
    """Each recrosses often enough, about its own share."""
    rng = np.random.default_rng(0)
    cold = np.concatenate([chains(0.05, 4, 600, rng), chains(0.9, 4, 600, rng)])
    fitted = assessed([cold, chains(0.5, 8, 600, rng)])
    found = row(fitted, 1.0, "one")
    assert found.evidence > LEAST_EVIDENCE
    assert found.r_hat > 1.3
    assert found.reason == f"walkers at 1 disagree on one (split-R-hat {found.r_hat:.2f}, limit 1.3)"
    assert found.remedy == "extend 1"


def test_flicker_at_a_border_is_no_evidence():
    """One real crossing in a walker, and hundreds of entries for a frame or two next to the border."""
    rng = np.random.default_rng(0)
    cold = np.zeros((4, 1000), int)
    for k, walker in enumerate(cold):
        walker[200 + 50 * k : 600 + 50 * k] = 1
        border = rng.integers(0, 1000, 150)
        walker[border] = 1 - walker[border]  # for one frame
        walker[:50], walker[-50:] = 0, 0
    found = row(assessed([cold, chains(0.5, 4, 1000, rng)]), 1.0, "one")
    assert found.visits > 300
    long_visits = row(assessed([_slow(rng), chains(0.5, 4, 1000, rng)]), 1.0, "one")
    assert long_visits.evidence < LEAST_EVIDENCE  # without flicker there are four visits
    entered = np.zeros((4, 1000), int)
    entered[:, 500:] = 1
    for walker in entered:
        walker[rng.choice(np.arange(300, 499), 60, replace=False)] = 1
    flicker = row(assessed([entered, chains(0.5, 4, 1000, rng)]), 1.0, "one")
    assert flicker.visits > 100
    assert flicker.evidence < LEAST_EVIDENCE
    assert not flicker.assessable


def _slow(rng) -> np.ndarray:
    cold = np.zeros((4, 1000), int)
    for k, walker in enumerate(cold):
        walker[200 + 50 * k : 600 + 50 * k] = 1
    return cold


def test_enough_visits_are_assessable():
    fitted = ConditionalReweighting(network=False).fit(**md())
    assert fitted.assessments.assessable.all()
    assert (fitted.assessments.reason == "").all()
    assert (fitted.assessments.evidence > LEAST_EVIDENCE).all()


def test_one_bad_state_does_not_silence_the_others():
    content = md() | {"state_names": ["zero", "one", "lonely"]}
    content["states"][0][3, 100] = 2
    fitted = ConditionalReweighting(network=False).fit(**content)
    assert row(fitted, 1.0, "one").assessable
    assert not row(fitted, 1.0, "lonely").assessable
    verdicts = judge(fitted, 1.3, 0.1).set_index("state").verdict
    assert verdicts["lonely"] == NOT_ASSESSABLE
    assert verdicts["one"] != NOT_ASSESSABLE


def test_a_state_never_seen_has_share_0_and_an_open_interval():
    content = md() | {"state_names": ["zero", "one", "never"]}
    fitted = ConditionalReweighting(network=False).fit(**content)
    never = fitted.populations(1.3).iloc[2]
    assert (never.value, never.low, never.high) == (0, 0, 1)
    table = judge(fitted, 1.3, 0.05).set_index("state")
    assert table.verdict["never"] == NOT_ASSESSABLE
    assert table.remedy["never"] == "start walkers in never at 1; start walkers in never at 2"
