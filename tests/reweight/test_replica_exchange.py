"""Replica exchange: blocks of time across all temperatures are the independent units, temperatures are not."""

import numpy as np
import pytest
from reweight.replica_exchange import TEMPERATURES, content, replica_exchange
from reweight.two_states import share
from scipy.stats import binom

from thermolatent import ConditionalReweighting
from thermolatent.errors import ThermolatentError
from thermolatent.reweight.units import block_length, blocks

ASKED = (1.0, 1.2, 1.7)


def judged(sets: int, frames: int = 3000, visit: float = 15.0) -> dict[bool, np.ndarray]:
    """Held intervals, squared errors and squared standard errors ``(3, sets, asked)``, by whether units are shared."""
    rng, found = np.random.default_rng(0), {True: [], False: []}
    for states in replica_exchange(sets, frames, 1.0, visit, 0):
        units = blocks(frames, block_length([states.mean(axis=0)]))
        given = content(states, units, rng)
        for shared, rows in found.items():
            fitted = ConditionalReweighting(network=False).fit(**given, shared_units=shared)
            told = [(fitted.populations(T).iloc[1], share(T, 1.0)) for T in ASKED]
            rows.append([[r.low <= p <= r.high, (r.value - p) ** 2, r.stderr**2] for r, p in told])
    return {shared: np.array(rows, float).transpose(2, 0, 1) for shared, rows in found.items()}


def test_the_toy_has_the_exact_shares():
    states = replica_exchange(100, 2000, 1.0, 20.0, 1)
    np.testing.assert_allclose(states.mean(axis=(0, 2)), [share(T, 1.0) for T in TEMPERATURES], atol=0.01)


def test_errors_of_blocks_are_the_true_ones_and_of_temperatures_apart_too_small():
    found = judged(12)
    held, error, stderr = found[True]
    assert (held.sum(0) >= binom.ppf(0.002, 12, 0.95)).all()
    assert 0.7 < np.sqrt(error.mean() / stderr.mean()) < 1.3
    apart = found[False][2]
    assert np.sqrt(apart[:, 2].mean() / stderr[:, 2].mean()) < 0.87  # between the temperatures all of them count


@pytest.mark.slow
def test_intervals_hold_200_sets():
    found = judged(200)
    held, error, stderr = found[True]
    assert (held.sum(0) >= 0.915 * 200).all()
    assert np.sqrt(error.mean() / stderr.mean()) == pytest.approx(1, abs=0.15)
    assert (found[False][0].sum(0)[1:] < held.sum(0)[1:]).all()


@pytest.mark.parametrize("network", [False, True], ids=["states", "network"])
def test_units_of_one_temperature_only(network):
    """Shared, but each at one temperature, and too few of the middle one for two halves: as good as apart."""
    rng = np.random.default_rng(2)
    (states,) = replica_exchange(1, 2000, 1.0, 20.0, 3)
    own = blocks(2000, 200)
    given = content(states, own, rng) | {"units": [own, 100 + own // 4, 200 + own]}
    together = ConditionalReweighting(network=network).fit(**given, shared_units=True).populations(1.2)
    apart = ConditionalReweighting(network=False).fit(**given).populations(1.2)
    np.testing.assert_allclose(together.value, apart.value, atol=1e-6)
    np.testing.assert_allclose(together.sampling, apart.sampling, rtol=0.3)


def test_a_temperature_within_one_unit_is_refused():
    (states,) = replica_exchange(1, 2000, 1.0, 20.0, 3)
    own = blocks(2000, 200)
    given = content(states, own, np.random.default_rng(0)) | {"units": [own, np.full(2000, 1), own]}
    with pytest.raises(ThermolatentError, match=r"^units: all frames at T = 1.4 are of one unit"):
        ConditionalReweighting().fit(**given, shared_units=True)


def test_one_block_is_refused():
    (states,) = replica_exchange(1, 100, 1.0, 20.0, 3)
    given = content(states, np.zeros(100, int), np.random.default_rng(0))
    with pytest.raises(ThermolatentError, match=r"^units: 1 of replica exchange; an error bar needs two"):
        ConditionalReweighting().fit(**given, shared_units=True)
