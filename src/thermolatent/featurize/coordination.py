"""Coordination numbers of identical particles, in forms that do not depend on how the particles are numbered.

c_i = sum over j != i of [1 - (r_ij / r0)^n] / [1 - (r_ij / r0)^m]; arXiv:2507.03174 has r0 = 1.5 sigma, n = 8, m = 16.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.featurize.base import Columns, Feature


class _Coordination(Feature):
    """Parameters of the switching function."""

    r0: float = Field(1.5, gt=0, description="distance (nm) around which a neighbour stops counting")
    n: int = Field(8, ge=2, description="exponent of the numerator, even")
    m: int = Field(16, ge=4, description="exponent of the denominator, even, larger than n")

    @model_validator(mode="after")
    def _exponents_fit(self):
        if self.n % 2 or self.m % 2 or self.m <= self.n:
            raise ValueError(
                f"n: exponents {self.n} and {self.m} must be even and m larger than n; write e.g. 8 and 16"
            )
        return self

    def coordination(self, positions: np.ndarray) -> np.ndarray:
        """c_i of each particle, ``(frames, n_particles)`` float64, from positions ``(frames, n_particles, 3)``."""
        positions = np.asarray(positions, dtype=np.float64)
        particles = positions.shape[1]
        first, second = np.triu_indices(particles, 1)
        squared = np.sum((positions[:, first] - positions[:, second]) ** 2, axis=-1) / self.r0**2
        power = squared ** (self.n // 2)
        if self.m == 2 * self.n:
            pair = 1.0 / (1.0 + power)
        else:
            with np.errstate(invalid="ignore"):
                pair = (1.0 - power) / (1.0 - squared ** (self.m // 2))
            # at r0 both vanish; the ratio tends to n/m
            pair = np.where(np.abs(squared - 1.0) < 1e-9, self.n / self.m, pair)
        ends = np.zeros((len(first), particles))
        ends[np.arange(len(first)), first] = ends[np.arange(len(first)), second] = 1.0
        return pair @ ends


class SortedCoordination(_Coordination):
    """Coordination numbers in ascending order."""

    kind: Literal["sorted_coordination"] = "sorted_coordination"

    def on(self, topology) -> Columns:
        names = [f"c{i + 1}" for i in range(topology.n_atoms)]
        return Columns(names, lambda positions: np.sort(self.coordination(positions), axis=1))


class CoordinationMoments(_Coordination):
    """Second and third central moments of the coordination numbers, mu2 and mu3."""

    kind: Literal["coordination_moments"] = "coordination_moments"

    def on(self, topology) -> Columns:
        return Columns(["mu2", "mu3"], self._moments)

    def _moments(self, positions: np.ndarray) -> np.ndarray:
        numbers = self.coordination(positions)
        deviation = numbers - numbers.mean(axis=1, keepdims=True)
        return np.stack([np.mean(deviation**2, axis=1), np.mean(deviation**3, axis=1)], axis=1)
