"""Values at many points of a function that is slow to compute, from a grid: ln p of a density that is an ODE per point.

For d <= 2 the function is computed on a grid and interpolated by a cubic spline, which takes seconds where a solution for
each frame takes minutes. The grid is made finer until the error, measured at points that were asked for, is small.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from thermolatent.densities.fit import FittedDensity

log = logging.getLogger(__name__)

#: Root mean square error of an interpolated ln p, in nats.
TOLERANCE = 0.01
#: Only where ln p is at most so far below its highest value does that count: what lies deeper has a weight below e^-15,
#: and the ODE's own error is larger there.
DEPTH = 15.0
#: Grid points per axis, each grid holding the one before.
SIZES = (65, 129, 257)
#: With fewer points than this each is computed: a grid would cost as much.
FEW = 10_000
_CHECKED = 2_000
_OUTER = 1e-3  # share of the points beyond either side of the grid, along each axis, before its margin is added
_MARGIN = 0.1


class Table:
    """``function`` by interpolation; beyond the grid, in d > 2 dimensions, or if no grid is fine enough, the function itself.

    Parameters
    ----------
    function: ``(n, d)`` to ``(n,)``.
    points: where it will be asked for, ``(n, d)``; the grid covers all but the outermost of them.
    tolerance: of the root mean square error over ``points``, in the function's unit.
    depth: points whose value is lower than the highest by more than this do not count for the error.

    Attributes
    ----------
    values: on the grid, ``(m,) * d``; None where there is no grid.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        points: np.ndarray,
        tolerance: float,
        depth: float = np.inf,
    ):
        self.function = function
        self.values: np.ndarray | None = None
        if points.shape[1] > 2 or len(points) < FEW:
            return
        low, high = np.quantile(points, [_OUTER, 1 - _OUTER], axis=0)
        margin = _MARGIN * (high - low)
        self.low, self.high = low - margin, high + margin
        if not (self.high > self.low).all():
            return
        asked = points[np.random.default_rng(0).choice(len(points), _CHECKED, replace=False)]
        asked = asked[self._inside(asked)]
        exact = function(asked)
        counts = exact > exact.max() - depth
        for size in SIZES:
            self.values = self._computed(size)
            error = float(np.sqrt(np.square(self._interpolated(asked) - exact)[counts].mean()))
            if error <= tolerance:
                log.debug("table of %d points per axis: error %.2g", size, error)
                return
        log.info(
            "a table of %d points per axis is off by %.2g (limit %.2g): computed point by point", size, error, tolerance
        )
        self.values = None

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Values ``(n,)`` at ``z`` ``(n, d)``."""
        if self.values is None:
            return self.function(z)
        inside = self._inside(z)
        result = np.empty(len(z))
        result[inside] = self._interpolated(z[inside])
        if not inside.all():
            result[~inside] = self.function(z[~inside])
        return result

    def _inside(self, z: np.ndarray) -> np.ndarray:
        return ((z >= self.low) & (z <= self.high)).all(axis=1)

    def _computed(self, size: int) -> np.ndarray:
        """The function on a grid of ``size`` points per axis; what the grid before it has is taken over."""
        axes = [np.linspace(a, b, size) for a, b in zip(self.low, self.high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        values = np.full(grid.shape[:-1], np.nan)
        if self.values is not None:
            values[(slice(None, None, 2),) * values.ndim] = self.values
        new = np.isnan(values)
        values[new] = self.function(grid[new])
        return values

    def _interpolated(self, z: np.ndarray) -> np.ndarray:
        from scipy.ndimage import map_coordinates

        cells = np.array(self.values.shape) - 1
        return map_coordinates(self.values, ((z - self.low) / (self.high - self.low) * cells).T, order=3, mode="mirror")


class LogDensity:
    """ln p(z|T) of one model at any number of points and temperatures; in closed form where the density has one.

    Parameters
    ----------
    points: typical ones ``(n, d)``, over which a density by ODE is tabulated, once per temperature.
    """

    def __init__(self, model: FittedDensity, points: np.ndarray):
        self.model, self.points = model, points
        self._tables: dict[float, Table] = {}

    def __call__(self, z: np.ndarray, temperature: float) -> np.ndarray:
        """``(n,)`` float64 in nats, for ``z`` ``(n, d)``."""
        if not self.model.density.by_ode:
            return self.model.log_prob(z, temperature)
        if temperature not in self._tables:
            self._tables[temperature] = Table(
                lambda points: self.model.log_prob(points, temperature), self.points, TOLERANCE, DEPTH
            )
        return self._tables[temperature](z)
