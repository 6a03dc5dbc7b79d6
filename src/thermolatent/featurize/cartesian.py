"""Cartesian coordinates, for particles in a potential that is fixed in space."""

from __future__ import annotations

from typing import Literal

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Feature


class PositionXY(Feature):
    """x and y (nm) of the only particle."""

    kind: Literal["position_xy"] = "position_xy"

    def names(self, n_particles: int) -> list[str]:
        if n_particles != 1:
            raise ThermolatentError(
                f"position_xy: is for one particle, the system has {n_particles}; write another feature"
            )
        return ["x", "y"]

    def compute(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray(positions, dtype=np.float64)[:, 0, :2]
