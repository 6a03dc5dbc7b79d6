"""Columns of the user's files as features, for MD without coordinates."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.featurize.base import Columns, Feature, NamedColumns
from thermolatent.featurize.plumed import function, of_label


class GivenColumns(Feature):
    """Columns of ``system: {kind: colvar}``; periodic ones as sin and cos, which are continuous."""

    kind: Literal["columns"] = "columns"
    names: tuple[str, ...] = Field((), description="some of system.features; default: all")
    form: Literal["sincos", "angle"] = Field(
        "sincos", description="of periodic ones: sin and cos, or the angle 2 pi x / period itself (for the plane)"
    )

    @property
    def label(self) -> str:
        return ", ".join(self.names) or self.kind

    def on(self, topology) -> Columns:
        if not isinstance(topology, NamedColumns):
            raise ThermolatentError(
                "columns: is for system.kind: colvar, the system has positions; write another feature"
            )
        if unknown := [name for name in self.names if name not in topology.names]:
            raise ThermolatentError(
                f"columns.names: '{unknown[0]}' is none of system.features, {did_you_mean(unknown[0], topology.names)}"
            )
        chosen = [topology.names.index(name) for name in self.names or topology.names]
        if self.form == "angle" and all(topology.periods[i] is None for i in chosen):
            raise ThermolatentError(
                f"columns.form: angle is for angles, system.periodic has none of {', '.join(topology.names[i] for i in chosen)}; "
                "write them there, with period 360 if they are in degrees, or leave form out"
            )
        names, periodic, values = [], [], []
        for i in chosen:
            name, period, label = topology.names[i], topology.periods[i], of_label(topology.names[i])
            if period is None or self.form == "angle":
                names, periodic, values = [*names, name], [*periodic, period is not None], [*values, label]
                continue
            turn = "x" if np.isclose(period, 2 * np.pi) else f"{2 * np.pi / period!r}*x"
            names += [f"{f} {name}" for f in ("sin", "cos")]
            periodic += [False, False]
            values += [function(f"{f}({turn})", label) for f in ("sin", "cos")]

        def compute(columns: np.ndarray) -> np.ndarray:
            columns, parts = np.asarray(columns, np.float64), []
            for i in chosen:
                angle = topology.periods[i] is not None and self.form == "sincos"
                parts += [f(columns[:, i]) for f in ((np.sin, np.cos) if angle else (np.asarray,))]
            return np.stack(parts, axis=1)

        return Columns(names, compute, tuple(periodic), lambda: values)
