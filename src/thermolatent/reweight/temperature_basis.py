"""Temperature dependence of the reduced potential of mean force: three functions of b = 1/kT.

    A(x, b) = e(x) p1(b) + c(x) p2(b) + d(x) p3(b)

p1 is linear, 0 at the hottest and 1 at the coldest training temperature; e(x) is determined by the classification of frames by
temperature. p2 and p3 vanish at both: c(x) is a conditional heat capacity in units of k, constant in temperature, and d(x) its
change per e-fold of temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

#: Number of functions: linear, heat capacity, change of heat capacity.
FUNCTIONS = 3


class TemperatureBasis:
    """The functions p1, p2, p3 for training temperatures ``inverse_kT`` ``(K,)``; all 0 for a single one."""

    def __init__(self, inverse_kT: Sequence[float]):
        b = np.asarray(inverse_kT, np.float64)
        self.hot, self.cold = float(b.min()), float(b.max())
        self._span = self.cold - self.hot or 1.0
        self._middle = np.sqrt(self.hot * self.cold)
        self._bends = (self._pinned(self._heat_capacity), self._pinned(self._change))

    def values(self, b: np.ndarray | float) -> np.ndarray:
        """p1, p2, p3 at ``b`` ``(m,)``: ``(m, 3)``."""
        b = np.atleast_1d(np.asarray(b, np.float64))
        return np.stack([self._linear(b), *(bend(b) for bend in self._bends)], axis=1)

    def slopes(self, b: np.ndarray | float) -> np.ndarray:
        """Derivatives by b, ``(m, 3)``, in units of 1/b."""
        b = np.atleast_1d(np.asarray(b, np.float64))
        ends = np.array([self.hot, self.cold])
        own = [1 / b - 1 / self.hot, np.log(b / self._middle) / b + 1 / b]
        whole = [np.diff(f(ends))[0] for f in (self._heat_capacity, self._change)]
        return np.stack(
            [np.full_like(b, 1 / self._span), *(o - w / self._span for o, w in zip(own, whole, strict=True))], axis=1
        )

    def _linear(self, b: np.ndarray) -> np.ndarray:
        return (b - self.hot) / self._span

    def _heat_capacity(self, b: np.ndarray) -> np.ndarray:
        """Second derivative -1/b^2: a heat capacity of one k."""
        return np.log(b / self.hot) - (b - self.hot) / self.hot

    def _change(self, b: np.ndarray) -> np.ndarray:
        """Second derivative -ln(b/middle)/b^2: a heat capacity of ln(b/middle) k."""
        log = np.log(b / self._middle)
        return log**2 / 2 + log

    def _pinned(self, function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        """``function`` minus the straight line through its values at both ends."""
        at_hot, at_cold = function(np.array([self.hot, self.cold]))

        def pinned(b: np.ndarray) -> np.ndarray:
            return function(b) - at_hot - self._linear(b) * (at_cold - at_hot)

        return pinned
