"""The named states of the fixed plane, and exact answers there for systems that know their distribution."""

from __future__ import annotations

import numpy as np

from thermolatent.config import Study
from thermolatent.validate.named_states import GRID, named_states
from thermolatent.validate.reference import View
from thermolatent.validate.states import StateSet

#: How far beyond the reference's bins the named states are laid out, as a share of the bins' range.
BEYOND = 0.25
#: Parts per axis into which a cell of the exact quadrature is divided between the named states.
SHARED = 4


class NamedPlane:
    """The study's named states on its fixed plane.

    Attributes
    ----------
    names: of the states.
    assign: points ``(n, 2)`` to states ``(n,)``.
    """

    def __init__(self, study: Study, fixed: View):
        self.system, self.bins = study.system, fixed.bins
        low, high = (np.array([e[k] for e in fixed.bins.edges]) for k in (0, -1))
        pad = np.where(fixed.periodic, 0, BEYOND * (high - low))
        self.low, self.high = low - pad, high + pad
        self.names, assigner = named_states(study.validate_.states, study.system, self.low, self.high, fixed.periodic)
        self.assign = assigner.assign
        self._known: dict[float, tuple[np.ndarray, np.ndarray] | None] = {}

    def exact(self, temperature: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Exact mass ``(cells - 1,)`` in the bins and populations ``(states,)``, or None where nobody knows them."""
        if temperature not in self._known:
            mass = self.system.exact_histogram(*self.bins.edges, temperature)
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

    def state_set(self, fixed: View) -> StateSet:
        """The named states of every reference frame."""
        labels = {T: self.assign(p.reshape(-1, 2)).reshape(p.shape[:2]) for T, p in fixed.points.items()}
        return StateSet("named", "fixed", self.names, labels)
