"""Influences against what they are the derivative of: refits with one unit's weight changed."""

from dataclasses import replace

import numpy as np
import pytest
from reweight.two_states import chains, md

from thermolatent import ConditionalReweighting
from thermolatent.reweight.design import build_design
from thermolatent.reweight.equations import Energies, Equations
from thermolatent.reweight.fitting import partition_of, pieces_in_time
from thermolatent.reweight.influence import linear_interval, share_interval
from thermolatent.reweight.parameters import prior_precision
from thermolatent.reweight.sample import Arrays
from thermolatent.reweight.solution import Solution, solved


class Refit:
    """One design, solved anew with other counts; everything else as it was."""

    def __init__(self, content: dict, network: bool = True, stride: int = 1):
        self.sample = Arrays(**content).sample()
        self.design = build_design(self.sample, stride, network, 0)
        energies = self.sample.energies
        self.energies = None if energies is None else Energies.of(energies, self.sample.which)
        self.g = 4.0
        size = Equations(self.design, self.sample.inverse_kT, self.energies).parameters.size
        self.precision = prior_precision(self.design, 5.0, 30.0, size)

    def solution(self, times: np.ndarray | None = None) -> Solution:
        """With the counts of unit u ``times[u]`` what they are."""
        sample, design = self.sample, self.design
        if times is not None:
            counts = sample.counts * times[sample.unit]
            sample = replace(sample, counts=counts)
            halves = tuple(replace(half, counts=counts[half.frames]) for half in design.halves)
            design = replace(design, halves=halves)
        equations = Equations(design, sample.inverse_kT, self.energies)
        found = solved(equations, self.precision, self.g, 2.0, None)
        return Solution(sample.inverse_kT, design, partition_of(sample, design, pieces_in_time(sample)), found)


@pytest.fixture(scope="module", params=["none", "energies", "three temperatures", "unequal", "thinned"])
def refit(request) -> Refit:
    content = md(
        bath=None if request.param == "none" else 12,
        temperatures=(1.0, 1.4, 2.0) if "three" in request.param else (1, 2),
    )
    if request.param == "unequal":  # walkers of 10:1 in length
        lengths = [400, 40, 200, 350, 400, 120, 80, 400]
        content["units"] = [np.repeat(np.arange(8), lengths)] * 2
        for key in ("features", "states", "energies"):
            content[key] = [np.concatenate([w[:n] for w, n in zip(a, lengths, strict=True)]) for a in content[key]]
    return Refit(content, stride=3 if request.param == "thinned" else 1)


@pytest.mark.parametrize("quantity", ["populations", "mean"])
def test_influence_is_the_derivative_by_a_units_weight(refit, quantity):
    observable = refit.sample.features[:, :1].astype(float) ** 2

    def ask(solution: Solution):
        return solution.populations(1 / 1.3) if quantity == "populations" else solution.mean(1 / 1.3, observable)

    told = ask(refit.solution())
    by_unit = told.partition.by_unit(told.cells)
    units, step = len(refit.sample.stratum), 0.01
    for u in (0, 3, units - 1):
        times = np.ones(units)
        times[u] = 1 + step
        above = ask(refit.solution(times)).values
        times[u] = 1 - step
        below = ask(refit.solution(times)).values
        # The weight of the energies is taken as a constant; without any, the two agree to second order in the step.
        atol = (1e-4 if refit.energies is None else 0.02) * np.abs(by_unit).max()
        np.testing.assert_allclose(by_unit[u], (above - below) / (2 * step), rtol=1e-3, atol=atol)


def test_sampling_error_is_that_of_leaving_units_out():
    """Within U/(U - 1), the jackknife's own bias."""
    refit = Refit(md(units=10, frames=800), network=False)
    told = refit.solution().populations(1 / 1.3)
    units, stratum = len(refit.sample.stratum), refit.sample.stratum
    left_out = []
    for u in range(units):
        times = np.ones(units)
        times[u] = 1e-9
        left_out.append(refit.solution(times).populations(1 / 1.3).values[1])
    left_out = np.array(left_out)
    jackknife = sum(
        (n - 1) / n * ((left_out[own] - left_out[own].mean()) ** 2).sum()
        for s in (0, 1)
        for own in [stratum == s]
        for n in [own.sum()]
    )
    assert told.parts().sampling.sum(0)[1] == pytest.approx(jackknife, rel=0.15)


def test_one_temperature_gives_the_error_of_a_mean():
    """Of equal walkers, the textbook's: variance of their means over their number."""
    rng = np.random.default_rng(3)
    states = chains(0.3, 12, 500, rng)
    features = states[..., None].astype(np.float32)
    fitted = ConditionalReweighting().fit([features], [1.0], states=[states], temperature_unit="reduced")
    row = fitted.populations(1.0).set_index("state").loc["1"]
    means = states.mean(axis=1)
    assert row.value == pytest.approx(states.mean())
    assert row.sampling / _t(row.degrees_of_freedom) == pytest.approx(np.sqrt(means.var(ddof=1) / 12), rel=1e-6)
    assert row.form == 0


def _t(freedom: float) -> float:
    from scipy.stats import t

    return t.ppf(0.975, freedom)


def test_influences_of_a_stratum_add_up_to_nothing():
    fitted = ConditionalReweighting(network=False).fit(**md())
    influence = fitted.influence(1.3, "one")
    assert influence.shape == (16,)
    assert influence[:8].sum() == pytest.approx(0, abs=1e-12)
    assert influence[8:].sum() == pytest.approx(0, abs=1e-12)


def test_a_walker_that_differs_has_the_largest_influence():
    content = md(units=6, bath=None)
    content["states"][0][2] = 1  # it alone never leaves
    fitted = ConditionalReweighting(network=False).fit(**content)
    assert np.abs(fitted.influence(1.1, "one")).argmax() == 2


def test_intervals_of_shares_stay_between_0_and_1_and_open_without_any_visit():
    influences = ConditionalReweighting(network=False).fit(**md()).population_influences(1.3)
    parts = influences.parts()
    low, high = share_interval(np.array([0.0, 1.0]), parts)
    np.testing.assert_array_equal(low, [0, 0])
    np.testing.assert_array_equal(high, [1, 1])
    low, high = share_interval(influences.values, parts)
    straight = linear_interval(influences.values, parts)
    assert (low > 0).all()
    assert (high < 1).all()
    np.testing.assert_allclose(high - low, straight[1] - straight[0], rtol=0.2)
