"""Reweighting-informed training: frames are drawn with their weights at temperatures of the whole learning range.

Temperatures are drawn uniformly in 1/kT, frames with the weights of conditional reweighting. The share of weighted frames at
a temperature grows with its effective sample size; the other frames are drawn from the training temperatures, as in the
papers' objective.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thermolatent.sampling import systematic_resample

#: Number of effective frames at which half of a temperature's frames are drawn with weights.
TRUST_HALF = 1000.0
#: Temperatures per pool, one from each of as many equal intervals of 1/kT.
_TEMPERATURES = 32


class InformedPool:
    """A pool of (frame, temperature) pairs, drawn again every ``pool_steps`` optimiser steps.

    Parameters
    ----------
    weights: temperature -> w_n(T), ``(N,)``, which include the frames' counts.
    inverse_range: lowest and highest 1/T of the learning range.
    counts: how often each frame counts, ``(N,)``; 0 for held-out frames.
    frame_temperature: temperature of each frame, ``(N,)``.
    per_step: pairs per optimiser step.
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
        """Frames ``(per_step,)`` and their temperatures for optimiser step 0, 1, ...; a function of ``step`` and seed only."""
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
        for count, T in zip(np.diff(np.arange(_TEMPERATURES + 1) * size // _TEMPERATURES), temperatures, strict=True):
            weight = self.weights(T)[self.rows]  # may be tiny: the sum over all frames is 1
            weight = weight / max(weight.max(), np.finfo(float).tiny)
            n_effective = weight.sum() ** 2 / max((weight**2).sum(), np.finfo(float).tiny)
            trusted = round(count * n_effective / (n_effective + TRUST_HALF))
            drawn = self.rows[systematic_resample(weight, trusted, rng)]
            fallback = rng.choice(self.rows, count - trusted, p=self._shares)
            frames += [drawn, fallback]
            at += [np.full(trusted, T), self.frame_temperature[fallback]]
        order = rng.permutation(size)
        return np.concatenate(frames)[order], np.concatenate(at)[order]
