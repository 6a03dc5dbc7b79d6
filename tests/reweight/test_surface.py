"""Free-energy surfaces and their errors: against populations, means, refits, the multinomial and exact answers."""

import numpy as np
import pandas as pd
import pytest
from reweight.test_influences import Refit
from reweight.two_states import md, share
from scipy.stats import binom

from thermolatent import ConditionalReweighting
from thermolatent.errors import ThermolatentError
from thermolatent.reweight import verdict


def flat(arrays):
    return np.concatenate([np.asarray(a).reshape(-1) for a in arrays])


@pytest.fixture(scope="module")
def content():
    return md(units=8, frames=300)


@pytest.fixture(scope="module")
def fitted(content):
    return ConditionalReweighting(network=False).fit(**content)


def test_bins_that_are_the_named_states_have_the_populations_errors(content, fitted):
    populations = fitted.populations(1.3)
    # Numbers of bins need not be consecutive: bin 3 is state 0, bin 5 is state 1.
    table = fitted.free_energy_surface(1.3, np.array([3, 5])[flat(content["states"])], 7)
    assert table.index.tolist() == list(range(7))
    assert table.drop([3, 5]).isna().all(axis=None)
    found = table.loc[[3, 5]]
    np.testing.assert_allclose(found.value, -np.log(populations.value))
    for column in ("stderr", "sampling", "form", "visits"):
        np.testing.assert_allclose(found[column], populations[column] / populations.value, rtol=1e-6)
    np.testing.assert_allclose(found.degrees_of_freedom, populations.degrees_of_freedom, rtol=1e-6)
    np.testing.assert_allclose(found.high - found.value, found.value - found.low)


def test_a_difference_of_bins_knows_what_their_errors_share(content, fitted):
    _, shares = fitted.bin_influences(1.3, flat(content["states"]))
    p = shares.values
    difference = shares.map([np.log(p[0] / p[1])], np.array([[1 / p[0]], [-1 / p[1]]]))
    expected = fitted.free_energies(1.3, "zero").set_index("state").loc["one"]
    assert difference.values[0] == pytest.approx(expected.value)
    assert difference.parts().stderr[0] == pytest.approx(expected.stderr, rel=1e-6)
    # With two states an error of one is an error of the other: they add up, where independent ones would not.
    alone = fitted.free_energy_surface(1.3, flat(content["states"])).stderr
    assert difference.parts().stderr[0] == pytest.approx(alone.sum(), rel=1e-6)


@pytest.mark.parametrize("network", [False, True])
def test_a_histogram_is_the_mean_of_indicators(network):
    refit = Refit(md(units=8, frames=200), network=network)
    bins = np.digitize(refit.sample.features[:, 0], [-0.3, 0.2, 0.6, 1.1])
    solution = refit.solution()
    found, expected = solution.histogram(1 / 1.3, bins, 5), solution.mean(1 / 1.3, np.eye(5)[bins])
    np.testing.assert_allclose(found.values, expected.values)
    np.testing.assert_allclose(found.cells, expected.cells, atol=1e-5 * np.abs(expected.cells).max())
    np.testing.assert_allclose(found.parts().stderr, expected.parts().stderr, rtol=1e-4)


def test_influence_on_a_bins_free_energy_is_its_derivative_by_a_units_weight():
    refit = Refit(md(bath=None))
    bins = np.digitize(refit.sample.features[:, 0], [-0.3, 0.2, 0.6, 1.1])

    def shares(times=None):
        return refit.solution(times).histogram(1 / 1.3, bins, 5)

    told = shares()
    by_unit = told.partition.by_unit(told.cells) / -told.values
    times, step = np.ones(len(refit.sample.stratum)), 0.01
    F = []
    for times[3] in (1 + step, 1 - step):
        F.append(-np.log(shares(times).values))
    expected = (F[0] - F[1]) / (2 * step)
    np.testing.assert_allclose(by_unit[3], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def independent_frames(units, frames, p, rng):
    """One temperature, every frame drawn anew: units are blocks of a multinomial sample."""
    bins = rng.choice(len(p), size=(units, frames), p=p)
    fitted = ConditionalReweighting().fit([bins[..., None].astype(np.float32)], [1.0], temperature_unit="reduced")
    return fitted.free_energy_surface(1.0, bins.ravel(), len(p)), bins


def test_independent_frames_have_the_textbooks_error():
    p, units, frames = np.array([0.6, 0.3, 0.08, 0.02]), 300, 40
    table, bins = independent_frames(units, frames, p, np.random.default_rng(2))
    shares = np.stack([(bins == m).mean(axis=1) for m in range(4)])
    exactly = shares.std(axis=1, ddof=1) / np.sqrt(units) / shares.mean(axis=1)
    np.testing.assert_allclose(table.stderr, exactly, rtol=1e-9)
    # The variance of 300 blocks is known to a standard deviation of 8 %, so their root to 4 %; the rare bin's to 6 %.
    np.testing.assert_allclose(table.stderr, np.sqrt((1 - p) / (units * frames * p)), rtol=0.18)
    np.testing.assert_allclose(table.value, -np.log(shares.mean(axis=1)))


def test_a_bin_of_one_frame_is_known_within_a_factor_e():
    rng = np.random.default_rng(3)
    bins = rng.integers(0, 2, (10, 50))
    bins[4, 7] = 2
    fitted = ConditionalReweighting().fit([bins[..., None].astype(np.float32)], [1.0], temperature_unit="reduced")
    stderr = fitted.free_energy_surface(1.0, bins.ravel()).stderr
    assert stderr[2] == pytest.approx(1.0, rel=1e-9)  # a_u = 1 - 1/10 there and -1/10 in nine, each over 9/10: sum 1
    assert stderr[:2].max() < 0.2


def exact_bins(temperature, edges, e=1.0):
    """Shares of the bins of the toy's first feature: a Gaussian of width .3 about 0 or 1."""
    from scipy.stats import norm

    p = share(temperature, e)
    inner = (1 - p) * norm.cdf(edges, 0, 0.3) + p * norm.cdf(edges, 1, 0.3)
    return np.diff([0.0, *inner, 1.0])


@pytest.mark.parametrize("bath", [12, None], ids=["energies", "no energies"])
def test_intervals_of_a_surface_hold_the_exact_free_energy(bath):
    """Ten sets of MD, six bins, a temperature between and one beyond. Bins of one set are not independent."""
    edges, held = np.array([-0.3, 0.1, 0.5, 0.9, 1.3]), {1.4: [], 2.5: []}
    for seed in range(10):
        content = md(seed=seed, bath=bath, units=12)
        fitted = ConditionalReweighting(network=False).fit(**content)
        bins = np.digitize(flat([f[..., 0] for f in content["features"]]), edges)
        for T, own in held.items():
            table = fitted.free_energy_surface(T, bins, 6)
            F = -np.log(exact_bins(T, edges))
            own.append((table.low <= F) & (table.high >= F))
    for own in held.values():
        assert np.mean(own) >= binom.ppf(0.002, 20, 0.95) / 20  # as if two bins of a set told something new


def test_bins_of_a_state_that_is_not_assessable_have_no_error():
    content = md(units=6, frames=200)
    for T in (0, 1):
        content["states"][T] = content["states"][T].copy()
        content["states"][T][:, :3] = 2  # each walker leaves it once and for all
    content["state_names"] = ["zero", "one", "left"]
    fitted = ConditionalReweighting(network=False).fit(**content)
    states = flat(content["states"])
    bins = states * 2 + (np.arange(len(states)) % 2)
    told, all_of_it = verdict.surface(fitted, 1.3, bins, 7), fitted.free_energy_surface(1.3, bins, 7)
    pd.testing.assert_frame_equal(told.loc[:3], all_of_it.loc[:3])
    assert all_of_it.stderr[:6].notna().all()
    assert told.loc[4:5].drop(columns="value").isna().all(axis=None)
    np.testing.assert_array_equal(told.value, all_of_it.value)


@pytest.mark.parametrize(
    "bins", [np.zeros(3, int), np.zeros(4800), np.full(4800, -1)], ids=["few", "float", "negative"]
)
def test_bins_that_are_none_are_refused(fitted, bins):
    with pytest.raises(ThermolatentError, match=r"bins: .*must be \(4800,\) whole numbers"):
        fitted.free_energy_surface(1.3, bins)
