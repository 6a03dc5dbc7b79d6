"""Influences of units on predictions, and the three parts of an error bar.

The influence of a unit is the derivative of a prediction by the unit's weight, including the change of the fit. The variance
of a prediction is

    sampling   by stratum, the variance of the units' influences; of reseeded MD with those on the counts of all its frames
    form       the prior as one more unit: the error of the assumed dependence on temperature
    visits     one visit more or less of each state at each training temperature: the error due to few visits

The influences of a function of predictions are a linear combination of theirs (the delta method), which includes the
correlation of predictions from the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

#: Confidence of every interval.
CONFIDENCE = 0.95
#: Half of a normal interval in standard errors.
NORMAL = ndtri((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Partition:
    """Units, states and temperatures of the cells, and the length of visits.

    Attributes
    ----------
    unit, state, which, chain: of each cell, ``(cells,)``.
    stratum: set of independently drawn units that each unit belongs to, ``(units,)``: a half of a temperature's walkers.
    home: index of each stratum's temperature, ``(strata,)``; -1 if units span all temperatures.
    frames: counted frames of each cell, ``(cells,)``.
    visit: mean length in counted frames of a visit of each state at each training temperature, ``(K, S)``.
    response: derivative of the logarithm of the counts in a Markov state by the weight of each unit, ``(units, chains)``.
    """

    unit: np.ndarray
    state: np.ndarray
    which: np.ndarray
    chain: np.ndarray
    stratum: np.ndarray
    home: np.ndarray
    frames: np.ndarray
    visit: np.ndarray
    response: np.ndarray

    def by_unit(self, cells: np.ndarray) -> np.ndarray:
        """Sums over the cells of each unit: ``(cells, ...)`` to ``(units, ...)``."""
        found = np.zeros((len(self.stratum), *cells.shape[1:]))
        np.add.at(found, self.unit, cells)
        return found

    def by_response(self, cells: np.ndarray) -> np.ndarray:
        """What each unit changes by the counts of all frames: ``(cells, ...)`` to ``(units, ...)``."""
        sums = np.zeros((self.response.shape[1], *cells.shape[1:]))
        np.add.at(sums, self.chain, cells)
        return np.tensordot(self.response, sums, axes=1)

    def by_state(self, cells: np.ndarray) -> np.ndarray:
        """Sums over the cells of each temperature and state: ``(cells, ...)`` to ``(K, S, ...)``."""
        found = np.zeros((*self.visit.shape, *cells.shape[1:]))
        np.add.at(found, (self.which, self.state), cells)
        return found


@dataclass(frozen=True)
class Parts:
    """Variances of ``m`` predictions.

    Attributes
    ----------
    sampling: by stratum, ``(strata, m)``.
    form, visits, model: ``(m,)``; the last is the contribution of a density model.
    degrees_of_freedom: of the total, by Satterthwaite, ``(m,)``; form, visits and model have infinitely many.
    """

    sampling: np.ndarray
    form: np.ndarray
    visits: np.ndarray
    degrees_of_freedom: np.ndarray
    model: np.ndarray | float = 0.0

    @classmethod
    def of(cls, sampling: np.ndarray, freedom: np.ndarray, form: np.ndarray, visits: np.ndarray) -> Parts:
        """With Satterthwaite's degrees of freedom, from those of each stratum, ``(strata,)``."""
        total = sampling.sum(0) + form + visits
        spread = (sampling**2 / freedom[:, None]).sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return cls(sampling, form, visits, np.where(spread > 0, total**2 / spread, np.inf))

    @property
    def total(self) -> np.ndarray:
        """Variance, ``(m,)``."""
        return self.sampling.sum(0) + self.form + self.visits + self.model

    def with_model(self, variance: np.ndarray) -> Parts:
        """The same with a density model's own variance ``(m,)``."""
        wider = replace(self, model=np.asarray(variance, float))
        with np.errstate(divide="ignore", invalid="ignore"):
            degrees = self.degrees_of_freedom * np.where(self.total > 0, wider.total / self.total, 1.0) ** 2
        return replace(wider, degrees_of_freedom=degrees)

    @property
    def halves(self) -> dict[str, np.ndarray]:
        """Half width of the interval by each cause alone, ``(m,)``."""
        variances = {"sampling": self.sampling.sum(0), "form": self.form, "visits": self.visits, "model": self.model}
        return {name: self.quantile * np.sqrt(variance) for name, variance in variances.items()}

    @property
    def stderr(self) -> np.ndarray:
        return np.sqrt(self.total)

    @property
    def quantile(self) -> np.ndarray:
        """Student's t of :data:`CONFIDENCE`, ``(m,)``."""
        return stdtrit(np.maximum(self.degrees_of_freedom, 1.0), (1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Influences:
    """``m`` predictions with their influences.

    Attributes
    ----------
    values: ``(m,)``.
    cells: influence of each cell, ``(cells, m)``.
    weighted: H^-1 dm/dtheta, ``(P, m)``.
    unvisited: influence of a frame in a state without frames at a temperature, ``(K, S, m)``; NaN for states with frames.
    precision: diagonal of Lambda, ``(P,)``.
    partition: of the cells.
    """

    values: np.ndarray
    cells: np.ndarray
    weighted: np.ndarray
    unvisited: np.ndarray
    precision: np.ndarray
    partition: Partition

    def map(self, values: np.ndarray, jacobian: np.ndarray) -> Influences:
        """Functions of the predictions: their ``values`` ``(m',)`` and derivatives ``jacobian`` ``(m, m')``, or ``(m,)`` if each
        is a function of one prediction."""
        times = np.multiply if jacobian.ndim == 1 else np.matmul
        own = (times(part, jacobian) for part in (self.cells, self.weighted, self.unvisited))
        return Influences(np.asarray(values, float), *own, self.precision, self.partition)

    @staticmethod
    def joined(parts: list[Influences]) -> Influences:
        """The predictions of several parts of one fit, concatenated."""
        first = parts[0]
        names = ("values", "cells", "weighted", "unvisited")
        return Influences(
            *(np.concatenate([getattr(p, n) for p in parts], axis=-1) for n in names), first.precision, first.partition
        )

    def units(self) -> np.ndarray:
        """Influence of each unit minus its share of the stratum's, ``(units, m)``: of sum 0 in each stratum."""
        own, frames = self.partition.by_unit(self.cells), self.partition.by_unit(self.partition.frames)
        own += self.partition.by_response(self.cells)
        for s in np.unique(self.partition.stratum):
            members = self.partition.stratum == s
            share = frames[members] / frames[members].sum()
            own[members] -= share[:, None] * own[members].sum(0)
        return own

    def parts(self) -> Parts:
        """Variances by cause, with Satterthwaite's degrees of freedom."""
        return Parts.of(*self.sampling(), self.form, self.visits())

    def sampling(self) -> tuple[np.ndarray, np.ndarray]:
        """Variance of the units' influences by stratum, ``(strata, m)``, and its degrees of freedom, ``(strata,)``."""
        own, partition = self.units(), self.partition
        frames = partition.by_unit(partition.frames)
        strata = np.unique(partition.stratum)
        variance, freedom = np.empty((len(strata), len(self.values))), np.empty(len(strata))
        for i, s in enumerate(strata):
            members = partition.stratum == s
            share = frames[members] / frames[members].sum()
            variance[i] = (own[members] ** 2 / (1 - share)[:, None]).sum(0)
            freedom[i] = 1 / (share**2).sum() - 1
        return variance, freedom

    @property
    def form(self) -> np.ndarray:
        """Variance by the prior, ``(m,)``."""
        return self.precision @ self.weighted**2

    def visits(self) -> np.ndarray:
        """Variance by one visit of each state at each temperature, ``(m,)``."""
        return (self._visits() ** 2).sum((0, 1))

    def covariance(self) -> np.ndarray:
        """Covariance of the predictions, ``(m, m)``; its diagonal is the variance of :meth:`parts`."""
        own, partition, visits = self.units(), self.partition, self._visits()
        frames = partition.by_unit(partition.frames)
        share = frames / np.bincount(partition.stratum, frames)[partition.stratum]
        sampling = own.T @ (own / (1 - share)[:, None])
        form = self.weighted.T @ (self.precision[:, None] * self.weighted)
        return sampling + form + np.einsum("ksi,ksj->ij", visits, visits)

    def _visits(self) -> np.ndarray:
        """Square root of two times the influence of one visit of each state at each temperature, ``(K, S, m)``.

        The variance due to few visits is the sum of the squares. A visit replaces frames of all states including its own: a
        visit of a state with nearly all frames changes little.
        """
        partition = self.partition
        sums, frames = partition.by_state(self.cells), partition.by_state(partition.frames)
        here = frames.sum(1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.where(frames[..., None] > 0, sums / frames[..., None], self.unvisited)
            rest = (sums.sum(1, keepdims=True) - sums) / (here - frames)[..., None]
            moved = np.where((here > frames)[..., None], (inside - rest) * (1 - frames / here)[..., None], 0.0)
        return np.sqrt(2) * partition.visit[..., None] * np.nan_to_num(moved)


def linear_interval(values: np.ndarray, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals of unbounded quantities."""
    half = parts.quantile * parts.stderr
    return values - half, values + half


def share_interval(values: np.ndarray, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals of populations, on the logit scale; (0, 1) for a population of 0 or 1."""
    return logit_interval(values, parts.quantile * parts.stderr)


def logit_interval(values: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`share_interval`, from half widths of the intervals."""
    inside = np.clip(values, 1e-12, 1 - 1e-12)
    open_ended = (values <= 1e-12) | (values >= 1 - 1e-12)
    width = np.minimum(half / (inside * (1 - inside)), 700.0)
    low, high = expit(logit(inside) - width), expit(logit(inside) + width)
    return np.where(open_ended, 0.0, low), np.where(open_ended, 1.0, high)
