"""Data of the fit: frames of MD with their temperature, unit, state and energy, checked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.systems.base import GAS_CONSTANT

if TYPE_CHECKING:
    from thermolatent.markov import Chains
    from thermolatent.rows import Rows

#: k by unit of temperature: kJ/mol/K, or 1 in reduced units.
UNITS_OF_TEMPERATURE = {"kelvin": GAS_CONSTANT, "reduced": 1.0}
#: Training temperatures must differ by more than this fraction: the estimator divides by their difference.
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
    unit: number of each frame's independent piece of MD, ``(N,)``, unique over all temperatures.
    stratum: set of independently drawn units that each unit belongs to, ``(units,)``: its temperature, or 0 if units span all
        temperatures (replica exchange).
    counts: how often each frame counts, ``(N,)``, mean 1 at each temperature; 0 in start-up.
    states: named state of each frame, ``(N,)``; state_names one per state.
    columns: further columns of the basis, ``(N, m)`` float32: a fixed plane, SPIB's memberships.
    energies: ``(N,)``, or None.
    piece: number of each frame's time series, ``(N,)``; None: its unit. Visits and correlations are computed along series,
        errors over units.
    chain: of MD that did not start in equilibrium, the Markov state that each frame's count is from, ``(N,)``, numbered from 1
        over all temperatures; 0 for other frames. None if there are no others.
    response: derivative of the logarithm of the count of a Markov state's frames by the weight of each unit, ``(units, states +
        1)``, the first column 0.
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
    chain: np.ndarray | None = None
    response: np.ndarray | None = None

    @cached_property
    def reseeded(self) -> np.ndarray:
        """Mask of the temperatures whose MD did not start in equilibrium, ``(K,)``."""
        chain = np.zeros(len(self.which), int) if self.chain is None else self.chain
        return np.bincount(self.which, chain > 0, len(self.temperatures)) > 0

    def with_chains(self, chains: Mapping[float, Chains]) -> Sample:
        """The sample with the Markov states of its reseeded temperatures, whose units are walkers."""
        if not chains:
            return self
        chain, parts, first = np.zeros(len(self.which), int), [np.zeros((len(self.stratum), 1))], 1
        for k, T in enumerate(self.temperatures):
            if T in chains:
                own = chains[T].response
                chain[self.which == k] = first + chains[T].states.ravel()
                parts.append(np.zeros((len(self.stratum), own.shape[1])))
                parts[-1][np.unique(self.unit[self.which == k])] = own
                first += own.shape[1]
        return replace(self, chain=chain, response=np.concatenate(parts, axis=1))

    @property
    def inverse_kT(self) -> np.ndarray:
        """b_k, ``(K,)``."""
        return 1 / (self.k * np.asarray(self.temperatures))

    @property
    def shared_units(self) -> bool:
        """Whether units span all temperatures."""
        return len(self.temperatures) > 1 and bool((self.stratum == 0).all())


@dataclass(frozen=True)
class Arrays:
    """MD by temperature, ``(walkers, frames, ...)`` or ``(frames, ...)``, not checked yet.

    The attributes are the parameters of :meth:`thermolatent.reweight.estimator.ConditionalReweighting.fit`.
    """

    features: Sequence[np.ndarray]
    temperatures: Sequence[float]
    energies: Sequence[np.ndarray] | None = None
    states: Sequence[np.ndarray] | None = None
    state_names: Sequence[str] | None = None
    columns: Sequence[np.ndarray] | None = None
    counts: Sequence[np.ndarray] | None = None
    units: Sequence[np.ndarray] | None = None
    pieces: Sequence[np.ndarray] | None = None
    shared_units: bool = False
    temperature_unit: str = "kelvin"

    def sample(self) -> Sample:
        """The checked sample. Raises :class:`ThermolatentError` with the array, the temperature and the error."""
        if self.temperature_unit not in UNITS_OF_TEMPERATURE:
            raise ThermolatentError(
                f"temperature_unit: '{self.temperature_unit}' is not known; write kelvin or reduced"
            )
        features = self._features()
        unit, stratum = self._units("units", self.shared_units)
        states, names = self._states()
        columns = np.empty((len(features), 0), np.float32)
        if self.columns is not None:
            columns = self._finite(_single(self._flat("columns", more=1)), "columns")
        counts = self._counts()
        self._require_units(unit, stratum, counts)
        return Sample(
            temperatures=tuple(self.T),
            k=UNITS_OF_TEMPERATURE[self.temperature_unit],
            features=features,
            which=self.which,
            unit=unit,
            stratum=stratum,
            counts=counts,
            states=states,
            state_names=names,
            columns=columns,
            energies=None if self.energies is None else self._energies(),
            piece=None if self.pieces is None else self._units("pieces", False)[0],
        )

    @cached_property
    def T(self) -> list[float]:
        """Temperatures, checked."""
        given = self.temperatures
        if isinstance(given, str) or np.ndim(given) != 1 or any(isinstance(t, str) for t in given):
            raise ThermolatentError(f"temperatures: {given!r}; must be a list of positive numbers")
        try:
            T = [float(t) for t in given]
        except (TypeError, ValueError) as error:
            raise ThermolatentError(f"temperatures: {list(given)}; must be positive numbers") from error
        if not T or not np.isfinite(T).all() or min(T) <= 0:
            raise ThermolatentError(f"temperatures: {list(given)}; must be positive numbers, at least one")
        for low, high in itertools.pairwise(sorted(T)):
            if high - low < LEAST_DIFFERENCE * low:
                raise ThermolatentError(
                    f"temperatures: {low:g} and {high:.10g} are the same within {100 * LEAST_DIFFERENCE:g} %; "
                    "put their frames into one array, as further walkers"
                )
        return T

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of the frames at each temperature: (walkers, frames) or (frames,)."""
        arrays = self._arrays("features")
        for a, t in zip(arrays, self.T, strict=True):
            if a.ndim not in (2, 3) or 0 in a.shape:
                raise ThermolatentError(
                    f"features at T = {t:g}: shape {a.shape}; must be (walkers, frames, n) or (frames, n), and not empty"
                )
            if a.shape[-1] != arrays[0].shape[-1]:
                raise ThermolatentError(
                    f"features at T = {t:g}: {a.shape[-1]} columns where T = {self.T[0]:g} has {arrays[0].shape[-1]}"
                )
        return [a.shape[:-1] for a in arrays]

    @cached_property
    def frames_at(self) -> list[int]:
        """Number of frames at each temperature."""
        return [int(np.prod(shape)) for shape in self.shapes]

    @cached_property
    def which(self) -> np.ndarray:
        """Index of each frame's temperature, ``(N,)``."""
        return np.repeat(np.arange(len(self.T)), self.frames_at)

    def _arrays(self, what: str) -> list[np.ndarray]:
        """One array per temperature, of numbers; units and states may be words."""
        try:
            given = list(getattr(self, what))
        except TypeError as error:
            raise ThermolatentError(f"{what}: must be a list of arrays, one per temperature") from error
        if len(given) != len(self.T):
            raise ThermolatentError(f"{what}: {len(given)} arrays for {len(self.T)} temperatures; give one for each")
        found = []
        for a, t in zip(given, self.T, strict=True):
            try:
                array = np.asarray(a)
                if what not in ("units", "pieces", "states") and array.dtype.kind not in "fiub":
                    array = array.astype(np.float64)
            except (TypeError, ValueError) as error:
                if "inhomogeneous" in str(error):
                    error = "walkers of different lengths: give (frames, ...), one after the other, and units"
                raise ThermolatentError(f"{what} at T = {t:g}: not an array of numbers ({error})") from None
            found.append(array)
        return found

    def _flat(self, what: str, more: int = 0) -> np.ndarray:
        """Arrays with the frames of the features and ``more`` further axes, concatenated over frames."""
        arrays = self._arrays(what)
        for a, shape, t in zip(arrays, self.shapes, self.T, strict=True):
            if a.shape[: a.ndim - more] != shape:
                raise ThermolatentError(f"{what} at T = {t:g}: shape {a.shape}, but the features have frames {shape}")
        return np.concatenate([a.reshape(-1, *a.shape[a.ndim - more :]) for a in arrays])

    def _finite(self, values: np.ndarray, what: str) -> np.ndarray:
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if bad.any():
            first = self.T[self.which[np.argmax(bad)]]
            raise ThermolatentError(
                f"{what}: {int(bad.sum())} of {len(bad)} frames hold NaN or numbers too large, first at T = {first:g}"
            )
        return values

    def _features(self) -> np.ndarray:
        return self._finite(_single(self._flat("features", more=1)), "features")

    def _counts(self) -> np.ndarray:
        """Counts of mean 1 at each temperature, ``(N,)``."""
        if self.counts is None:
            return np.ones(len(self.which))
        counts = self._finite(self._flat("counts").astype(np.float64), "counts")
        if (counts < 0).any() or (np.bincount(self.which, counts) <= 0).any():
            raise ThermolatentError("counts: must not be negative, nor all 0 at a temperature")
        largest = np.array([counts[self.which == k].max() for k in range(len(self.T))])
        counts /= largest[self.which]  # avoids overflow of the sums
        return counts * (np.bincount(self.which) / np.bincount(self.which, counts))[self.which]

    def _units(self, what: str, shared: bool) -> tuple[np.ndarray, np.ndarray]:
        """Unit of each frame, by default its walker, and stratum of each unit."""
        if getattr(self, what) is not None:
            labels = np.split(self._flat(what), np.cumsum(self.frames_at)[:-1])
        elif any(len(shape) == 1 for shape in self.shapes):
            raise ThermolatentError(
                "units: features (frames, n) need the number of each frame's independent piece of MD; or give features "
                "(walkers, frames, n)"
            )
        else:
            labels = [np.repeat(np.arange(shape[0]), shape[1]) for shape in self.shapes]
        if shared:
            unit = np.unique(np.concatenate(labels), return_inverse=True)[1]
            return unit, np.zeros(unit.max() + 1, int)
        numbers = [np.unique(own, return_inverse=True)[1] for own in labels]
        sizes = [int(n.max()) + 1 for n in numbers]
        first = np.cumsum([0, *sizes])
        unit = np.concatenate([n + f for n, f in zip(numbers, first, strict=False)])
        return unit, np.repeat(np.arange(len(self.T)), sizes)

    def _require_units(self, unit: np.ndarray, stratum: np.ndarray, counts: np.ndarray) -> None:
        counted = np.bincount(unit, counts) > 0
        for s in np.unique(stratum):
            if (n := int(counted[stratum == s].sum())) < 2:
                where = "of replica exchange" if self.shared_units else f"at T = {self.T[s]:g}"
                raise ThermolatentError(
                    f"units: {n} {where}; an error bar needs two independent pieces of MD there: more walkers, or blocks "
                    "of a long trajectory"
                )
        for k, t in enumerate(self.T):
            here = self.which == k
            if (np.bincount(unit[here], counts[here]) > 0).sum() < 2:
                raise ThermolatentError(
                    f"units: all frames at T = {t:g} are of one unit; units of replica exchange are blocks of time"
                )

    def _states(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """State of each frame as a number, and the names; by default one state with all frames."""
        if self.states is None:
            return np.zeros(len(self.which), int), ("all",)
        flat = self._flat("states")
        if flat.dtype.kind == "f":
            self._finite(flat, "states")
        if self.state_names is None:
            found, labels = np.unique(flat, return_inverse=True)
            return labels, tuple(str(name) for name in found.tolist())
        names = tuple(str(name) for name in self.state_names)
        if len(set(names)) < len(names):
            raise ThermolatentError(f"state_names: {', '.join(names)}; two states have the same name")
        if flat.dtype.kind not in "iu" or flat.min() < 0 or flat.max() >= len(names):
            raise ThermolatentError(
                f"states: with {len(names)} state_names they must be whole numbers from 0 to {len(names) - 1}"
            )
        return flat.astype(int), names

    def _energies(self) -> np.ndarray:
        energies = self._finite(self._flat("energies").astype(np.float64), "energies")
        for k, t in enumerate(self.T):
            if spread_of(energies[self.which == k]) <= 0:
                raise ThermolatentError(
                    f"energies at T = {t:g}: nearly all frames have one and the same energy; are these potential energies? "
                    "Without them: energies=None"
                )
        return energies


def _single(values: np.ndarray) -> np.ndarray:
    """In single precision; numbers too large for it become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def spread_of(energies: np.ndarray) -> float:
    """Robust standard deviation of energies ``(n,)``: 1.4826 times the median absolute deviation.

    From percentiles if most frames have the same energy (a discrete model).
    """
    with np.errstate(over="ignore"):
        found = 1.4826 * np.median(np.abs(energies - np.median(energies)))
    return float(found if found > 0 else np.subtract(*np.percentile(energies, [99, 1])) / 4.65)
