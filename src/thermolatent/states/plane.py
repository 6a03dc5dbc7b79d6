"""The named states of the fixed plane, and exact populations for systems with a known distribution."""

from collections.abc import Sequence

import numpy as np

from thermolatent.frames import Frames
from thermolatent.states.named import GRID, corners, name_states
from thermolatent.states.sets import StateSet
from thermolatent.states.settings import BasinStates, NearestStates
from thermolatent.systems.base import System

#: Parts per axis of a cell of the exact quadrature, each assigned to a named state.
SHARED = 4


class NamedPlane:
    """Named states on the fixed plane of a system.

    Parameters
    ----------
    spec: ``validate.states`` of a study.
    edges: edges of the bins of either coordinate, two arrays ``(bins + 1,)``.
    training: the training frames, whose plane the states cover.

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
        """Exact mass ``(cells - 1,)`` in the bins and populations ``(states,)``; None if unknown."""
        if temperature not in self._known:
            mass = self.system.exact_histogram(*self.edges, temperature)
            self._known[temperature] = None if mass is None else (mass.ravel(), self._populations(temperature))
        return self._known[temperature]

    def _populations(self, temperature: float) -> np.ndarray:
        def edges(count):
            return [np.linspace(lo, hi, count + 1) for lo, hi in zip(self.low, self.high, strict=True)]

        mass = self.system.exact_histogram(*edges(GRID // SHARED), temperature)
        centers = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges(GRID)], indexing="ij"), axis=-1)
        # The parts of a cell on a border are assigned separately; the mass there is small and nearly uniform.
        mass = mass.repeat(SHARED, axis=0).repeat(SHARED, axis=1).ravel() / SHARED**2
        population = np.bincount(self.assign(centers.reshape(-1, 2)), mass, minlength=len(self.names))
        return population / population.sum()

    def state_set(self, points: dict[float, np.ndarray]) -> StateSet:
        """The named states of points ``(walkers, frames, 2)`` at each temperature."""
        labels = {T: self.assign(p.reshape(-1, 2)).reshape(p.shape[:2]) for T, p in points.items()}
        return StateSet("named", "fixed", self.names, labels)
