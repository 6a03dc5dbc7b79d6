"""Coordination numbers of identical particles, in forms that do not depend on how the particles are numbered.

c_i = sum over j != i of [1 - (r_ij / r0)^n] / [1 - (r_ij / r0)^m]; arXiv:2507.03174 has r0 = 1.5 sigma, n = 8, m = 16.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from thermolatent.featurize.base import Columns, Feature
from thermolatent.featurize.plumed import Action, Value, function, of_atoms


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

    def _plumed(self, particles: int) -> list[Value]:
        """:meth:`coordination` as PLUMED computes it; without D_MAX it neither cuts nor stretches the function."""
        switch = f"SWITCH={{RATIONAL R_0={self.r0!r} NN={self.n} MM={self.m}}}"
        others = [[j for j in range(particles) if j != i] for i in range(particles)]
        return [of_atoms("COORDINATION", switch, GROUPA=[i], GROUPB=rest) for i, rest in enumerate(others)]


class SortedCoordination(_Coordination):
    """Coordination numbers in ascending order."""

    kind: Literal["sorted_coordination"] = "sorted_coordination"

    def on(self, topology) -> Columns:
        names = [f"c{i + 1}" for i in range(topology.n_atoms)]

        def plumed() -> list[Value]:
            ordered = Action("SORT", arguments=tuple(self._plumed(topology.n_atoms)))
            return [Value(ordered, str(i + 1)) for i in range(topology.n_atoms)]

        return Columns(names, lambda positions: np.sort(self.coordination(positions), axis=1), plumed=plumed)


class CoordinationMoments(_Coordination):
    """Second and third central moments of the coordination numbers, mu2 and mu3."""

    kind: Literal["coordination_moments"] = "coordination_moments"

    def on(self, topology) -> Columns:
        def plumed() -> list[Value]:
            numbers, n = self._plumed(topology.n_atoms), topology.n_atoms
            mean = function(f"({'+'.join(f'a{i}' for i in range(n))})/{n}", *numbers)
            formulas = (f"({'+'.join(f'(a{i}-a{n})^{power}' for i in range(n))})/{n}" for power in (2, 3))
            return [function(formula, *numbers, mean) for formula in formulas]

        return Columns(["mu2", "mu3"], self._moments, plumed=plumed)

    def _moments(self, positions: np.ndarray) -> np.ndarray:
        numbers = self.coordination(positions)
        deviation = numbers - numbers.mean(axis=1, keepdims=True)
        return np.stack([np.mean(deviation**2, axis=1), np.mean(deviation**3, axis=1)], axis=1)
