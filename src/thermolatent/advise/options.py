"""Options of what to simulate next, each with the error to expect from it and its cost."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from thermolatent.advise.expected import Expectation, NewMd
from thermolatent.advise.want import Want
from thermolatent.errors import ThermolatentError
from thermolatent.markov import LEAST_FRAMES, with_lag
from thermolatent.reweight.influence import Parts, share_interval
from thermolatent.reweight.sample import LEAST_DIFFERENCE

#: Amounts of new MD that are tried, in units of the mean MD of a training temperature, each twice the one before.
AMOUNTS = tuple(2.0**n for n in range(-2, 5))


@dataclass(frozen=True)
class Md:
    """How MD is run, for its cost.

    Attributes
    ----------
    walkers, frames: of each training temperature, ``frames`` by temperature.
    interval: between frames, in ps, or the reduced unit of time.
    equilibration: of each new walker, in frames.
    reseedable: whether walkers can start from frames of the MD, which need none.
    frames_per_second: speed of this study's MD, of all walkers together; None without records.
    """

    walkers: int
    frames: Mapping[float, int]
    interval: float
    equilibration: float
    frames_per_second: float | None
    reseedable: bool = False

    def cost(self, new: NewMd, reseeds: bool = False) -> tuple[float, float | None]:
        """Simulated time, equilibration of new walkers included, and seconds; None for the seconds without records."""
        equilibrated = reseeds or new.temperature in self.frames
        frames = new.walkers * (new.frames + (0.0 if equilibrated else self.equilibration))
        return frames * self.interval, frames / self.frames_per_second if self.frames_per_second else None


@dataclass(frozen=True)
class Option:
    """MD that could be run next.

    Attributes
    ----------
    md: it.
    extends: whether its temperature is a training one.
    reseeds: whether its walkers start from frames of the MD, drawn by their weights at its temperature.
    half: half of the expected 95 % interval.
    farther: the farther end's distance from the value: within the goal, the option reaches it.
    each: simulated time of each walker, after its equilibration.
    time, seconds: of :meth:`Md.cost`.
    """

    md: NewMd
    extends: bool
    reseeds: bool
    half: float
    farther: float
    each: float
    time: float
    seconds: float | None


def interval_of(values: np.ndarray, parts: Parts, s: int) -> tuple[float, float]:
    """Half of the 95 % interval of the s-th share, and the distance of its farther end."""
    low, high = (float(end[s]) for end in share_interval(values, parts))
    return (high - low) / 2, max(high - values[s], values[s] - low)


def new_temperatures(trained: Sequence[float], asked: float, reduced: bool) -> list[float]:
    """The asked temperature, and the middle of each gap between it and the training temperatures."""
    ends = sorted({*trained, asked})
    middles = [_rounded((a * b) ** 0.5, reduced) for a, b in itertools.pairwise(ends)]
    return sorted(T for T in {asked, *middles} if not _is_trained(T, trained))


def check_new(temperatures: Sequence[float], trained: Sequence[float]) -> None:
    """Raise :class:`ThermolatentError` for a temperature with training MD."""
    for T in temperatures:
        if _is_trained(T, trained):
            raise ThermolatentError(
                f"--temperatures: {T:g} is trained already, and extending it is an option in any case; leave it out"
            )


def options(expectation: Expectation, want: Want, within: float, md: Md, temperatures: Sequence[float]) -> list[Option]:
    """For each training temperature and each new one the least MD that reaches the goal, else as much as one has now; a new one
    reseeded, too, where that saves an equilibration.

    In ascending order of cost. ``within``: how far the ends of the 95 % interval may be from the value.
    """
    typical = sum(md.frames.values()) / len(md.frames)
    s, value = expectation.reweighting.state_names.index(want.state), expectation.present(want.temperature)[0]

    @cache
    def expected(T: float, amount: float) -> tuple[int, float, float]:
        frames = max(LEAST_FRAMES, round(amount * typical))
        new = NewMd(T, md.walkers, frames)
        return frames, *interval_of(value, expectation.parts(want.temperature, new), s)

    def least(T: float, reseeds: bool = False) -> Option:
        amount = 1.0
        if expected(T, AMOUNTS[-1])[2] <= within:
            amount = AMOUNTS[bisect_left(AMOUNTS, True, key=lambda amount: expected(T, amount)[2] <= within)]
        frames, half, farther = expected(T, amount)
        new = NewMd(T, md.walkers, with_lag(frames) if reseeds else frames)
        return Option(new, T in md.frames, reseeds, half, farther, new.frames * md.interval, *md.cost(new, reseeds))

    found = [least(T) for T in (*md.frames, *temperatures)]
    if md.reseedable and md.equilibration:
        found += [least(T, reseeds=True) for T in temperatures]
    return sorted(found, key=lambda option: option.time)


def _is_trained(T: float, trained: Sequence[float]) -> bool:
    return any(abs(T - other) <= LEAST_DIFFERENCE * other for other in trained)


def _rounded(T: float, reduced: bool) -> float:
    """Whole kelvin; two significant digits in reduced units."""
    return float(f"{T:.2g}") if reduced else float(round(T))
