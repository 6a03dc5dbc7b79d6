"""Whether the named states' centers can be points of the study's plane: angles in radians, lengths in nm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    from thermolatent.states.settings import BasinStates, NearestStates

#: What centers in a wrong unit are multiplied with, and what was taken for what.
_MISTAKES = {
    0.1: "angstrom for nm",
    10.0: "nm for angstrom",
    np.pi / 180: "degrees for radians",
    180 / np.pi: "radians for degrees",
}


def check_angles(spec: NearestStates | BasinStates, periodic: Sequence[bool]) -> None:
    """Raise :class:`ThermolatentError` for a center with an angle in degrees, and for two that are the same on the circle.

    ``periodic`` says which of the plane's columns are angles, in radians.
    """
    if spec.kind != "nearest" or not any(periodic):
        return
    angle, seen = np.array(periodic), {}
    for name, center in spec.centers.items():
        point = np.array(center)
        if (abs(point[angle]) > 2 * np.pi).any():
            meant = np.where(angle, np.radians(point), point).round(3).tolist()
            raise ThermolatentError(
                f"validate.states.centers.{name}: {list(center)} is in degrees, angles of the plane are in radians; write {meant}"
            )
        place = tuple(np.where(angle, np.angle(np.exp(1j * point)), point).round(6).tolist())
        if (other := seen.setdefault(place, name)) != name:
            raise ThermolatentError(
                f"validate.states.centers.{name}: {list(center)} is the same place on the circle as {other}; move one of them"
            )


def check_reached(spec: NearestStates | BasinStates, points: np.ndarray, periodic: Sequence[bool]) -> None:
    """Raise :class:`ThermolatentError` if in a column no center is among the frames, but all are in another unit.

    A single center without frames may be a state that short MD has not reached: the estimator says so.

    Parameters
    ----------
    points: frames in the fixed plane, ``(n, 2)``.
    periodic: which of its columns are angles.
    """
    if spec.kind != "nearest":
        return
    for column in np.flatnonzero(~np.array(periodic)):
        values = np.array(list(spec.centers.values()))[:, column]
        low, high = points[:, column].min(), points[:, column].max()
        if ((low <= values) & (values <= high)).any():
            continue
        for factor, mistake in _MISTAKES.items():
            meant = factor * values
            if ((low <= meant) & (meant <= high)).all():
                raise ThermolatentError(
                    f"validate.states.centers: column {column + 1} of the plane is {low:.3g} to {high:.3g} in all frames, and no "
                    f"center ({', '.join(f'{v:g}' for v in values)}) is near any; if you took {mistake}, write "
                    f"{', '.join(f'{v:.4g}' for v in meant)}"
                )
