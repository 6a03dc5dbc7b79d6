"""The estimating equations: derivatives against differences, and cases whose answer is known exactly."""

import numpy as np
import pytest
from reweight.two_states import md

from thermolatent import ConditionalReweighting
from thermolatent.reweight.design import build_design
from thermolatent.reweight.equations import Energies, Equations
from thermolatent.reweight.parameters import prior_precision
from thermolatent.reweight.sample import Arrays


def equations_of(content: dict, network: bool) -> tuple[Equations, np.ndarray]:
    sample = Arrays(**content).sample()
    design = build_design(sample, 1, network, 0)
    energies = None if sample.energies is None else Energies.of(sample.energies, sample.which)
    equations = Equations(design, sample.inverse_kT, energies)
    return equations, prior_precision(design, 5.0, 30.0, equations.parameters.size)


@pytest.mark.parametrize("network", [False, True], ids=["one part", "two halves"])
@pytest.mark.parametrize("bath", [None, 12], ids=["no energies", "energies"])
@pytest.mark.parametrize("temperatures", [(1.0, 2.0), (1.0, 1.4, 2.0)], ids=["two", "three"])
def test_gradient_and_hessian_against_differences(temperatures, bath, network):
    content = md(units=4, frames=30, bath=bath, temperatures=temperatures)
    rng = np.random.default_rng(1)
    content["counts"] = [rng.uniform(0, 2, s.shape) for s in content["states"]]
    equations, precision = equations_of(content, network)
    theta = 0.3 * rng.standard_normal(equations.parameters.size)
    asked = (precision, 3.0, 0.7)
    value, gradient, hessian = equations.evaluate(theta, *asked)
    assert equations.objective(theta, *asked) == pytest.approx(value, rel=1e-12)
    for _ in range(6):
        way = rng.standard_normal(len(theta))
        above, below = (equations.evaluate(theta + sign * 1e-5 * way, *asked) for sign in (1, -1))
        assert gradient @ way == pytest.approx((above[0] - below[0]) / 2e-5, rel=1e-5, abs=1e-4)
        np.testing.assert_allclose(
            hessian @ way, (above[1] - below[1]) / 2e-5, rtol=1e-5, atol=1e-6 * np.abs(hessian).max()
        )
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12 * np.abs(hessian).max())


@pytest.mark.parametrize(
    ("temperatures", "heat_capacity", "within", "network"),
    [
        ((1.0, 2.0), 5.0, 1e-4, False),
        ((1.0, 2.0), 5.0, 1e-4, True),
        ((1.0, 1.4, 2.0), 100.0, 1e-4, False),
        ((1.0, 1.4, 2.0), 5.0, 0.01, False),
    ],
    ids=["two", "two, network", "three", "three, prior on c"],
)
def test_without_energies_shares_at_training_temperatures_are_the_mds(temperatures, heat_capacity, within, network):
    """But for the prior's pull: of a few hundredths of a frame on e, less than sampling errors on c of three."""
    content = md(bath=None, temperatures=temperatures, c=3.0)
    fitted = ConditionalReweighting(heat_capacity, network=network).fit(**content)
    for T, states in zip(temperatures, content["states"], strict=True):
        assert fitted.shares(T)[1] == pytest.approx(states.mean(), abs=within)


#: Three states whose energy is their label, degeneracy g: p ~ g exp(-E/T) at every temperature.
ENERGY, DEGENERACY = np.array([0.0, 1.0, 2.5]), np.array([1.0, 2.0, 20.0])


def labelled(T: float) -> np.ndarray:
    p = DEGENERACY * np.exp(-ENERGY / T)
    return p / p.sum()


def test_energies_that_are_the_state_give_the_exact_populations_at_any_temperature():
    """Frames counted so that the MD's shares are exact: then nothing is left to chance, and A = b U."""
    rng, temperatures = np.random.default_rng(0), [1.0, 1.6]
    states = [np.stack([rng.permutation(np.repeat([0, 1, 2], 20)) for _ in range(6)]) for _ in temperatures]
    fitted = ConditionalReweighting(network=False).fit(
        [s[..., None] for s in states],
        temperatures,
        states=states,
        energies=[ENERGY[s] for s in states],
        counts=[labelled(T)[s] for s, T in zip(states, temperatures, strict=True)],
        temperature_unit="reduced",
    )
    for T in (0.7, 1.0, 1.3, 1.6, 2.5):
        np.testing.assert_allclose(fitted.shares(T), labelled(T), atol=2e-4)


def test_energies_that_are_the_state_agree_with_mbar():
    from pymbar import MBAR

    rng, temperatures = np.random.default_rng(0), [1.0, 1.6]
    states = [rng.choice(3, p=labelled(T), size=(10, 400)) for T in temperatures]
    energies = [ENERGY[s] for s in states]
    fitted = ConditionalReweighting(network=False).fit(
        [s[..., None] for s in states], temperatures, states=states, energies=energies, temperature_unit="reduced"
    )
    u, flat = np.concatenate([e.ravel() for e in energies]), np.concatenate([s.ravel() for s in states])
    solved = MBAR(u / np.array(temperatures)[:, None], [4000, 4000])
    for T in (0.8, 1.25, 2.0):
        found = fitted.populations(T)
        exact = solved.compute_multiple_expectations(np.eye(3)[flat].T, u / T)
        # MBAR also knows that the slope is the same at both temperatures; the estimator may bend within its prior.
        assert (np.abs(found.value - exact["mu"]) < found.stderr).all()
        assert (found.stderr < 3 * exact["sigma"] + 1e-3).all()


def test_order_of_temperatures_and_walkers_does_not_matter():
    content = md(units=6)
    expected = ConditionalReweighting(network=False).fit(**content).populations(1.3)
    lists = ("features", "temperatures", "energies", "states")
    turned = content | {name: content[name][::-1] for name in lists}
    shuffled = content | {
        name: [a[np.random.default_rng(k).permutation(6)] for k, a in enumerate(content[name])]
        for name in ("features", "energies", "states")
    }
    for other in (turned, shuffled):
        found = ConditionalReweighting(network=False).fit(**other).populations(1.3)
        numbers = ["value", "stderr", "low", "high"]
        np.testing.assert_allclose(found[numbers], expected[numbers], atol=1e-8)


def test_frames_that_count_twice_are_frames_given_twice():
    """With the same statistical inefficiency; of a time series repeated frames would double it."""
    content = md(units=6, frames=120)
    counts = [np.where(np.arange(120) % 3 == k, 2, 1) * np.ones((6, 1)) for k in (0, 1)]
    repeated = content | {
        name: [np.repeat(a, c[0].astype(int), axis=1) for a, c in zip(content[name], counts, strict=True)]
        for name in ("features", "energies", "states")
    }
    shares = []
    for given in (content | {"counts": counts}, repeated):
        equations, precision = equations_of(given, network=False)
        if "counts" in given:  # medians and their spread do not count; both are units alone
            unit = equations.energies
        else:
            u = np.concatenate([e.ravel() for e in given["energies"]])
            which = np.repeat([0, 1], [len(u) // 2] * 2)
            scaled = (u - unit.middle[which]) / unit.spread[which]
            equations = Equations(
                equations.design, 1 / np.array([1.0, 2.0]), Energies(scaled, unit.middle, unit.spread, 0)
            )
        # Counts are of mean 1, so that 160 frames count as 120.
        theta = equations.solve(
            precision, 4.0 * len(given["features"][0][0]) / 120, 2.0 * len(given["features"][0][0]) / 120
        )[0]
        shares.append(theta[: equations.parameters.n_weights])
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-6)


def test_counts_may_have_any_scale():
    content = md(units=4, frames=100)
    counts = [np.random.default_rng(k).uniform(0.5, 2, (4, 100)) for k in (0, 1)]
    expected = ConditionalReweighting(network=False).fit(**content, counts=counts).populations(1.3)
    for scales in ((1e-200, 1e-200), (3.0, 1e12), (1e300, 1e-300)):
        scaled = [c * s for c, s in zip(counts, scales, strict=True)]
        found = ConditionalReweighting(network=False).fit(**content, counts=scaled).populations(1.3)
        np.testing.assert_allclose(found[["value", "low", "high"]], expected[["value", "low", "high"]], atol=1e-8)


def test_a_walker_that_counts_nothing_is_as_good_as_absent():
    content = md(units=6, frames=100)
    counts = [np.ones((6, 100)) for _ in (0, 1)]
    for c in counts:
        c[4] = 0
    without = content | {
        name: [np.delete(a, 4, axis=0) for a in content[name]] for name in ("features", "energies", "states")
    }
    found = ConditionalReweighting(network=False).fit(**content, counts=counts).populations(1.3)
    expected = ConditionalReweighting(network=False).fit(**without).populations(1.3)
    assert np.isfinite(found[["value", "stderr", "low", "high"]]).all(axis=None)
    np.testing.assert_allclose(found.value, expected.value, atol=0.01)
    np.testing.assert_allclose(found.stderr, expected.stderr, rtol=0.25)
