"""Start-up: the part at the beginning of the MD in which walkers relax to equilibrium.

There is start-up if the mean over all walkers of some beginning, from 1/64 to a half of the MD, differs significantly from
that of the rest, both by the variance between walkers and by the correlation time of the second half. It ends where the
standard error of the mean of the rest, as if its points were independent, is smallest (the rule MSER; White, Simulation 69,
323 (1997)). A cut by the statistical inefficiency of the rest (Chodera, J. Chem. Theory Comput. 12, 1799 (2016)) would remove
half of a stationary run or more if walkers visit a state rarely.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtr

from thermolatent.correlation import runs, statistical_inefficiency
from thermolatent.frames import Frames
from thermolatent.reweight.sample import Sample

log = logging.getLogger(__name__)

#: A series is averaged over blocks to at most this many points.
MOST_POINTS = 200
#: Probability that anything of a stationary run is left out, over all series of one temperature.
CHANCE = 0.01
#: At most this share of a run is left out; with more start-up nothing is trusted.
MOST_LEFT_OUT = 0.5
#: The cut is searched in this part of a run, with at least this many points.
_SOUGHT_IN, _LEAST_POINTS = 0.8, 8
#: With fewer walkers than this their variance is not used. The second half must then have this many independent points for the
#: correlation time, and significance must be this many times higher.
_LEAST_WALKERS, _LEAST_INDEPENDENT, _SURER = 4, 20, 100


def start_up(series: Sequence[np.ndarray]) -> float:
    """Share of the frames that is start-up in any of several quantities, ``(walkers, frames)`` each."""
    return max((_cut(np.asarray(values, float), CHANCE / len(series)) for values in series), default=0.0)


def without_start_up(sample: Sample, frames: Frames) -> tuple[Sample, np.ndarray]:
    """The sample with count 0 for start-up, and the share of start-up at each temperature, ``(K,)``.

    At most :data:`MOST_LEFT_OUT` is left out. Only runs with their first frame can have start-up: walkers, and imported
    trajectories that are used from their first frame. Nothing is left out if fewer than two independent pieces would remain.
    """
    counts, found = sample.counts.copy(), np.zeros(len(sample.temperatures))
    for k, pieces in enumerate(_beginnings(frames)):
        length = min(map(len, pieces), default=0)
        if length < _LEAST_POINTS:
            continue
        rows = np.stack([piece[:length] for piece in pieces])
        states = sample.states[rows]
        series = [states == s for s in np.unique(states)]
        if sample.energies is not None:
            series.append(sample.energies[rows])
        share = start_up(series)
        if share == 0:
            continue
        found[k] = share * rows.size / (sample.which == k).sum()
        tried = counts.copy()
        tried[rows[:, : int(np.ceil(min(share, MOST_LEFT_OUT) * length))]] = 0
        here = sample.which == k
        if np.count_nonzero(np.bincount(sample.unit[here], tried[here])) >= 2:
            counts = tried
    for T, share in zip(sample.temperatures, found, strict=True):
        if share > 0:
            log.info("T = %g: the first %.1f %% of the MD is start-up and left out", T, 100 * share)
    return replace(sample, counts=counts), found


def _beginnings(frames: Frames) -> list[list[np.ndarray]]:
    """Per temperature the frame numbers of each run that is used from its first frame."""
    found, first = [], 0
    series = frames.series
    for T in frames.kT:
        walkers, length = frames.shape(T)
        own = [np.arange(first + s.start, first + s.stop) for s in runs(series[first : first + walkers * length])]
        if T in frames.chains:
            own = []  # a Markov model takes care of the starts
        elif T in frames.pieces:
            own = [piece for piece in own if frames.pieces[T][(piece[0] - first) // length, 1] == 0]
        found.append(own)
        first += walkers * length
    return found


def _cut(values: np.ndarray, chance: float) -> float:
    """Share of one quantity before the cut; 0 if the p-value of stationarity is above ``chance``."""
    edges = np.linspace(0, values.shape[1], min(values.shape[1], MOST_POINTS) + 1).astype(int)
    points = np.add.reduceat(values, edges[:-1], axis=1) / np.diff(edges)
    if points.shape[1] < _LEAST_POINTS or np.ptp(points) <= 1e-12 * np.abs(points).max() or _chance(points) > chance:
        return 0.0
    mean, n = points.mean(axis=0), points.shape[1]
    spread = [mean[t:].var() / (n - t) for t in range(int(_SOUGHT_IN * n))]
    return float(edges[int(np.argmin(spread))] / values.shape[1])


def _chance(points: np.ndarray) -> float:
    """p-value of stationarity of ``points`` ``(walkers, n)``: of the difference between beginning and rest."""
    walkers, n = points.shape
    tried = [t for t in (n >> j for j in range(1, 7)) if t > 0]
    late = points[:, n // 2 :]
    g = statistical_inefficiency(list(late))
    own = len(tried) * min(_by_time(points, late, g, t) for t in tried)
    if walkers >= _LEAST_WALKERS:
        return max(own, len(tried) * min(_by_walkers(points, t) for t in tried))
    return _SURER * own if late.size / g >= _LEAST_INDEPENDENT and np.ptp(late) > 0 else 1.0


def _by_walkers(points: np.ndarray, t: int) -> float:
    """p-value of the difference between the first ``t`` points and the others, by its variance between walkers."""
    difference = points[:, :t].mean(axis=1) - points[:, t:].mean(axis=1)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return _two_sided(difference.mean(), error, len(difference) - 1)


def _by_time(points: np.ndarray, late: np.ndarray, g: float, t: int) -> float:
    """As :func:`_by_walkers`, by the variance of the second half ``late`` and its statistical inefficiency ``g``."""
    walkers, n = points.shape
    error = np.sqrt(late.var() * g / walkers * (1 / max(t, g) + 1 / (n - t)))
    return _two_sided(points[:, :t].mean() - points[:, t:].mean(), error, max(late.size / g - 1, 1.0))


def _two_sided(difference: float, error: float, freedom: float) -> float:
    if error == 0:
        return float(difference == 0)
    return float(2 * stdtr(freedom, -abs(difference) / error))
