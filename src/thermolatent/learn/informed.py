"""Reweighting-informed training: frames drawn as if MD had been run at temperatures between (and beyond) the training ones.

Temperatures are drawn uniformly in 1/kT over the learning range, frames with the weights of conditional reweighting. Each
temperature is trusted by its effective sample size; the rest of its share falls back to frames of the training
temperatures, that is to the papers' objective.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thermolatent.sampling import systematic_resample

#: Effective frames at which a temperature's weights get half of its share.
TRUST_HALF = 1000.0
#: Temperatures per pool, one drawn from each of as many equal intervals of 1/kT.
_TEMPERATURES = 32


class InformedPool:
    """A pool of (frame, temperature) pairs, drawn anew every ``pool_steps`` optimiser steps.

    Parameters
    ----------
    weights: temperature -> w_n(T), ``(N,)``; how often frames count is in them.
    inverse_range: lowest and highest 1/T of the learning range.
    counts: how often each frame counts, ``(N,)``, 0 for those that training may not use.
    frame_temperature: temperature of each frame, ``(N,)``, for the share that is not trusted.
    per_step: pairs that one step takes.
    """

    def __init__(
        self,
        weights: Callable[[float], np.ndarray],
        inverse_range: tuple[float, float],
        counts: np.ndarray,
        frame_temperature: np.ndarray,
        per_step: int,
        pool_steps: int,
        seed: int,
    ):
        self.weights, self.inverse_range = weights, inverse_range
        self.rows = np.flatnonzero(counts)
        own = counts[self.rows].astype(np.float64)
        self._shares = None if np.ptp(own) == 0 else own / own.sum()
        self.frame_temperature = frame_temperature
        self.per_step, self.pool_steps, self.seed = per_step, pool_steps, seed
        self._index, self._pool = -1, (np.empty(0, np.int64), np.empty(0))

    def draw(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames ``(per_step,)`` and their temperatures for optimiser step ``step`` = 0, 1, ...; a function of it alone."""
        index, offset = divmod(step, self.pool_steps)
        if index != self._index:
            self._index, self._pool = index, self._fill(np.random.default_rng([self.seed, index]))
        part = slice(offset * self.per_step, (offset + 1) * self.per_step)
        return self._pool[0][part], self._pool[1][part]

    def _fill(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        size = self.per_step * self.pool_steps
        low, high = self.inverse_range
        places = (np.arange(_TEMPERATURES) + rng.random(_TEMPERATURES)) / _TEMPERATURES
        temperatures = 1 / (low + (high - low) * places)
        frames, at = [], []
        for count, T in zip(_even_counts(size, _TEMPERATURES), temperatures, strict=True):
            weight = self.weights(T)[self.rows]  # of sum 1 over all frames; these may have next to none of it
            weight = weight / max(weight.max(), np.finfo(float).tiny)
            n_effective = weight.sum() ** 2 / max((weight**2).sum(), np.finfo(float).tiny)
            trusted = round(count * n_effective / (n_effective + TRUST_HALF))
            drawn = self.rows[systematic_resample(weight, trusted, rng)]
            fallback = rng.choice(self.rows, count - trusted, p=self._shares)
            frames += [drawn, fallback]
            at += [np.full(trusted, T), self.frame_temperature[fallback]]
        order = rng.permutation(size)
        return np.concatenate(frames)[order], np.concatenate(at)[order]


def _even_counts(total: int, parts: int) -> np.ndarray:
    return np.diff(np.arange(parts + 1) * total // parts)
