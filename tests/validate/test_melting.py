"""The two-state fit, on curves whose parameters are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from thermolatent.errors import ThermolatentError
from thermolatent.systems.base import GAS_CONSTANT
from thermolatent.validate.melting import fit_two_state, rows, two_state_population

T = np.array([340.0, 360.0, 380.0, 400.0, 420.0, 440.0])
kT = GAS_CONSTANT * T


def exact(dH, Tm):
    return 1 / (1 + np.exp(-(dH / GAS_CONSTANT) * (1 / T - 1 / Tm)))


@pytest.mark.parametrize(("dH", "Tm"), [(40.0, 381.0), (120.0, 365.0), (20.0, 470.0), (-30.0, 390.0)])
def test_parameters_of_an_exact_curve_come_back(dH, Tm):
    found = fit_two_state(T, kT, exact(dH, Tm), np.full(6, 0.01))
    assert found[:6:2] == pytest.approx((Tm, dH, dH / Tm), rel=1e-5)
    assert found.chi2 < 1e-6
    assert found.extrapolated == (Tm > 440)
    np.testing.assert_allclose(two_state_population(found.dH, found.Tm, T, kT), exact(dH, Tm), rtol=1e-5)


def test_errors_are_the_scatter_of_repeated_fits():
    rng, sigma = np.random.default_rng(0), 0.02
    fits = [fit_two_state(T, kT, exact(40, 381) + sigma * rng.normal(size=6), np.full(6, sigma)) for _ in range(400)]
    for name in ("Tm", "dH", "dS"):
        told = np.median([getattr(f, f"{name}_stderr") for f in fits])
        assert told == pytest.approx(np.std([getattr(f, name) for f in fits]), rel=0.15), name
    assert np.mean([f.chi2 for f in fits]) == pytest.approx(1, abs=0.15)


def test_a_curve_with_a_third_state_has_a_large_chi2():
    three = 0.5 * exact(200, 355) + 0.5 * exact(200, 425)
    assert fit_two_state(T, kT, three, np.full(6, 0.01)).chi2 > 10


def test_reduced_units():
    T = np.array([0.2, 0.3, 0.4, 0.5])
    p = 1 / (1 + np.exp(-1.5 * (1 / T - 1 / 0.3)))
    found = fit_two_state(T, T, p, np.full(4, 0.01))
    assert (found.Tm, found.dH, found.dS) == pytest.approx((0.3, 1.5, 5.0), rel=1e-5)


def test_what_is_no_melting_curve_is_said():
    with pytest.raises(ThermolatentError, match="three temperatures, there are 2"):
        fit_two_state(T[:2], kT[:2], [0.9, 0.1], [0.01, 0.01])
    with pytest.raises(ThermolatentError, match="does not change"):
        fit_two_state(T, kT, np.full(6, 0.4), np.full(6, 0.01))
    step = np.where(T < 390, 0.999, 0.001)  # a step between two temperatures says neither where nor how steep
    with pytest.raises(ThermolatentError, match="do not determine"):
        fit_two_state(T, kT, step, np.full(6, 0.3))


def test_rows_of_the_table_average_the_seeds(caplog):
    models = {"latf": SimpleNamespace(informed=True), "latf_published": SimpleNamespace(informed=False)}
    study = SimpleNamespace(
        name="mine",
        models=models,
        validate_=SimpleNamespace(melting="folded"),
        system=SimpleNamespace(kT=lambda t: GAS_CONSTANT * t),
    )
    base = {"states": "named", "state": "folded", "stderr": "0.01"}
    populations = [
        base | {"model": model, "temperature": str(t), "value": str(p + shift), "seed": seed}
        for model in (*models, "mbar")
        for seed, shift in (("0", 0.02), ("1", -0.02))
        for t, p in zip(T, exact(40, 381), strict=True)
    ]
    populations += [base | {"model": "md", "temperature": "340", "value": "0.8"}]
    populations += [row | {"states": "model", "value": "0.1"} for row in populations[:3]]
    found = {row["quantity"]: row for row in rows(study, populations)}
    assert {row["predictor"] for row in found.values()} == {"latf_published"}, (
        "an informed model's is the reweighting's"
    )
    assert {(row["state"], row["extrapolated"]) for row in found.values()} == {("folded", "no")}
    assert [found[q]["value"] for q in ("Tm", "dH", "dS")] == pytest.approx([381, 40, 40 / 381], rel=1e-3)
    alone = fit_two_state(T, kT, exact(40, 381), np.full(6, np.hypot(0.01, np.sqrt(2) * 0.02)))
    assert found["Tm"]["stderr"] == pytest.approx(alone.Tm_stderr, rel=1e-3)
    assert found["Tm"]["high"] - found["Tm"]["low"] == pytest.approx(2 * 1.96 * alone.Tm_stderr, rel=1e-3)
    assert found["dS"]["chi2"] == pytest.approx(alone.chi2, abs=1e-6)
    assert "md" in caplog.text
    assert "three temperatures" in caplog.text
