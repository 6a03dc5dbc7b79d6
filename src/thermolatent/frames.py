"""Frames of MD at several temperatures, for training and as reference.

A frame has a walker and a count: frames of biased MD, or of a bath coupled to the state, count more or less than once. All
statistics use the counts as weights; only the batches of training are drawn by them.

**Training frame order**, the order of all frame weights: temperature as listed, then walker, then frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from thermolatent.markov import Chains
from thermolatent.rows import Rows, held, rows_of

_FINGERPRINT_FRAMES = 5000


class Place(NamedTuple):
    """Places of frames in the MD: index of the temperature, walker and frame, each ``(m,)``."""

    temperature: np.ndarray
    walker: np.ndarray
    frame: np.ndarray


class Blocks(NamedTuple):
    """Independent pieces of the MD at one temperature other than its walkers.

    Attributes
    ----------
    unit: number of each frame's piece, ``(walkers, frames)`` int, unique over all temperatures; pieces of replica exchange
        span all temperatures.
    length, slowest: minimum number of frames of a piece, and the slowest series, which determines it.
    """

    unit: np.ndarray
    length: int
    slowest: str


@dataclass(eq=False, repr=False)
class Frames:
    """Frames of the MD at some temperatures, in the order in which ``kT`` lists them.

    Parameters
    ----------
    kT: thermal energy of each temperature, kJ/mol.
    features: per temperature ``(walkers, frames, n_features)`` float32; memory maps or arrays, as the others.
    plane: per temperature ``(walkers, frames, 2)`` float32, the fixed plane.
    energies: per temperature ``(walkers, frames)`` float64, kJ/mol; NaN for MD without energies.
    counts: how often each frame counts, ``(walkers, frames)``, at temperatures with weighted frames, on any scale. Scaled to
        mean 1 at each temperature, float64; at the others 1, without using memory.
    starts: name of each walker's starting structure, per temperature; by default one for all.
    observables: per temperature ``(walkers, frames, k)``.
    observable_names: of the k columns.
    plane_periodic: whether each column of the plane is an angle.
    pieces: of imported MD, per temperature ``(walkers, 2)`` int: number of each walker's file, and of its first frame in the
        file, among the frames used. Walkers of one file are in the order of time.
    stretch: of replica exchange, frames between two exchange attempts, per temperature. The first attempt is at frame 0.
    chains: of reseeded MD, the walkers as Markov chains, per temperature. They determine its counts.
    blocks: of imported MD, its independent pieces by temperature (:func:`thermolatent.reweight.units.with_units`); by default
        the walkers.
    """

    kT: dict[float, float]
    features: dict[float, np.ndarray]
    plane: dict[float, np.ndarray]
    energies: dict[float, np.ndarray]
    counts: dict[float, np.ndarray] = field(default_factory=dict)
    starts: dict[float, list[str]] = field(default_factory=dict)
    observables: dict[float, np.ndarray] = field(default_factory=dict)
    observable_names: list[str] = field(default_factory=list)
    plane_periodic: tuple[bool, bool] = (False, False)
    pieces: dict[float, np.ndarray] = field(default_factory=dict)
    stretch: dict[float, float] = field(default_factory=dict)
    chains: dict[float, Chains] = field(default_factory=dict)
    blocks: dict[float, Blocks] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = (f"{T:g}: {' x '.join(map(str, self.features[T].shape))}" for T in self.kT)
        return f"<walkers x frames x features at {', '.join(told)}>"

    def __post_init__(self):
        self.counts = {T: _of_mean_one(self.counts.get(T), self.shape(T)) for T in self.kT}

    @property
    def temperatures(self) -> list[float]:
        return list(self.kT)

    @property
    def inverse_kT(self) -> np.ndarray:
        """b = 1/kT of each temperature, mol/kJ, ``(K,)``."""
        return 1 / np.array([*self.kT.values()])

    def shape(self, temperature: float) -> tuple[int, int]:
        """Number of walkers, and of frames of each."""
        return self.features[temperature].shape[:2]

    @property
    def n_walkers(self) -> int:
        """Number of walkers at the first temperature (usually the same at all)."""
        return self.shape(self.temperatures[0])[0]

    @property
    def frames_at(self) -> list[int]:
        """Number of frames at each temperature, N_k, which is also their total count."""
        return [walkers * frames for walkers, frames in map(self.shape, self.kT)]

    def __len__(self) -> int:
        return sum(self.frames_at)

    def among(self, temperatures: Iterable[float]) -> Frames:
        """The frames at these temperatures only, in this order."""
        wanted, own = list(temperatures), {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, dict):
                own[entry.name] = {T: value[T] for T in wanted if T in value}
        return replace(self, **own)

    @cached_property
    def has_energies(self) -> bool:
        """Whether all MD has energies; imported trajectories may have none (NaN)."""
        return all(bool(np.isfinite(e).all()) for e in self.energies.values())

    # In training frame order

    def flat(self, arrays: Mapping[float, np.ndarray]) -> np.ndarray:
        """Per-temperature arrays ``(walkers, frames, ...)`` in training frame order, ``(N, ...)``."""
        chosen = [np.asarray(arrays[T]) for T in self.kT]
        return np.concatenate([a.reshape(-1, *a.shape[2:]) for a in chosen])

    def rows(self) -> Rows:
        """The features in training frame order, ``(N, n_features)``, in memory if they fit."""
        return rows_of([self.features[T] for T in self.kT])

    @property
    def held(self) -> bool:
        """Whether the features are held in memory."""
        return held(list(self.features.values()))

    @cached_property
    def weighted(self) -> bool:
        """Whether the frames have different counts."""
        return any(0 not in c.strides for c in self.counts.values())

    @cached_property
    def frame_counts(self) -> np.ndarray:
        """How often each frame counts, ``(N,)`` float64, mean 1 at each temperature."""
        return self.flat(self.counts) if self.weighted else np.broadcast_to(np.float64(1), (len(self),))

    def counts_of(self, chosen: np.ndarray | slice = slice(None)) -> np.ndarray | None:
        """How often the chosen frames (numbers or a mask) count; None if all counts are equal."""
        return self.frame_counts[chosen] if self.weighted else None

    def temperature_index(self) -> np.ndarray:
        """Index of each frame's temperature, ``(N,)`` int64."""
        return np.repeat(np.arange(len(self.kT)), self.frames_at)

    def theta(self, T_ref: float) -> np.ndarray:
        """T / T_ref of each frame, ``(N,)`` float32."""
        return np.repeat(np.asarray(self.temperatures, np.float32) / np.float32(T_ref), self.frames_at)

    # Independent pieces

    def unit_at(self, temperature: float) -> np.ndarray:
        """Number, from 0, of the unit (walker or block) of each frame at one temperature, ``(walkers, frames)`` int64."""
        shape = self.shape(temperature)
        if temperature in self.blocks:
            return np.unique(self.blocks[temperature].unit, return_inverse=True)[1].reshape(shape)
        return np.broadcast_to(np.arange(shape[0])[:, None], shape)

    @cached_property
    def units(self) -> np.ndarray:
        """Number of each frame's unit, unique over all temperatures, ``(N,)`` int64."""
        if self.blocks:
            return np.unique(self.flat({T: own.unit for T, own in self.blocks.items()}), return_inverse=True)[1]
        first = np.cumsum([0, *(self.shape(T)[0] for T in self.kT)])
        return np.concatenate([n + self.unit_at(T).ravel() for n, T in zip(first, self.kT, strict=False)])

    @cached_property
    def strata(self) -> np.ndarray:
        """The set of independently drawn units that each unit belongs to, ``(units,)`` int64: the index of its temperature, or 0
        if units span all temperatures."""
        return self.temperature_index()[np.unique(self.units, return_index=True)[1]]

    @cached_property
    def half(self) -> dict[float, np.ndarray]:
        """Mask of the frames of half A of the units, per temperature ``(walkers, frames)`` bool; the others are half B."""
        found = {}
        for T in self.kT:
            starts, (walkers, frames) = self.starts.get(T), self.shape(T)
            unit = self.unit_at(T)
            first = np.unique(unit, return_index=True)[1] // frames
            found[T] = halves([(starts or [""] * walkers)[w] for w in first])[unit]
        return found

    def of_walkers(self, walkers: np.ndarray) -> np.ndarray:
        """Mask ``(N,)`` of the frames of these walkers, ``(walkers,)`` bool, at every temperature."""
        return np.concatenate([np.repeat(walkers, self.shape(T)[1]) for T in self.kT])

    def place(self, numbers: np.ndarray) -> Place:
        """Places of frames in the MD, from their numbers ``(m,)`` in training frame order."""
        first = np.cumsum([0, *self.frames_at])
        temperature = np.searchsorted(first, numbers, side="right") - 1
        length = np.array([self.shape(T)[1] for T in self.kT])[temperature]
        return Place(temperature, *np.divmod(np.asarray(numbers) - first[temperature], length))

    # Continuity in time

    @cached_property
    def series(self) -> np.ndarray:
        """Number of each frame's time series, ``(N,)`` int64: a walker, or consecutive walkers of one file. With replica
        exchange a series is continuous between exchanges only (:meth:`linked`)."""
        found, count = [], 0
        for T in self.kT:
            walkers, length = self.shape(T)
            begins = np.ones(walkers, bool)
            if T in self.pieces:
                begins[1:] = (np.diff(self.pieces[T], axis=0) != (0, length)).any(axis=1)
            number = count + np.cumsum(begins) - 1
            found.append(np.repeat(number, length))
            count = int(number[-1]) + 1
        return np.concatenate(found)

    def linked(self, temperature: float, lag: int) -> np.ndarray:
        """Whether the MD is continuous from each frame to the one ``lag`` later in its walker, ``(walkers, frames)`` bool."""
        walkers, length = self.shape(temperature)
        found = np.tile(np.arange(length) < length - lag, (walkers, 1))
        if (stretch := self.stretch.get(temperature)) is not None:
            first = self.pieces[temperature][:, 1] if temperature in self.pieces else np.zeros(walkers, int)
            number = _stretch_of(first[:, None] + np.arange(length + lag), stretch)
            found &= number[:, :length] == number[:, lag:]
        return found

    def fingerprint(self) -> str:
        """Digest of the shapes and of some thousand frames, evenly spaced; repeated MD differs in all frames."""
        hashed = hashlib.sha256(repr(self.kT).encode())
        for arrays in (self.features, self.plane, self.energies, self.counts):
            for array in arrays.values():
                rows = array.reshape(-1, *array.shape[2:])
                hashed.update(repr((array.shape, array.dtype)).encode())
                hashed.update(np.ascontiguousarray(rows[:: -(-len(rows) // _FINGERPRINT_FRAMES)]).tobytes())
        hashed.update(repr(self.stretch).encode() if self.stretch else b"")
        return hashed.hexdigest()


def halves(starts: list[str]) -> np.ndarray:
    """Mask of the units of half A, from the start of each unit, ``(units,)`` bool; the others are half B.

    Units of one start alternate between the halves, and the alternation continues from start to start, so that both halves
    have the same number of units, and of units of each start, up to one.
    """
    order = np.argsort(np.unique(starts, return_inverse=True)[1], kind="stable")
    half = np.zeros(len(starts), bool)
    half[order[::2]] = True
    return half


def _stretch_of(frames: np.ndarray, length: float) -> np.ndarray:
    """Number of the stretch between exchanges of frames of a file; ``length`` in frames, not necessarily whole."""
    return np.floor(frames / length + 1e-9).astype(int)


def _of_mean_one(counts: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """Counts of mean 1; a view of a single number if all are equal."""
    if counts is None or np.ptp(counts) == 0:
        return np.broadcast_to(np.float64(1), shape)
    counts = np.asarray(counts, np.float64)
    return counts * (counts.size / counts.sum())
