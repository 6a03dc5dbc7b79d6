"""A function that is slow to compute, tabulated on a grid: ln p of a density that takes an ODE per point.

For d <= 2 cubic interpolation takes seconds where one ODE per frame takes minutes. The grid is refined until the error at a
sample of the points is small.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from thermolatent.densities.fit import FittedDensity

log = logging.getLogger(__name__)

#: Root mean square error of an interpolated ln p, in nats.
TOLERANCE = 0.01
#: The error counts where ln p is at most this far below its maximum: weights below e^-15 do not matter, and the error of
#: the ODE is larger there.
DEPTH = 15.0
#: Grid points per axis; each grid contains the previous one.
SIZES = (65, 129, 257)
#: Fewer points than this are computed one by one: a grid would cost as much.
FEW = 10_000
_CHECKED = 2_000
_OUTER = 1e-3  # share of the points beyond either bound of the grid, along each axis, before the margin is added
_MARGIN = 0.1


@dataclass(frozen=True)
class Table:
    """A function ``(n, d)`` to ``(n,)`` by cubic interpolation on a grid; beyond the grid the function itself.

    Attributes
    ----------
    low, high: bounds of the grid, ``(d,)``.
    values: on the grid, ``(m,) * d``.
    """

    function: Callable[[np.ndarray], np.ndarray]
    low: np.ndarray
    high: np.ndarray
    values: np.ndarray

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Values ``(n,)`` at ``z`` ``(n, d)``."""
        inside = _inside(z, self.low, self.high)
        result = np.empty(len(z))
        result[inside] = self.interpolated(z[inside])
        if not inside.all():
            result[~inside] = self.function(z[~inside])
        return result

    def interpolated(self, z: np.ndarray) -> np.ndarray:
        """Values ``(n,)`` at ``z`` ``(n, d)`` inside of the grid."""
        from scipy.ndimage import map_coordinates

        cells = np.array(self.values.shape) - 1
        return map_coordinates(self.values, ((z - self.low) / (self.high - self.low) * cells).T, order=3, mode="mirror")

    def finer(self, size: int) -> Table:
        """A table of ``size`` points per axis; values at points of this grid are not computed again."""
        axes = [np.linspace(a, b, size) for a, b in zip(self.low, self.high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        values = np.full(grid.shape[:-1], np.nan)
        if self.values.size:
            values[(slice(None, None, 2),) * values.ndim] = self.values
        new = np.isnan(values)
        values[new] = self.function(grid[new])
        return replace(self, values=values)


def tabulate(
    function: Callable[[np.ndarray], np.ndarray], points: np.ndarray, tolerance: float, depth: float = np.inf
) -> Callable[[np.ndarray], np.ndarray]:
    """A :class:`Table` of ``function``; for d > 2, few points, or if no grid is fine enough, ``function`` itself.

    Parameters
    ----------
    function: ``(n, d)`` to ``(n,)``.
    points: points to evaluate it at, ``(n, d)``; the grid covers all but the outermost of them.
    tolerance: of the root mean square error over ``points``, in the function's unit.
    depth: points whose value is lower than the highest by more than this do not count for the error.
    """
    if points.shape[1] > 2 or len(points) < FEW:
        return function
    low, high = np.quantile(points, [_OUTER, 1 - _OUTER], axis=0)
    margin = _MARGIN * (high - low)
    low, high = low - margin, high + margin
    if not (high > low).all():
        return function
    checked = points[np.random.default_rng(0).choice(len(points), _CHECKED, replace=False)]
    checked = checked[_inside(checked, low, high)]
    exact = function(checked)
    counts = exact > exact.max() - depth
    table = Table(function, low, high, np.empty(0))
    for size in SIZES:
        table = table.finer(size)
        error = float(np.sqrt(np.square(table.interpolated(checked) - exact)[counts].mean()))
        if error <= tolerance:
            log.debug("table of %d points per axis: error %.2g", size, error)
            return table
    log.info("the error of a table of %d points per axis is %.2g, above %.2g: no table", size, error, tolerance)
    return function


def _inside(z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return ((z >= low) & (z <= high)).all(axis=1)


class LogDensity:
    """ln p(z|T) of one model; a density by ODE is tabulated once per temperature.

    Parameters
    ----------
    points: typical points ``(n, d)``, which the table covers.
    """

    def __init__(self, model: FittedDensity, points: np.ndarray):
        self.model, self.points = model, points
        self._tables: dict[float, Callable[[np.ndarray], np.ndarray]] = {}

    def __call__(self, z: np.ndarray, temperature: float) -> np.ndarray:
        """``(n,)`` float64 in nats, for ``z`` ``(n, d)``."""
        if not self.model.density.by_ode:
            return self.model.log_prob(z, temperature)
        if temperature not in self._tables:
            self._tables[temperature] = tabulate(
                lambda points: self.model.log_prob(points, temperature), self.points, TOLERANCE, DEPTH
            )
        return self._tables[temperature](z)
