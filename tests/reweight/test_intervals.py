"""Intervals on two-state toys with exact answers: they hold as often as they say, and noise in the basis does not narrow them."""

import numpy as np
import pytest
from reweight.two_states import md, share
from scipy.stats import binom

from thermolatent import ConditionalReweighting

ASKED = (0.85, 1.3, 1.7, 2.4)


def covered(sets: int, asked=ASKED, drawn: bool = False, network: bool = False, **toy) -> tuple[np.ndarray, np.ndarray]:
    """How many of ``sets`` intervals hold the exact share, and mean error over mean standard error, at each temperature.

    ``drawn``: c and d of each set are drawn from the prior.
    """
    held, errors = np.zeros(len(asked), int), np.zeros((2, len(asked)))
    for seed in range(sets):
        truth = {"e": toy.get("e", 1.0), "c": 0.0, "d": 0.0}
        if drawn:
            truth["c"], truth["d"] = np.random.default_rng([5, seed]).normal(0, 5, 2)
        fitted = ConditionalReweighting(network=network).fit(**md(seed=5000 + seed, **(toy | truth)))
        for i, T in enumerate(asked):
            row, exact = fitted.populations(T).iloc[1], share(T, **truth)
            held[i] += row.low <= exact <= row.high
            errors[:, i] += (row.value - exact) ** 2, row.stderr**2
    return held, np.sqrt(errors[0] / errors[1])


@pytest.mark.parametrize("toy", [{}, {"bath": None, "drawn": True}], ids=["energies", "no energies, c from the prior"])
def test_intervals_hold_40_sets(toy):
    held, ratio = covered(40, **toy)
    assert (held >= binom.ppf(0.002, 40, 0.95)).all()  # 33 of 40
    assert (ratio > 0.7).all()  # of 40 sets with four temperatures that share their frames
    assert (ratio < 1.3).all()


@pytest.mark.slow
@pytest.mark.parametrize(("network", "sets"), [(False, 200), (True, 80)], ids=["states", "network"])
def test_intervals_hold_as_often_as_they_say(network, sets):
    held, ratio = covered(sets, network=network)
    assert (held >= (0.92 if sets == 200 else 0.88) * sets).all()
    assert (held <= 0.99 * sets).all()
    np.testing.assert_allclose(ratio, 1, atol=0.15 if sets == 200 else 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("bath", [None, 12, 2000], ids=["no energies", "energies", "a solvent's energies"])
@pytest.mark.parametrize("temperatures", [(1.0, 2.0), (1.0, 1.4, 2.0)], ids=["two", "three"])
def test_intervals_hold_heat_capacities_drawn_from_the_prior(temperatures, bath):
    held, _ = covered(200, drawn=True, temperatures=temperatures, bath=bath)
    assert (held >= binom.ppf(0.01, 200, 0.95)).all()  # 183 of 200
    assert (held <= 0.99 * 200).all()


@pytest.mark.slow
@pytest.mark.parametrize("units", [4, 8])
def test_intervals_of_a_rare_state_hold_and_are_not_wide_for_nothing(units):
    """Seldom visited cold, half of the time hot: long visits of the other state do not add to the error."""
    held, ratio = covered(200, asked=(1.3,), e=3.0, units=units)
    assert held[0] >= 0.92 * 200
    assert ratio[0] > 0.6


def test_a_visit_displaces_no_more_frames_than_there_are():
    """Of a state with 98 % of the frames, a visit of 300 frames displaces 6 of the other's."""
    parts = ConditionalReweighting(network=False).fit(**md(e=4.0, frames=600)).population_influences(1.4).parts()
    assert (parts.visits < 2 * parts.sampling.sum(0)).all()


def noise(kind: str, columns: int, like: list[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(9)
    steps = [rng.standard_normal((*s.shape, columns)) for s in like]
    return [(s.cumsum(axis=1) if kind == "random walks" else s).astype(np.float32) for s in steps]


@pytest.mark.parametrize(
    ("kind", "where"), [("white", "columns"), ("random walks", "columns"), ("random walks", "features")]
)
def test_100_columns_of_noise_leave_the_interval(kind, where):
    plain = md(units=8, frames=200)
    added = noise(kind, 100, plain["states"])
    if where == "features":
        network, noisy = (
            True,
            plain
            | {"features": [np.concatenate([f, n], axis=-1) for f, n in zip(plain["features"], added, strict=True)]},
        )
    else:
        network, noisy = False, plain | {"columns": added}
    alone = ConditionalReweighting(network=network).fit(**plain).populations(1.3).iloc[1]
    beside = ConditionalReweighting(network=network).fit(**noisy).populations(1.3).iloc[1]
    assert beside.form == pytest.approx(alone.form, rel=0.1)
    assert beside.high - beside.low > 0.8 * (alone.high - alone.low)
    assert abs(beside.value - alone.value) < alone.stderr


@pytest.mark.slow
def test_100_random_walks_among_the_features_do_not_fool_intervals():
    held = 0
    for seed in range(40):
        content = md(seed=seed, bath=None)
        walks = np.random.default_rng([9, seed]).standard_normal((2, 8, 400, 100)).cumsum(axis=2)
        content["features"] = [np.concatenate([f, w], axis=-1) for f, w in zip(content["features"], walks, strict=True)]
        row = ConditionalReweighting().fit(**content).populations(1.3).iloc[1]
        held += row.low <= share(1.3, 1.0) <= row.high
    assert held >= binom.ppf(0.002, 40, 0.95)


@pytest.mark.parametrize("bath", [None, 12], ids=["no energies", "energies"])
def test_given_columns_twice_leave_the_prior_part(bath):
    content = md(bath=bath)
    columns = noise("white", 5, content["states"])
    for column, states in zip(columns, content["states"], strict=True):
        column[..., 0] += states  # not all of it noise
    once, twice = (
        ConditionalReweighting(network=False).fit(**content, columns=given).populations(1.3).iloc[1]
        for given in (columns, [np.concatenate([c, c], axis=-1) for c in columns])
    )
    assert twice.form == pytest.approx(once.form, rel=0.1)
    assert twice.value == pytest.approx(once.value, abs=0.1 * once.stderr)


@pytest.mark.parametrize("network", [False, True], ids=["states", "network"])
def test_walkers_of_10_to_1_in_length(network):
    content, lengths = md(units=8), [400, 40, 40, 40, 40, 40, 40, 40]
    content["units"] = [np.repeat(np.arange(8), lengths)] * 2
    for name in ("features", "states", "energies"):
        content[name] = [np.concatenate([w[:n] for w, n in zip(a, lengths, strict=True)]) for a in content[name]]
    row = ConditionalReweighting(network=network).fit(**content).populations(1.3).iloc[1]
    exact = share(1.3, 1.0)
    assert np.isfinite(row[["value", "stderr", "low", "high"]].astype(float)).all()
    assert row.low < exact < row.high
    assert row.degrees_of_freedom < 8  # most of it is one walker's word
    # As if there were only as many frames as there are, 680 of 3200 a temperature: twice the error, a little more.
    equal = ConditionalReweighting(network=False).fit(**md(units=8)).populations(1.3).iloc[1]
    assert 1.2 < row.stderr / equal.stderr < 5


@pytest.mark.slow
def test_intervals_of_walkers_of_10_to_1_hold():
    held, lengths = 0, [400, 400, 40, 40, 40, 40, 40, 40]
    for seed in range(200):
        content = md(units=8, seed=seed) | {"units": [np.repeat(np.arange(8), lengths)] * 2}
        for name in ("features", "states", "energies"):
            content[name] = [np.concatenate([w[:n] for w, n in zip(a, lengths, strict=True)]) for a in content[name]]
        row = ConditionalReweighting(network=False).fit(**content).populations(1.3).iloc[1]
        held += row.low <= share(1.3, 1.0) <= row.high
    assert held >= binom.ppf(0.002, 200, 0.95)


@pytest.fixture(scope="module", params=[False, True], ids=["states", "network"])
def fitted(request):
    """The estimator, and whether each frame is in state one."""
    content = md(frames=200)
    return ConditionalReweighting(network=request.param).fit(**content), np.concatenate(
        content["states"], axis=None
    ) == 1


def test_mean_of_an_indicator_is_the_population_error_included(fitted):
    reweighting, inside = fitted
    told, mean = reweighting.populations(1.3).iloc[1], reweighting.mean(1.3, inside).iloc[0]
    for name in ("value", "stderr", "sampling", "form", "visits", "degrees_of_freedom"):
        assert mean[name] == pytest.approx(told[name], rel=1e-4)


@pytest.mark.parametrize("temperature", [0.8, 1.0, 1.5, 2.0, 3.0])
def test_weights_add_up_to_the_populations(fitted, temperature):
    reweighting, inside = fitted
    weights = reweighting.weights(temperature)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert weights @ inside == pytest.approx(reweighting.populations(temperature).value[1], abs=1e-12)
    assert reweighting.shares(temperature)[1] == reweighting.populations(temperature).value[1]


def test_at_a_training_temperature_averages_of_the_basis_are_the_mds():
    """Of states and given columns alike, but for the prior's pull: here one frame in thousands."""
    content = md(bath=None)
    columns = [
        np.random.default_rng(k).standard_normal((*s.shape, 1)) + s[..., None] for k, s in enumerate(content["states"])
    ]
    fitted = ConditionalReweighting(network=False).fit(**content, columns=columns)
    observable = np.concatenate([c.reshape(-1) for c in columns])
    for T, own, states in zip((1.0, 2.0), columns, content["states"], strict=True):
        assert fitted.mean(T, observable).value[0] == pytest.approx(own.mean(), abs=2e-3)
        assert fitted.shares(T)[1] == pytest.approx(states.mean(), abs=1e-4)


def test_one_absurd_energy_changes_nothing_and_is_counted(caplog):
    content = md()
    expected = ConditionalReweighting(network=False).fit(**content)
    for absurd in (1e9, -1e9, 1e308):
        broken = content | {"energies": [e.copy() for e in content["energies"]]}
        broken["energies"][0][3, 17] = absurd
        found = ConditionalReweighting(network=False).fit(**broken)
        assert found.summary.clipped == expected.summary.clipped + 1
        assert "are more than 8 standard deviations from the median" in caplog.text
        for T in (0.8, 1.3, 3.0):
            np.testing.assert_allclose(found.shares(T), expected.shares(T), atol=1e-3)


def test_energies_shifted_in_time_create_no_heat_capacity():
    """Their correlation in time is left, what they say of the states is not. (With e = 0, where shares say as much.)"""
    content = md(e=0.0, c=8.0, frames=800, bath=4)
    found = ConditionalReweighting(network=False).fit(**content).heat_capacities().iloc[1]
    assert found.low < 8 < found.high
    assert found.low > 2
    shifted = content | {"energies": [np.roll(e, 400, axis=1) for e in content["energies"]]}
    nothing = ConditionalReweighting(network=False).fit(**shifted).heat_capacities().iloc[1]
    assert nothing.low < 0 < nothing.high


@pytest.mark.slow
def test_noise_of_energies_correlated_in_time_creates_no_heat_capacity():
    """A solvent whose energy remembers 30 frames: c of 40 sets within its interval of 0 as often as it says."""
    held = 0
    for seed in range(40):
        content, rng = md(seed=seed, bath=None), np.random.default_rng([4, seed])
        basis_slope = 1.0 / (1.0 - 0.5)  # e/(b_c - b_h): the energy difference that belongs to e = 1, c = 0
        content["energies"] = []
        for states in content["states"]:
            slow = np.empty(states.shape)
            slow[:, 0] = rng.standard_normal(len(states))
            for t in range(1, states.shape[1]):
                slow[:, t] = 0.967 * slow[:, t - 1] + np.sqrt(1 - 0.967**2) * rng.standard_normal(len(states))
            content["energies"].append(basis_slope * states + 20 * slow)
        row = ConditionalReweighting(network=False).fit(**content).heat_capacities().iloc[1]
        held += row.low <= 0 <= row.high
    assert held >= binom.ppf(0.002, 40, 0.95)
