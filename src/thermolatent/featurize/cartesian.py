"""Cartesian coordinates, for particles in a potential that is fixed in space."""

from __future__ import annotations

from typing import Literal

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Columns, Feature
from thermolatent.featurize.plumed import of_atoms


class PositionXY(Feature):
    """x and y (nm) of the only particle."""

    kind: Literal["position_xy"] = "position_xy"

    def on(self, topology) -> Columns:
        if topology.n_atoms != 1:
            raise ThermolatentError(
                f"position_xy: is for one particle, the system has {topology.n_atoms}; write another feature"
            )
        return Columns(
            ["x", "y"],
            lambda positions: np.asarray(positions, dtype=np.float64)[:, 0, :2],
            plumed=lambda: [of_atoms("POSITION", component=axis, ATOM=[0]) for axis in "xy"],
        )
