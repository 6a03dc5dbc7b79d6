"""Correlation in time: statistical inefficiency, memory, blocks and visits, against known series and pymbar."""

import numpy as np
import pytest
from pymbar import timeseries
from scipy.signal import lfilter

from thermolatent.correlation import consecutive, memory, runs, statistical_inefficiency, visits
from thermolatent.reweight.units import MEMORIES, block_length, blocks


def ar1(a: float, frames: int, seed: int = 0, pieces: int = 1) -> list[np.ndarray]:
    """x_t = a x_{t-1} + noise, begun in equilibrium; autocorrelation a^lag."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((pieces, frames)) * np.sqrt(1 - a**2)
    steps[:, 0] = rng.standard_normal(pieces)
    return list(lfilter([1], [1, -a], steps, axis=1))


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9, 0.97])
def test_statistical_inefficiency_is_pymbars(a):
    (series,) = ar1(a, 5000)
    assert statistical_inefficiency([series]) == pytest.approx(timeseries.statistical_inefficiency(series), rel=1e-9)


@pytest.mark.parametrize("a", [0.5, 0.9, 0.97])
def test_statistical_inefficiency_of_an_exponential(a):
    exact = (1 + a) / (1 - a)
    assert statistical_inefficiency(ar1(a, 20_000, pieces=10)) == pytest.approx(exact, rel=0.1)


def test_pieces_are_not_joined():
    """Walkers at different places: about the common mean, but no lag from one to the next."""
    pieces = ar1(0.5, 20, pieces=2000)
    assert statistical_inefficiency(pieces) == pytest.approx(3, rel=0.15)
    joined = statistical_inefficiency([np.concatenate(pieces)])
    assert joined < statistical_inefficiency(pieces)


@pytest.mark.parametrize("series", [[np.ones(10)], [np.zeros(1)], [np.arange(2.0)], [np.zeros(3), np.zeros(1)]])
def test_of_series_without_anything_in_them(series):
    assert statistical_inefficiency(series) >= 1
    assert memory(series) >= 0
    assert block_length(series) >= 1


@pytest.mark.parametrize("a", [0.5, 0.9, 0.97])
def test_memory_of_an_exponential_is_its_correlation_time(a):
    """Mean lag of a^lag: 1/(1 - a). Rather longer, as noise is summed up to where it first is negative."""
    found = np.array([memory(ar1(a, 20_000, seed, pieces=4)) for seed in range(8)]) * (1 - a)
    assert (found > 0.7).all()
    assert np.median(found) < 1.6


def test_blocks_are_ten_memories_of_the_slowest_series_and_their_means_nearly_independent():
    fast, slow = ar1(0.3, 100_000)[0], ar1(0.9, 100_000, seed=1)[0]
    length = block_length([fast, slow])
    assert length == block_length([slow])
    assert 0.8 < length / (MEMORIES * 10) < 2.5
    number = blocks(len(slow), length)
    counts = np.bincount(number)
    assert counts.min() >= length
    assert np.ptp(counts) <= 1
    means = np.bincount(number, slow) / counts
    # Independent blocks: variance of their mean is that of length/g frames, g = 19; short by a tenth or less.
    assert means.var() * counts.mean() / slow.var() == pytest.approx(0.95 * 19, rel=0.15)


@pytest.mark.parametrize(
    ("frames", "length", "expected"), [(7, 3, [0, 0, 0, 0, 1, 1, 1]), (2, 5, [0, 0]), (3, 1, [0, 1, 2])]
)
def test_blocks_by_hand(frames, length, expected):
    np.testing.assert_array_equal(blocks(frames, length), expected)


def test_runs_and_consecutive():
    assert runs(np.array([4, 4, 1, 4])) == [slice(0, 2), slice(2, 3), slice(3, 4)]
    assert consecutive([2, 0, 1]) == [slice(0, 2), slice(2, 2), slice(2, 3)]


def test_visits_by_hand():
    inside = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0], bool)
    lengths, whole = visits(inside, [slice(0, 6), slice(6, 12)])
    np.testing.assert_array_equal(lengths, [2, 1, 3, 1])
    np.testing.assert_array_equal(whole, [False, True, False, True])
