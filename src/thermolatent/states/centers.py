"""Checks of the units of the named states' centers: angles in radians, lengths in nm."""

from collections.abc import Sequence

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.states.settings import BasinStates, NearestStates

#: Centers that differ from the frames by this factor or more have another unit, or are of another molecule.
_FACTOR = 4.0
#: A column within +-360 whose frames go over more than this is likely an angle in degrees.
_DEGREES = 200.0


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
        place = tuple(np.where(angle, np.exp(1j * point), point).round(6).tolist())
        if (other := seen.setdefault(place, name)) != name:
            raise ThermolatentError(
                f"validate.states.centers.{name}: {list(center)} is the same place on the circle as {other}; move one of them"
            )


def check_reached(spec: NearestStates | BasinStates, points: np.ndarray, periodic: Sequence[bool]) -> None:
    """Raise :class:`ThermolatentError` if all centers in a column are far from the frames and of another magnitude, or look like
    radians where the frames look like degrees.

    A single center without frames may be a state that short MD has not reached, which the estimator reports.

    Parameters
    ----------
    points: frames in the fixed plane, ``(n, 2)``.
    periodic: which of its columns are angles.
    """
    if spec.kind != "nearest":
        return
    for column in np.flatnonzero(~np.array(periodic)):
        centers, values = np.array(list(spec.centers.values()))[:, column], points[:, column].astype(float)
        low, high = values.min(), values.max()
        if abs(centers).max() <= 2 * np.pi and high - low > _DEGREES and max(-low, high) <= 360:
            raise ThermolatentError(
                f"validate.states.centers: column {column + 1} of the plane is {low:.3g} to {high:.3g} in the frames, as in "
                f"degrees, the centers ({', '.join(f'{center:g}' for center in centers)}) look like radians; write it in "
                f"system.periodic, or {', '.join(f'{center:.4g}' for center in np.degrees(centers))}"
            )
        near = (2 * low - high <= centers) & (centers <= 2 * high - low)
        ratio = np.sqrt((centers**2).mean() / (values**2).mean())
        if near.any() or 1 / _FACTOR < ratio < _FACTOR:
            continue
        raise ThermolatentError(
            f"validate.states.centers: column {column + 1} of the plane is {low:.3g} to {high:.3g} in the frames, none is "
            f"near any center ({', '.join(f'{center:g}' for center in centers)}); {_advice(ratio, centers)}"
        )


def _advice(ratio: float, centers: np.ndarray) -> str:
    """The likely mistake, by the ratio of centers to frames."""
    if ratio < 1:
        return "write points where frames are, lengths in nm and angles in radians"
    unit, factor = ("degrees", np.pi / 180) if ratio > np.sqrt(10 * 180 / np.pi) else ("angstrom", 0.1)
    return f"are they in {unit}? Write {', '.join(f'{factor * center:.4g}' for center in centers)}"
