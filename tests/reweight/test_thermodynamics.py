"""Free energies, melting and heat capacities of an exact two-state toy, values and errors."""

import numpy as np
import pytest
from reweight.two_states import COLD, HOT, md, share
from scipy.optimize import brentq
from scipy.stats import binom
from scipy.stats import t as student

from thermolatent import ConditionalReweighting
from thermolatent.errors import ThermolatentError
from thermolatent.reweight.temperature_basis import TemperatureBasis

#: State zero melts between the training temperatures.
TOY = {"e": 3.0, "c": 4.0, "d": 1.0, "intercept": -1.0}


def melting(e: float, c: float, d: float, intercept: float) -> dict[str, float]:
    """Exact Tm, dH, dS and dCp of leaving state zero: ln p0/p1 = intercept + e p1 + c p2 + d p3."""
    basis = TemperatureBasis([1 / HOT, 1 / COLD])
    b = brentq(lambda b: intercept + basis.values(b)[0] @ [e, c, d], 1 / HOT, 1 / COLD)
    dH = float(basis.slopes(b)[0] @ [e, c, d])
    return {"Tm": 1 / b, "dH": dH, "dS": dH * b, "dCp": c + d * np.log(b * np.sqrt(HOT * COLD))}


@pytest.fixture(scope="module")
def fitted() -> ConditionalReweighting:
    return ConditionalReweighting(network=False).fit(**md(units=12, frames=1500, **TOY))


def test_melting_is_the_exact_one(fitted):
    found, exact = fitted.melting("zero").set_index("quantity"), melting(**TOY)
    for name, value in exact.items():
        row = found.loc[name]
        assert row.low < value < row.high
        assert abs(row.value - value) < 2.5 * row.stderr
    assert found.stderr["Tm"] < 0.03 * exact["Tm"]
    assert found.stderr["dH"] < 0.1 * exact["dH"]
    assert found.value["dS"] == pytest.approx(found.value["dH"] / found.value["Tm"])


def test_melting_values_are_what_the_populations_say(fitted):
    """p(Tm) = 1/2, and derivatives of ln p/(1 - p) by differences."""
    found = fitted.melting("zero").set_index("quantity").value
    assert fitted.shares(found["Tm"])[0] == pytest.approx(0.5, abs=1e-9)
    b, h = 1 / found["Tm"], 1e-3

    def y(b: float) -> float:
        p = fitted.shares(1 / b)[0]
        return np.log(p / (1 - p))

    assert found["dH"] == pytest.approx((y(b + h) - y(b - h)) / (2 * h), rel=1e-3)
    assert found["dCp"] == pytest.approx(-(b**2) * (y(b + h) - 2 * y(b) + y(b - h)) / h**2, abs=0.05)


def test_errors_of_melting_are_the_delta_methods(fitted):
    """Tm moves by the error of ln p/(1 - p) there over its slope in T."""
    table = fitted.melting("zero").set_index("quantity")
    Tm, dH = table.value["Tm"], table.value["dH"]
    at = fitted.populations(Tm).iloc[0]
    assert table.stderr["Tm"] == pytest.approx(at.stderr / 0.25 * Tm**2 / dH, rel=1e-6)
    assert table.sampling["Tm"] / _t(table, "Tm") == pytest.approx(
        at.sampling / student.ppf(0.975, at.degrees_of_freedom) / 0.25 * Tm**2 / dH, rel=1e-6
    )


def _t(table, name: str) -> float:
    return student.ppf(0.975, table.degrees_of_freedom[name])


def test_melting_of_the_other_state_is_the_same_the_other_way_round(fitted):
    zero, one = (fitted.melting(s).set_index("quantity") for s in ("zero", "one"))
    assert one.value["Tm"] == pytest.approx(zero.value["Tm"])
    for name in ("dH", "dS", "dCp"):
        assert one.value[name] == pytest.approx(-zero.value[name], rel=1e-6)
    np.testing.assert_allclose(one.stderr, zero.stderr, rtol=1e-6)


def test_a_kelvin_study_melts_in_kelvin_and_kilojoules():
    """All temperatures 300 times as high, k that of kJ/mol."""
    k = 0.00831446261815324
    content = md(units=4, frames=300, **TOY)
    reduced = ConditionalReweighting(network=False).fit(**content).melting("zero").set_index("quantity")
    kelvin = content | {"temperatures": [300.0, 600.0], "temperature_unit": "kelvin"}
    kelvin["energies"] = [300 * k * e for e in content["energies"]]
    found = ConditionalReweighting(network=False).fit(**kelvin).melting("zero").set_index("quantity")
    for name, unit in {"Tm": 300, "dH": 300 * k, "dS": k, "dCp": k}.items():
        assert found.value[name] == pytest.approx(unit * reduced.value[name], rel=1e-6)
        assert found.stderr[name] == pytest.approx(unit * reduced.stderr[name], rel=1e-5)


@pytest.mark.parametrize("state", ["zero", "never"])
def test_no_melting_where_a_state_never_has_one_half(state):
    content = md(units=4, frames=200, e=0.3, intercept=2.0) | {"state_names": ["zero", "one", "never"]}
    fitted = ConditionalReweighting(network=False).fit(**content)
    with pytest.raises(
        ThermolatentError, match=rf"^melting: {state} is not half populated at any temperature from 0.6667 to 3"
    ):
        fitted.melting(state)


@pytest.mark.slow
def test_melting_intervals_hold_40_sets():
    held, exact = dict.fromkeys(("Tm", "dH", "dS", "dCp"), 0), melting(**TOY)
    for seed in range(40):
        found = ConditionalReweighting(network=False).fit(**md(seed=seed, **TOY)).melting("zero").set_index("quantity")
        for name in held:
            held[name] += found.low[name] <= exact[name] <= found.high[name]
    assert min(held.values()) >= binom.ppf(0.002, 40, 0.95)


def test_free_energies_are_minus_ln_p_with_the_delta_methods_error(fitted):
    for T in (0.8, 1.4, 3.0):
        found, p = fitted.free_energies(T), fitted.populations(T)
        assert found.value[0] == 0
        assert found.stderr[0] == 0
        assert found.value[1] == pytest.approx(-np.log(p.value[1] / p.value[0]), abs=1e-12)
        # Of two states d ln(p1/p0) = dp1 / (p0 p1).
        assert found.stderr[1] == pytest.approx(p.stderr[1] / (p.value[0] * p.value[1]), rel=1e-9)
        q = share(T, **TOY)
        assert found.low[1] < -np.log(q / (1 - q)) < found.high[1]
        other = fitted.free_energies(T, "one")
        assert other.value[0] == pytest.approx(-found.value[1])
        assert other.stderr[0] == pytest.approx(found.stderr[1])


def test_free_energy_of_a_state_never_seen_is_unknown_and_no_reference():
    fitted = ConditionalReweighting(network=False).fit(
        **md(units=4, frames=60) | {"state_names": ["zero", "one", "never"]}
    )
    found = fitted.free_energies(1.3)
    assert np.isfinite(found.loc[:1, ["value", "stderr", "low", "high"]]).all(axis=None)
    assert found.loc[2, ["value", "stderr", "low", "high"]].isna().all()
    with pytest.raises(ThermolatentError, match=r"^reference: "):
        fitted.free_energies(1.3, "never")


def test_heat_capacities_are_the_toys(fitted):
    found = fitted.heat_capacities()
    assert (found.value[0], found.stderr[0]) == (0, 0)
    assert found.low[1] < TOY["c"] < found.high[1]
    assert found.stderr[1] < 1.0


def test_two_temperatures_without_energies_say_nothing_of_heat_capacities():
    """0 with the standard deviation that was assumed."""
    found = ConditionalReweighting(7.0, network=False).fit(**md(bath=None, c=4.0)).heat_capacities().iloc[1]
    assert found.value == pytest.approx(0, abs=1e-6)
    assert found.stderr == pytest.approx(7.0, rel=0.02)


@pytest.mark.slow
def test_heat_capacity_intervals_hold_40_sets():
    held = 0
    for seed in range(40):
        found = ConditionalReweighting(network=False).fit(**md(seed=seed, bath=4, **TOY)).heat_capacities().iloc[1]
        held += found.low <= TOY["c"] <= found.high
    assert held >= binom.ppf(0.002, 40, 0.95)
