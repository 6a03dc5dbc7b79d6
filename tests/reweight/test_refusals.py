"""Input that cannot be: one clear line each. Input that is only odd: a finite value with an honest interval."""

import warnings

import numpy as np
import pytest
from reweight.two_states import md, share

from thermolatent import ConditionalReweighting
from thermolatent.errors import ThermolatentError
from thermolatent.reweight.verdict import judge


def changed(**changes) -> dict:
    """The toy with some entries replaced by what a function makes of it."""
    content = md(units=4, frames=60)
    return content | {name: change(content) for name, change in changes.items()}


def at_first(change):
    """Changes the first temperature's array of what it is given under ``name``."""
    return lambda name: lambda content: [change(content[name][0].copy()), *content[name][1:]]


def put(value, *index):
    def change(array):
        array = array.astype(float)
        array[index] = value
        return array

    return at_first(change)


ragged = at_first(lambda a: [list(w[: 60 - i]) for i, w in enumerate(a)])
words = at_first(lambda a: np.full(a.shape, "x"))
shorter = at_first(lambda a: a[:, :-1])

REFUSED = {
    "NaN features": ({"features": put(np.nan, 0, 3, 0)("features")}, r"features: 1 of 480 frames hold NaN .*first at T = 1$"),
    "infinite features": ({"features": put(np.inf, 1, 3)("features")}, r"features: 1 of 480 frames hold NaN or numbers too"),
    "features beyond single precision": ({"features": put(1e60, 0, 0, 0)("features")}, r"features: 1 of 480 .* too large"),
    "ragged features": ({"features": ragged("features")}, r"features at T = 1: .*walkers of different lengths: give \(frames"),
    "words for features": ({"features": words("features")}, r"features at T = 1: not an array of numbers"),
    "no features": ({"features": lambda c: None}, r"features: must be a list of arrays, one per temperature$"),
    "features of one temperature": ({"features": lambda c: c["features"][:1]}, r"features: 1 arrays for 2 temperatures"),
    "empty features": ({"features": lambda c: [np.empty((0, 5, 2))] * 2}, r"features at T = 1: shape \(0, 5, 2\)"),
    "flat features": ({"features": lambda c: [np.zeros(9)] * 2}, r"features at T = 1: shape \(9,\); must be \(walkers,"),
    "other columns": ({"features": lambda c: [c["features"][0], c["features"][1][..., :1]]}, r"features at T = 2: 1 columns"),
    "no units": ({"features": lambda c: [a[0] for a in c["features"]]}, r"units: features \(frames, n\) need the number of each"),
    "NaN energies": ({"energies": put(np.nan, 0, 3)("energies")}, r"energies: 1 of 480 frames hold NaN .* first at T = 1$"),
    "constant energies": ({"energies": lambda c: [3 + 0 * e for e in c["energies"]]}, r"energies at T = 1: nearly all frames"),
    "short energies": ({"energies": shorter("energies")}, r"energies at T = 1: shape \(4, 59\), but the features have frames"),
    "energies of one temperature": ({"energies": lambda c: c["energies"][:1]}, r"energies: 1 arrays for 2 temperatures"),
    "words for energies": ({"energies": words("energies")}, r"energies at T = 1: not an array of numbers"),
    "short states": ({"states": shorter("states")}, r"states at T = 1: shape \(4, 59\)"),
    "ragged states": ({"states": ragged("states")}, r"states at T = 1: .*walkers of different lengths"),
    "NaN states": ({"states": put(np.nan, 0, 3)("states"), "state_names": lambda c: None}, r"states: 1 of 480 frames hold NaN"),
    "a state too many": ({"states": at_first(lambda a: a + 1)("states")}, r"states: with 2 state_names .* from 0 to 1$"),
    "a state below": ({"states": at_first(lambda a: a - 1)("states")}, r"states: with 2 state_names .* from 0 to 1$"),
    "one name twice": ({"state_names": lambda c: ["a", "a"]}, r"state_names: a, a; two states have the same name$"),
    "negative counts": ({"counts": lambda c: [-np.ones((4, 60))] * 2}, r"counts: must not be negative"),
    "no counts": ({"counts": lambda c: [np.zeros((4, 60))] * 2}, r"counts: must not be negative, nor all 0"),
    "NaN counts": ({"counts": lambda c: [np.full((4, 60), np.nan)] * 2}, r"counts: 480 of 480 frames hold NaN"),
    "one walker counts": ({"counts": lambda c: [np.eye(4)[:, :1] * np.ones(60)] * 2}, r"units: 1 at T = 1; an error bar needs"),
    "NaN columns": ({"columns": lambda c: [np.full((4, 60, 1), np.nan)] * 2}, r"columns: 480 of 480 frames hold NaN"),
    "columns without an axis": ({"columns": lambda c: [np.ones((4, 60))] * 2}, r"columns at T = 1: shape \(4, 60\)"),
    "one unit": ({"units": lambda c: [np.zeros((4, 60))] * 2}, r"units: 1 at T = 1; an error bar needs two independent"),
    "short units": ({"units": lambda c: [np.zeros((4, 59))] * 2}, r"units at T = 1: shape \(4, 59\)"),
    "equal temperatures": ({"temperatures": lambda c: [1.0, 1.0]}, r"temperatures: 1 and 1 are the same within 0.1 %"),
    "temperatures a hair apart": ({"temperatures": lambda c: [300, 300.1]}, r"temperatures: 300 and 300.1 are the same"),
    "a negative temperature": ({"temperatures": lambda c: [-1.0, 1.0]}, r"temperatures: \[-1.0, 1.0\]; must be positive"),
    "a NaN temperature": ({"temperatures": lambda c: [np.nan, 1.0]}, r"temperatures: .* must be positive numbers"),
    "no temperature": ({"temperatures": lambda c: []}, r"temperatures: \[\]; must be positive numbers, at least one"),
    "one number for temperatures": ({"temperatures": lambda c: 300.0}, r"temperatures: 300.0; must be a list of positive"),
    "words for temperatures": ({"temperatures": lambda c: ["1", "2"]}, r"temperatures: \['1', '2'\]; must be a list of positive"),
    "None for a temperature": ({"temperatures": lambda c: [None, 2]}, r"temperatures: \[None, 2\]; must be positive numbers"),
    "a unit of temperature": ({"temperature_unit": lambda c: "celsius"}, r"temperature_unit: 'celsius' is not known; write"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_one_line(case):
    changes, message = REFUSED[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(ThermolatentError, match="^" + message) as caught:
            ConditionalReweighting(network=False).fit(**changed(**changes))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("given", [0, -1, np.nan, np.inf, "5", None, [5.0], True])
def test_heat_capacity_must_be_a_positive_number(given):
    with pytest.raises(ThermolatentError, match=r"^heat_capacity: .*; must be a positive number, in k$"):
        ConditionalReweighting(given)


@pytest.fixture(scope="module")
def fitted() -> ConditionalReweighting:
    return ConditionalReweighting(network=False).fit(**md(units=4, frames=60))


@pytest.mark.parametrize("given", ["400", b"400", -3, 0, [300], np.array([1.0]), None, np.nan, np.inf, 1j, {}, True])
@pytest.mark.parametrize("ask", ["populations", "weights", "shares", "free_energies", "mean"])
def test_temperature_must_be_one_positive_number(fitted, ask, given):
    more = (np.zeros(480),) if ask == "mean" else ()
    with pytest.raises(ThermolatentError, match=r"^temperature: .*; must be one positive number$"):
        getattr(fitted, ask)(given, *more)


@pytest.mark.parametrize("given", [1e6, 1e-6, 1e-300, 1e300])
def test_temperatures_of_another_unit_are_refused(fitted, given):
    with pytest.raises(ThermolatentError, match=r"but the MD is at 1 to 2; is it in the same unit\?$"):
        fitted.populations(given)


def test_one_temperature_cannot_be_left():
    alone = ConditionalReweighting().fit(**md(units=4, frames=60, temperatures=(1.0,)))
    with pytest.raises(ThermolatentError, match=r"^temperature: 1.3, but the only MD is at 1; reweighting to another"):
        alone.populations(1.3)
    with pytest.raises(ThermolatentError, match=r"^temperature: "):
        alone.melting("one")


def test_states_are_known_by_name(fitted):
    for ask in (
        lambda: fitted.influence(1.3, "other"),
        lambda: fitted.melting("other"),
        lambda: fitted.free_energies(1.3, "x"),
    ):
        with pytest.raises(ThermolatentError, match=r"^state: '(other|x)' is not one of zero, one$"):
            ask()


@pytest.mark.parametrize(
    ("observable", "message"),
    [
        (np.zeros(479), r"shape \(479,\); must be \(480,\) or \(480, m\)"),
        (np.zeros((480, 2, 2)), r"shape \(480, 2, 2\); must be"),
        (np.full(480, np.nan), "480 of 480 frames are not finite"),
        (None, r"shape \(\); must be"),
        (["x"] * 480, "not an array of numbers"),
    ],
)
def test_observables_are_one_number_per_frame(fitted, observable, message):
    with pytest.raises(ThermolatentError, match="^observable: " + message):
        fitted.mean(1.3, observable)


@pytest.mark.parametrize(
    "ask",
    [
        lambda new: new.populations(1.0),
        lambda new: new.weights(1.0),
        lambda new: new.shares(1.0),
        lambda new: new.mean(1.0, [1.0]),
        lambda new: new.free_energies(1.0, "one"),
        lambda new: new.melting("one"),
        lambda new: new.heat_capacities(),
        lambda new: new.influence(1.0, "one"),
        lambda new: new.inverse_kT(1.0),
        lambda new: new.n_frames,
        lambda new: new.save("nowhere"),
        lambda new: judge(new, 1.0, 0.05),
    ],
)
def test_not_fitted_yet(ask):
    with pytest.raises(
        ThermolatentError, match=r"^this ConditionalReweighting is not fitted: call fit, or load a file$"
    ):
        ask(ConditionalReweighting())


def test_a_failed_fit_leaves_the_former_one():
    reweighting = ConditionalReweighting(network=False).fit(**md(units=4, frames=60))
    before = reweighting.populations(1.3)
    with pytest.raises(ThermolatentError):
        reweighting.fit(**md(units=1, frames=60, temperatures=(3.0, 5.0)))
    assert reweighting.temperatures == (1.0, 2.0)
    assert reweighting.populations(1.3).equals(before)


#: The four walkers as eight of half the length.
of_eight = {
    name: lambda c, name=name: [a.reshape(8, 30, *a.shape[2:]) for a in c[name]]
    for name in ("features", "states", "energies")
}

ODD = {
    "more columns than frames": {"columns": lambda c: list(np.random.default_rng(0).standard_normal((2, 4, 60, 130)))},
    "constant features": {"features": lambda c: [3 + 0 * f for f in c["features"]]},
    "constant columns": {"columns": lambda c: [np.ones((4, 60, 2))] * 2},
    "huge features": {"features": put(1e30, 0, 0, 0)("features")},
    "features that are the temperature": {"features": lambda c: [f + 1e3 * k for k, f in enumerate(c["features"])]},
    "columns that are the temperature": {"columns": lambda c: [np.full((4, 60, 1), 1.0 * k) for k in (0, 1)]},
    "energies of a discrete model": {"energies": lambda c: [s * 1.0 for s in c["states"]]},
    "energies of which most are 0": {"energies": lambda c: [e * (e > np.percentile(e, 60)) for e in c["energies"]]},
    "energies in another unit": {"energies": lambda c: [e * 1e12 for e in c["energies"]]},
    "energies with an offset": {"energies": lambda c: [e - 1e9 for e in c["energies"]]},
    "whole numbers": {"features": lambda c: [(10 * f).astype(int) for f in c["features"]]},
    "states are the temperature": {"states": lambda c: [0 * c["states"][0], 1 + 0 * c["states"][1]]},
    "30 states of 8 frames": {"states": lambda c: [np.arange(240).reshape(4, 60) // 8] * 2, "state_names": lambda c: None},
    "a state of one frame": {"states": put(2, 0, 3)("states"), "state_names": lambda c: None},
    "a state without frames": {"state_names": lambda c: ["zero", "one", "never"]},
    "one state": {"states": lambda c: None, "state_names": lambda c: None},
    "five walkers count": {"counts": lambda c: [np.repeat([1, 0, 1], [3, 3, 2])[:, None] * np.ones(30)] * 2, **of_eight},
    "three walkers count": {"counts": lambda c: [np.array([1, 1, 0, 1])[:, None] * np.ones(60)] * 2},
    "counts over 30 orders": {"counts": lambda c: list(10.0 ** np.random.default_rng(0).uniform(-30, 0, (2, 4, 60)))},
}  # fmt: skip


#: Odd for the networks too.
FOR_NETWORKS = ("huge features", "five walkers count")


@pytest.mark.parametrize(
    ("case", "network"), [*((case, False) for case in ODD), *((case, True) for case in FOR_NETWORKS)]
)
def test_odd_input_has_a_finite_value_and_an_interval(case, network):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = ConditionalReweighting(network=network).fit(**changed(**ODD[case]))
        for T in (0.5, 1.0, 1.3, 10.0):
            table = found.populations(T)
            numbers = table[["value", "stderr", "low", "high", "sampling", "form", "visits"]]
            assert np.isfinite(numbers).all(axis=None)
            assert (table.low <= table.value).all()
            assert (table.value <= table.high).all()
            assert table.value.sum() == pytest.approx(1, abs=1e-6)
            assert np.isfinite(found.weights(T)).all()
            judged = judge(found, T, 0.05)
            assert judged.value.notna().all()
            assert not judged.reason.str.contains("nan").any()
            assert not judged.remedy.str.contains("nan").any()
        assert found.heat_capacities().value.notna().all()


@pytest.mark.parametrize("case", ["constant columns", "energies with an offset"])
def test_odd_input_that_says_nothing_changes_nothing(case):
    plain = ConditionalReweighting(network=False).fit(**changed()).populations(1.3).iloc[1]
    odd = ConditionalReweighting(network=False).fit(**changed(**ODD[case])).populations(1.3).iloc[1]
    assert odd.value == pytest.approx(plain.value, abs=0.2 * plain.stderr)
    assert odd.stderr == pytest.approx(plain.stderr, rel=0.1)


@pytest.mark.parametrize("frames", [1])
def test_few_frames_have_wide_intervals(frames):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        row = ConditionalReweighting().fit(**md(units=4, frames=frames)).populations(1.3).iloc[1]
    assert row.high - row.low > 0.3


def test_temperatures_close_together_say_little_of_others():
    """Half a percent apart: wide without energies, which energies narrow."""
    close = {"temperatures": (1.0, 1.005), "units": 8}
    without = ConditionalReweighting(network=False).fit(**md(bath=None, **close)).populations(1.5).iloc[1]
    assert without.high - without.low > 0.9
    row = ConditionalReweighting(network=False).fit(**md(bath=4, **close)).populations(1.5).iloc[1]
    assert row.low < share(1.5, 1.0) < row.high
    assert row.high - row.low < 0.5
