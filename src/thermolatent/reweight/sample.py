"""What the estimator is fitted to: frames of MD with their temperature, unit, state and energy, checked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    from thermolatent.rows import Rows

#: Gas constant in kJ/mol/K, for temperatures in kelvin; energies in reduced units have kT = T.
GAS_CONSTANT = 0.00831446261815324
UNITS_OF_TEMPERATURE = {"kelvin": GAS_CONSTANT, "reduced": 1.0}
#: Training temperatures must differ by more than this fraction: between them the estimator divides by their difference.
LEAST_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class Sample:
    """Frames of MD in training frame order: temperature as listed, then walker, then frame.

    Attributes
    ----------
    temperatures: training temperatures, in the order of the frames.
    k: Boltzmann's constant, the unit of energy per unit of temperature.
    features: ``(N, n)`` float32, an array or :class:`~thermolatent.rows.Rows`.
    which: index of each frame's temperature, ``(N,)``.
    unit: independent piece of MD that each frame belongs to, ``(N,)``, counted through over all temperatures.
    stratum: for each unit ``(units,)`` the set of units drawn independently that it is one of: its temperature, or 0 where
        units go through all temperatures (replica exchange).
    counts: how often each frame counts, ``(N,)``, mean 1 at each temperature, but 0 in start-up.
    states: named state of each frame, ``(N,)``; state_names one per state.
    columns: further columns of the basis, ``(N, m)`` float32: a fixed plane, SPIB's memberships.
    energies: ``(N,)``, or None.
    piece: series in time that each frame belongs to, ``(N,)``, in which frames of one temperature follow each other; None:
        its unit. Visits and correlations are counted along it, while errors come from units.
    """

    temperatures: tuple[float, ...]
    k: float
    features: Rows | np.ndarray
    which: np.ndarray
    unit: np.ndarray
    stratum: np.ndarray
    counts: np.ndarray
    states: np.ndarray
    state_names: tuple[str, ...]
    columns: np.ndarray
    energies: np.ndarray | None
    piece: np.ndarray | None = None

    @property
    def inverse_kT(self) -> np.ndarray:
        """b_k, ``(K,)``."""
        return 1 / (self.k * np.asarray(self.temperatures))

    @property
    def shared_units(self) -> bool:
        """Whether units go through all temperatures."""
        return len(self.temperatures) > 1 and bool((self.stratum == 0).all())


def gather_sample(
    features: Sequence[np.ndarray],
    temperatures: Sequence[float],
    *,
    energies: Sequence[np.ndarray] | None = None,
    states: Sequence[np.ndarray] | None = None,
    state_names: Sequence[str] | None = None,
    columns: Sequence[np.ndarray] | None = None,
    counts: Sequence[np.ndarray] | None = None,
    units: Sequence[np.ndarray] | None = None,
    pieces: Sequence[np.ndarray] | None = None,
    shared_units: bool = False,
    temperature_unit: str = "kelvin",
) -> Sample:
    """Put arrays per temperature, ``(walkers, frames, ...)`` or ``(frames, ...)``, into one checked :class:`Sample`.

    Parameters are those of :meth:`thermolatent.reweight.ConditionalReweighting.fit`. Raises :class:`ThermolatentError` that
    names the array and the temperature at fault.
    """
    if temperature_unit not in UNITS_OF_TEMPERATURE:
        raise ThermolatentError(f"temperature_unit: '{temperature_unit}' is not known; write kelvin or reduced")
    T = _temperatures(temperatures)
    arrays = _arrays(features, T, "features")
    for a, t in zip(arrays, T, strict=True):
        if a.ndim not in (2, 3) or 0 in a.shape:
            raise ThermolatentError(
                f"features at T = {t:g}: shape {a.shape}; must be (walkers, frames, n) or (frames, n), and not empty"
            )
        if a.shape[-1] != arrays[0].shape[-1]:
            raise ThermolatentError(
                f"features at T = {t:g}: {a.shape[-1]} columns where T = {T[0]:g} has {arrays[0].shape[-1]}"
            )
    shapes = [a.shape[:-1] for a in arrays]
    flat = _single(np.concatenate([a.reshape(-1, a.shape[-1]) for a in arrays]))
    which = np.repeat(np.arange(len(T)), [int(np.prod(s)) for s in shapes])
    _require_finite(flat, which, T, "features")
    unit, stratum = _units(units, shapes, T, shared_units)
    labels, names = _states(states, state_names, shapes, T)
    further = np.empty((len(flat), 0), np.float32)
    if columns is not None:
        further = _single(_flat(columns, shapes, T, "columns", more=1))
        _require_finite(further, which, T, "columns")
    weight = np.ones(len(flat))
    if counts is not None:
        weight = _flat(counts, shapes, T, "counts").astype(np.float64)
        _require_finite(weight, which, T, "counts")
        if (weight < 0).any() or (np.bincount(which, weight) <= 0).any():
            raise ThermolatentError("counts: must not be negative, nor all 0 at a temperature")
        largest = np.array([weight[which == k].max() for k in range(len(T))])
        weight /= largest[which]  # so that sums do not overflow
        weight *= (np.bincount(which) / np.bincount(which, weight))[which]  # their scale means nothing
    _require_units(unit, stratum, which, weight, T, shared_units)
    u = None if energies is None else _energies(energies, shapes, which, T)
    k = UNITS_OF_TEMPERATURE[temperature_unit]
    piece = None if pieces is None else _units(pieces, shapes, T, False, "pieces")[0]
    return Sample(tuple(T), k, flat, which, unit, stratum, weight, labels, names, further, u, piece)


def _temperatures(temperatures: Sequence[float]) -> list[float]:
    if isinstance(temperatures, str) or np.ndim(temperatures) != 1 or any(isinstance(t, str) for t in temperatures):
        raise ThermolatentError(f"temperatures: {temperatures!r}; must be a list of positive numbers")
    try:
        T = [float(t) for t in temperatures]
    except (TypeError, ValueError) as error:
        raise ThermolatentError(f"temperatures: {list(temperatures)}; must be positive numbers") from error
    if not T or not np.isfinite(T).all() or min(T) <= 0:
        raise ThermolatentError(f"temperatures: {list(temperatures)}; must be positive numbers, at least one")
    ordered = sorted(T)
    for low, high in itertools.pairwise(ordered):
        if high - low < LEAST_DIFFERENCE * low:
            raise ThermolatentError(
                f"temperatures: {low:g} and {high:.10g} are the same within {100 * LEAST_DIFFERENCE:g} %; "
                "put their frames into one array, as further walkers"
            )
    return T


def _flat(arrays: Sequence[np.ndarray], shapes: list[tuple], T: list[float], what: str, more: int = 0) -> np.ndarray:
    """Arrays of the features' leading shapes, with ``more`` axes behind, one after the other."""
    arrays = _arrays(arrays, T, what)
    for a, shape, t in zip(arrays, shapes, T, strict=True):
        if a.shape[: a.ndim - more] != shape:
            raise ThermolatentError(f"{what} at T = {t:g}: shape {a.shape}, but the features have frames {shape}")
    return np.concatenate([a.reshape(-1, *a.shape[a.ndim - more :]) for a in arrays])


def _arrays(arrays: Sequence[np.ndarray], T: list[float], what: str) -> list[np.ndarray]:
    """One array per temperature, of numbers, or of words where these are units or states."""
    try:
        given = list(arrays)
    except TypeError as error:
        raise ThermolatentError(f"{what}: must be a list of arrays, one per temperature") from error
    if len(given) != len(T):
        raise ThermolatentError(f"{what}: {len(given)} arrays for {len(T)} temperatures; give one for each")
    found = []
    for a, t in zip(given, T, strict=True):
        try:
            array = np.asarray(a)
            if what not in ("units", "pieces", "states") and array.dtype.kind not in "fiub":
                array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            if "inhomogeneous" in str(error):
                error = "walkers of different lengths: give (frames, ...), one after the other, and units"
            raise ThermolatentError(f"{what} at T = {t:g}: no array of numbers ({error})") from None
        found.append(array)
    return found


def _single(values: np.ndarray) -> np.ndarray:
    """In single precision; what is too large for it becomes infinite, and is refused as that."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _require_finite(values: np.ndarray, which: np.ndarray, T: list[float], what: str) -> None:
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        first = T[which[np.argmax(bad)]]
        raise ThermolatentError(
            f"{what}: {int(bad.sum())} of {len(bad)} frames hold NaN or numbers too large, first at T = {first:g}"
        )


def _units(
    units: Sequence[np.ndarray] | None, shapes: list[tuple], T: list[float], shared: bool, what: str = "units"
) -> tuple[np.ndarray, np.ndarray]:
    """Unit of each frame and stratum of each unit."""
    if units is None:
        if any(len(s) == 1 for s in shapes):
            raise ThermolatentError(
                "units: features (frames, n) need one number per frame that says which independent piece of MD it is "
                "from; or give features (walkers, frames, n)"
            )
        labels = [np.repeat(np.arange(s[0]), s[1]) for s in shapes]
    else:
        flat = _flat(units, shapes, T, what)
        labels = np.split(flat, np.cumsum([int(np.prod(s)) for s in shapes])[:-1])
    if shared:
        unit = np.unique(np.concatenate(labels), return_inverse=True)[1]
        stratum = np.zeros(unit.max() + 1, int)
    else:
        numbers = [np.unique(own, return_inverse=True)[1] for own in labels]
        sizes = [int(n.max()) + 1 for n in numbers]
        first = np.cumsum([0, *sizes])
        unit = np.concatenate([n + f for n, f in zip(numbers, first, strict=False)])
        stratum = np.repeat(np.arange(len(T)), sizes)
    return unit, stratum


def _require_units(
    unit: np.ndarray, stratum: np.ndarray, which: np.ndarray, counts: np.ndarray, T: list[float], shared: bool
) -> None:
    counted = np.bincount(unit, counts) > 0
    for s in np.unique(stratum):
        if (n := int(counted[stratum == s].sum())) < 2:
            where = "of replica exchange" if shared else f"at T = {T[s]:g}"
            raise ThermolatentError(
                f"units: {n} {where}; an error bar needs two independent pieces of MD there: more walkers, or blocks of a "
                "long trajectory"
            )
    for k, t in enumerate(T):
        if (np.bincount(unit[which == k], counts[which == k]) > 0).sum() < 2:
            raise ThermolatentError(
                f"units: all frames at T = {t:g} are of one unit; units of replica exchange are blocks of time"
            )


def _states(
    states: Sequence[np.ndarray] | None, names: Sequence[str] | None, shapes: list[tuple], T: list[float]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """State of each frame as a number, and the names. Without states all frames are one."""
    if states is None:
        return np.zeros(sum(int(np.prod(s)) for s in shapes), int), ("all",)
    flat = _flat(states, shapes, T, "states")
    if flat.dtype.kind == "f":
        _require_finite(flat, np.repeat(np.arange(len(T)), [int(np.prod(s)) for s in shapes]), T, "states")
    if names is None:
        found, labels = np.unique(flat, return_inverse=True)
        return labels, tuple(str(name) for name in found.tolist())
    names = tuple(str(name) for name in names)
    if len(set(names)) < len(names):
        raise ThermolatentError(f"state_names: {', '.join(names)}; two states have the same name")
    if flat.dtype.kind not in "iu" or flat.min() < 0 or flat.max() >= len(names):
        raise ThermolatentError(
            f"states: with {len(names)} state_names they must be whole numbers from 0 to {len(names) - 1}"
        )
    return flat.astype(int), names


def _energies(energies: Any, shapes: list[tuple], which: np.ndarray, T: list[float]) -> np.ndarray:
    u = _flat(energies, shapes, T, "energies").astype(np.float64)
    _require_finite(u, which, T, "energies")
    for k, t in enumerate(T):
        if spread_of(u[which == k]) <= 0:
            raise ThermolatentError(
                f"energies at T = {t:g}: nearly all frames have one and the same energy; are these potential energies? "
                "Without them: energies=None"
            )
    return u


def spread_of(energies: np.ndarray) -> float:
    """Standard deviation of energies ``(n,)``, if they are Gaussian, that a few absurd ones leave as it is.

    1.4826 times the median absolute deviation; from percentiles where most frames share one energy (a discrete model).
    """
    with np.errstate(over="ignore"):
        found = 1.4826 * np.median(np.abs(energies - np.median(energies)))
    return float(found if found > 0 else np.subtract(*np.percentile(energies, [99, 1])) / 4.65)
