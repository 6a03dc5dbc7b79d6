"""The contract of a feature: a function of the positions of single frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from thermolatent.errors import ThermolatentError
from thermolatent.systems.files import structure_path

if TYPE_CHECKING:
    import mdtraj

    from thermolatent.featurize.plumed import Value
    from thermolatent.featurize.settings import Featurize
    from thermolatent.systems.base import System


@dataclass(frozen=True)
class Particles:
    """The particles of a model system, of which only the number is known. Molecules have an mdtraj Topology."""

    n_atoms: int


@dataclass(frozen=True)
class NamedColumns:
    """A system without positions: names of its columns, and the period of each in the unit of its files; None of no angle."""

    names: tuple[str, ...]
    periods: tuple[float | None, ...]

    @property
    def n_atoms(self) -> int:
        """Raises :class:`ThermolatentError`, whatever feature asks."""
        raise ThermolatentError(
            f"featurize: the system has columns ({', '.join(self.names)}) and no positions; write features of kind: columns"
        )


def without_topology(system: System) -> Particles | NamedColumns | None:
    """What there is to know of a system's frames before its MD; None of molecules, whose topology is a file."""
    if system.columns:
        periods = {name: period or 2 * np.pi for name, period in system.periodic.items()}
        return NamedColumns(system.columns, tuple(map(periods.get, system.columns)))
    return None if system.molecular else Particles(system.n_particles)


@dataclass(frozen=True)
class Columns:
    """A feature on one topology.

    Attributes
    ----------
    names: one per column.
    compute: columns ``(frames, n)`` of positions ``(frames, n_atoms, 3)`` in nm, or of a system without them of its columns
        ``(frames, m)``.
    periodic: whether each column is an angle in radians, -pi to pi; empty means that none is.
    plumed: gives each column as PLUMED computes it; None if unknown.
    boxed: whether ``compute`` takes the frames' box vectors ``(frames, 3, 3)`` in nm, or None, as second argument.
    """

    names: list[str]
    compute: Callable[..., np.ndarray]
    periodic: tuple[bool, ...] = ()
    plumed: Callable[[], list[Value]] | None = None
    boxed: bool = False

    def __post_init__(self):
        object.__setattr__(self, "periodic", tuple(self.periodic) or (False,) * len(self.names))

    def of(self, positions: np.ndarray, boxes: np.ndarray | None = None) -> np.ndarray:
        """Columns ``(frames, n)`` of positions, in periodic boxes where there are any."""
        return self.compute(positions, boxes) if self.boxed else self.compute(positions)


class Feature(BaseModel):
    """A feature and its parameters, as a study writes them below ``featurize.features`` or ``featurize.plane``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    @property
    def label(self) -> str:
        """Its name in other keys of a study."""
        return self.kind

    @property
    def input_files(self) -> list[str]:
        """Files that it reads."""
        return [structure_path(name)] if (name := getattr(self, "to", None)) else []

    def on(self, topology: Particles | NamedColumns | mdtraj.Topology) -> Columns:
        """The feature on these atoms; raises :class:`ThermolatentError` if they have none.

        The topology of finished MD has two attributes besides: ``start``, its first structure ``(n_atoms, 3)`` in nm, and
        ``molecules``, the number of each atom's molecule.
        """
        raise NotImplementedError


def columns_on(features: list[Feature], topology: Particles | mdtraj.Topology) -> Columns:
    """Several features side by side; of none, no columns."""
    return side_by_side([feature.on(topology) for feature in features])


def side_by_side(parts: list[Columns]) -> Columns:
    """The columns of all parts, in this order."""
    known = all(part.plumed for part in parts)
    return Columns(
        [name for part in parts for name in part.names],
        lambda positions, boxes=None: np.concatenate(
            [np.empty((len(positions), 0), np.float32), *(p.of(positions, boxes) for p in parts)], axis=1
        ),
        tuple(flag for part in parts for flag in part.periodic),
        (lambda: [value for part in parts for value in part.plumed()]) if known else None,
        boxed=True,
    )


def check_features(featurize: Featurize, topology: Particles | mdtraj.Topology) -> None:
    """Raise :class:`ThermolatentError` if a feature is not for these atoms or jumps at 180 degrees, the plane has not two
    columns, or an observable is an angle, which has no mean."""
    features = columns_on(featurize.features, topology)
    if angles := [n for n, periodic in zip(features.names, features.periodic, strict=True) if periodic]:
        raise ThermolatentError(
            f"featurize.features: {angles[0]} is an angle, which jumps at 180 degrees; write form: sincos"
        )
    observables = columns_on(featurize.observables, topology)
    if angles := [n for n, periodic in zip(observables.names, observables.periodic, strict=True) if periodic]:
        raise ThermolatentError(
            f"featurize.observables: {angles[0]} is an angle, which has no mean; write its sin and cos"
        )
    if len(names := columns_on(featurize.plane, topology).names) != 2:
        raise ThermolatentError(f"featurize.plane: has columns {names}, must have exactly two")
    if featurize.bath and featurize.bath.coupled and (column := featurize.bath.coupled.column) not in names:
        raise ThermolatentError(
            f"featurize.bath.coupled.column: '{column}' is not in the plane; write {' or '.join(names)}"
        )
