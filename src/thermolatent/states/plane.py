"""The named states of the fixed plane, and exact answers there for systems that know their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.states.named import GRID, corners, name_states
from thermolatent.states.sets import StateSet

if TYPE_CHECKING:
    from thermolatent.frames import Frames
    from thermolatent.states.settings import BasinStates, NearestStates
    from thermolatent.systems.base import System

#: Parts per axis into which a cell of the exact quadrature is divided between the named states.
SHARED = 4


class NamedPlane:
    """Named states on the fixed plane of a system.

    Parameters
    ----------
    spec: which states there are, ``validate.states`` of a study.
    edges: bins' edges of either coordinate, two arrays ``(bins + 1,)``.
    training: the training frames, over which the states are laid out.

    Attributes
    ----------
    names: of the states.
    assign: points ``(n, 2)`` to states ``(n,)``.
    """

    def __init__(
        self,
        system: System,
        spec: NearestStates | BasinStates,
        edges: Sequence[np.ndarray],
        training: Frames,
    ):
        self.system, self.edges = system, edges
        self.low, self.high = corners(training)
        self.names, assigner = name_states(spec, system, training)
        self.assign = assigner.assign
        self._known: dict[float, tuple[np.ndarray, np.ndarray] | None] = {}

    def exact(self, temperature: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Exact mass ``(cells - 1,)`` in the bins and populations ``(states,)``, or None where nobody knows them."""
        if temperature not in self._known:
            mass = self.system.exact_histogram(*self.edges, temperature)
            self._known[temperature] = None if mass is None else (mass.ravel(), self._populations(temperature))
        return self._known[temperature]

    def _populations(self, temperature: float) -> np.ndarray:
        def edges(count):
            return [np.linspace(lo, hi, count + 1) for lo, hi in zip(self.low, self.high, strict=True)]

        mass = self.system.exact_histogram(*edges(GRID // SHARED), temperature)
        centers = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges(GRID)], indexing="ij"), axis=-1)
        # A cell on a border is shared out by the basins of its parts; the mass there is small and nearly even.
        mass = mass.repeat(SHARED, axis=0).repeat(SHARED, axis=1).ravel() / SHARED**2
        population = np.bincount(self.assign(centers.reshape(-1, 2)), mass, minlength=len(self.names))
        return population / population.sum()

    def state_set(self, points: dict[float, np.ndarray]) -> StateSet:
        """The named states of points ``(walkers, frames, 2)`` at each temperature."""
        labels = {T: self.assign(p.reshape(-1, 2)).reshape(p.shape[:2]) for T, p in points.items()}
        return StateSet("named", "fixed", self.names, labels)
