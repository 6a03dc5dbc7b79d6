"""Named states: a hard assignment of points in the study's fixed plane, the same for every model."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from thermolatent.errors import ThermolatentError
from thermolatent.frames import Frames
from thermolatent.states.settings import BasinStates, NearestStates
from thermolatent.systems.base import System

#: Points per axis of the grid for steepest descent.
GRID = 400
#: Margin of the plane around the training frames, as a share of their range.
BEYOND = 0.25
#: Cells per axis of a coarse cell.
COARSEN = 8


class NearestCenters:
    """The nearest of the study's centres, distances in the plane's own units (angles on the circle)."""

    def __init__(self, centers: np.ndarray, periodic=(False, False)):
        self.centers = np.asarray(centers, float)
        self.periodic = periodic

    def assign(self, points: np.ndarray) -> np.ndarray:
        """State ``(n,)`` of points ``(n, 2)``."""
        squared = np.zeros((len(points), len(self.centers)), np.float32)
        for k, angle in enumerate(self.periodic):
            difference = np.subtract.outer(np.asarray(points[:, k], float), self.centers[:, k])
            if angle:
                difference -= 2 * np.pi * np.round(difference / (2 * np.pi))
            squared += difference**2
        return squared.argmin(axis=1)


class Basins:
    """The minimum that steepest descent reaches, computed once for each point of a fine grid.

    Parameters
    ----------
    gradient: energy gradient ``(n, 2)`` at points ``(n, 2)`` of the plane.
    minima: ``(states, 2)``.
    low, high: ``(2,)`` corners of the grid; points outside belong to the basin of the nearest cell.
    grid: cells per axis.

    Raises
    ------
    ThermolatentError: if a descent ends in a minimum that is not in ``minima``.
    """

    def __init__(self, gradient: Callable, minima: np.ndarray, low, high, grid: int = GRID):
        self.minima = np.asarray(minima, float)
        self.low, self.high, self.grid = np.asarray(low, float), np.asarray(high, float), grid
        # Coarse cells first; only those near a border of basins are refined.
        coarse = -(-grid // COARSEN)
        labels = self._descend(gradient, self._centers(coarse)).reshape(coarse, coarse)
        near_border = maximum_filter(labels, 3) != minimum_filter(labels, 3)
        fine = np.floor((np.arange(grid) + 0.5) * coarse / grid).astype(int)
        self.labels = labels[np.ix_(fine, fine)]
        followed = near_border[np.ix_(fine, fine)]
        self.labels[followed] = self._descend(gradient, self._centers(grid)[followed.ravel()])

    def _centers(self, grid: int) -> np.ndarray:
        axes = [lo + (np.arange(grid) + 0.5) * (hi - lo) / grid for lo, hi in zip(self.low, self.high, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def _descend(self, gradient: Callable, points: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(self.minima[:, None] - self.minima[None], axis=-1)
        apart = apart[apart > 0].min()
        step, capture = apart / 60, apart / 15
        # Four times the diagonal of the grid: enough for any descent without cycles.
        limit = int(4 * np.linalg.norm(self.high - self.low) / step)
        labels = np.full(len(points), -1)
        at, index = points.copy(), np.arange(len(points))

        def downhill(x):
            g = gradient(x)
            return -g / np.maximum(np.linalg.norm(g, axis=1, keepdims=True), 1e-300)

        for _ in range(limit):
            distance = np.linalg.norm(at[:, None] - self.minima[None], axis=-1)
            nearest = distance.argmin(axis=1)
            arrived = distance[np.arange(len(at)), nearest] < capture
            labels[index[arrived]] = nearest[arrived]
            at, index = at[~arrived], index[~arrived]
            if len(at) == 0:
                return labels
            at = at + step * downhill(at + step / 2 * downhill(at))  # midpoint rule with unit speed
        # A few points may be on a ridge, where the descent has no direction; more of them mean a missing minimum.
        if len(at) > max(1, len(points) / 1000):
            x, y = np.median(at, axis=0)
            raise ThermolatentError(
                f"validate.states.minima: steepest descent ends near ({x:.3f}, {y:.3f}), which is not a named minimum; add it"
            )
        labels[index] = np.linalg.norm(at[:, None] - self.minima[None], axis=-1).argmin(axis=1)
        return labels

    def assign(self, points: np.ndarray) -> np.ndarray:
        """State ``(n,)`` of points ``(n, 2)``."""
        scaled = (np.asarray(points, float) - self.low) * (self.grid / (self.high - self.low))
        cell = np.clip(scaled, 0, self.grid - 1).astype(np.int64)
        return self.labels[cell[:, 0], cell[:, 1]]


def corners(training: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner ``(2,)`` of the plane for named states: the range of the training frames with a margin."""
    plane = training.flat(training.plane)
    low, high = plane.min(axis=0).astype(float), plane.max(axis=0).astype(float)
    margin = np.where(training.plane_periodic, 0, BEYOND * (high - low))
    return low - margin, high + margin


def name_states(spec: NearestStates | BasinStates, system: System, training: Frames):
    """``(names, assigner)`` of a study's named states, on the plane of its training frames: the same in every stage."""
    return named_states(spec, system, *corners(training), training.plane_periodic)


def named_states(spec: NearestStates | BasinStates, system: System, low, high, periodic=(False, False)):
    """``(names, assigner)`` of a study's named states; ``low`` and ``high`` are the corners of the plane."""
    if spec.kind == "nearest":
        return list(spec.centers), NearestCenters(np.array(list(spec.centers.values())), periodic)
    minima = np.array(list(spec.minima.values()))
    return list(spec.minima), Basins(system.plane_energy_gradient, minima, low, high)
