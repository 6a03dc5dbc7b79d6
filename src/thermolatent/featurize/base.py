"""The contract of a feature: a function of the positions of single frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    import mdtraj

    from thermolatent.config import Featurize


@dataclass(frozen=True)
class Particles:
    """What there is to know of the particles of a model system: their number. Molecules have an mdtraj Topology."""

    n_atoms: int


@dataclass(frozen=True)
class Columns:
    """A feature on one topology.

    Attributes
    ----------
    names: one per column.
    compute: columns ``(frames, n)`` of positions ``(frames, n_atoms, 3)`` in nm.
    periodic: whether each column is an angle in radians, -pi to pi; empty means that none is.
    """

    names: list[str]
    compute: Callable[[np.ndarray], np.ndarray]
    periodic: tuple[bool, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "periodic", tuple(self.periodic) or (False,) * len(self.names))


class Feature(BaseModel):
    """A feature and its parameters, as a study writes them below ``featurize.features`` or ``featurize.plane``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    def on(self, topology: Particles | mdtraj.Topology) -> Columns:
        """The feature on these atoms; raises :class:`ThermolatentError` where they have none of it."""
        raise NotImplementedError


def columns_on(features: list[Feature], topology: Particles | mdtraj.Topology) -> Columns:
    """Several features side by side."""
    parts = [feature.on(topology) for feature in features]
    return Columns(
        [name for part in parts for name in part.names],
        lambda positions: np.concatenate([part.compute(positions) for part in parts], axis=1),
        tuple(flag for part in parts for flag in part.periodic),
    )


def check_features(featurize: Featurize, topology: Particles | mdtraj.Topology) -> None:
    """Raise :class:`ThermolatentError` if a feature is not for these atoms, or the plane has not two columns."""
    columns_on(featurize.features, topology)
    if len(names := columns_on(featurize.plane, topology).names) != 2:
        raise ThermolatentError(f"featurize.plane: has columns {names}, must have exactly two")
