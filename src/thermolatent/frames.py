"""Frames of MD at several temperatures: the one class for those that are learned from and for those that are compared with.

A frame keeps its walker, and counts as often as its weight says: a frame of biased MD, or of a bath coupled to the state, more
or less often than once. Every statistic takes these counts; only the batch of a training step is ever drawn by them.

**Training frame order**, the order of all frame weights: temperature as listed, then walker, then frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from thermolatent.rows import Rows, held, rows_of

_FINGERPRINT_FRAMES = 5000


class Place(NamedTuple):
    """Where frames are in the MD: index of the temperature, walker at that temperature and frame in it, each ``(m,)``."""

    temperature: np.ndarray
    walker: np.ndarray
    frame: np.ndarray


class Blocks(NamedTuple):
    """Independent pieces of the MD at one temperature that are not its walkers.

    Attributes
    ----------
    unit: number of the piece that each frame is of, ``(walkers, frames)`` int, counted through over all temperatures; pieces
        of replica exchange go through all of them.
    length, slowest: a piece has at least so many frames, because of this.
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
    features: per temperature ``(walkers, frames, n_features)`` float32, memory maps or arrays, as the others.
    plane: per temperature ``(walkers, frames, 2)`` float32, the fixed plane.
    energies: per temperature ``(walkers, frames)`` float64, kJ/mol; NaN where the MD came without.
    counts: how often each frame counts, ``(walkers, frames)`` at those temperatures whose frames carry weights, on any scale.
        Here brought to mean 1 at each temperature, float64; ones, which take no memory, elsewhere.
    starts: name of each walker's starting structure, per temperature; all the same where nothing is said.
    observables: per temperature ``(walkers, frames, k)``.
    observable_names: one for each of the k columns.
    plane_periodic: whether each column of the plane is an angle.
    pieces: of imported MD, per temperature ``(walkers, 2)`` int: number of the file each walker is cut from, and of its first
        frame there, among those used. Walkers of one file are in the order of time.
    stretch: of replica exchange, frames between two attempts to exchange, per temperature. The first attempt is at frame 0.
    blocks: of imported MD, its independent pieces by temperature (:func:`thermolatent.reweight.units.with_units`); where there
        are none, walkers are.
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
        """Walkers, and frames of each of them."""
        return self.features[temperature].shape[:2]

    @property
    def n_walkers(self) -> int:
        """Walkers at every temperature; of MD with different numbers of them, at the first."""
        return self.shape(self.temperatures[0])[0]

    @property
    def frames_at(self) -> list[int]:
        """Frames at each temperature, N_k; what they count together, too."""
        return [walkers * frames for walkers, frames in map(self.shape, self.kT)]

    def __len__(self) -> int:
        return sum(self.frames_at)

    def among(self, temperatures: Iterable[float]) -> Frames:
        """The frames at these temperatures alone, in this order."""
        wanted, own = list(temperatures), {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, dict):
                own[entry.name] = {T: value[T] for T in wanted if T in value}
        return replace(self, **own)

    @cached_property
    def has_energies(self) -> bool:
        """Whether all of the MD came with energies: existing trajectories need not, theirs are NaN then."""
        return all(bool(np.isfinite(e).all()) for e in self.energies.values())

    # In training frame order

    def flat(self, arrays: Mapping[float, np.ndarray]) -> np.ndarray:
        """Per-temperature arrays ``(walkers, frames, ...)`` in training frame order, ``(N, ...)``."""
        chosen = [np.asarray(arrays[T]) for T in self.kT]
        return np.concatenate([a.reshape(-1, *a.shape[2:]) for a in chosen])

    def rows(self) -> Rows:
        """The features in training frame order, ``(N, n_features)``, in memory only where they fit."""
        return rows_of([self.features[T] for T in self.kT])

    @property
    def held(self) -> bool:
        """Whether the features are held in memory."""
        return held(list(self.features.values()))

    @cached_property
    def weighted(self) -> bool:
        """Whether the frames do not all count alike."""
        return any(0 not in c.strides for c in self.counts.values())

    @cached_property
    def frame_counts(self) -> np.ndarray:
        """How often each frame counts, ``(N,)`` float64, mean 1 at each temperature."""
        return self.flat(self.counts) if self.weighted else np.broadcast_to(np.float64(1), (len(self),))

    def counts_of(self, chosen: np.ndarray | slice = slice(None)) -> np.ndarray | None:
        """How often the chosen frames (numbers or a mask) count, or None where all frames count alike."""
        return self.frame_counts[chosen] if self.weighted else None

    def temperature_index(self) -> np.ndarray:
        """Which temperature each frame came from, ``(N,)`` int64."""
        return np.repeat(np.arange(len(self.kT)), self.frames_at)

    def theta(self, T_ref: float) -> np.ndarray:
        """T / T_ref of each frame, ``(N,)`` float32."""
        return np.repeat(np.asarray(self.temperatures, np.float32) / np.float32(T_ref), self.frames_at)

    # Independent pieces

    def unit_at(self, temperature: float) -> np.ndarray:
        """Independent piece of MD that each frame at one temperature is of, its walker or a block, ``(walkers, frames)`` int64
        from 0."""
        shape = self.shape(temperature)
        if temperature in self.blocks:
            return np.unique(self.blocks[temperature].unit, return_inverse=True)[1].reshape(shape)
        return np.broadcast_to(np.arange(shape[0])[:, None], shape)

    @cached_property
    def units(self) -> np.ndarray:
        """Independent piece of MD that each frame is of, counted through over the temperatures, ``(N,)`` int64."""
        if self.blocks:
            return np.unique(self.flat({T: own.unit for T, own in self.blocks.items()}), return_inverse=True)[1]
        first = np.cumsum([0, *(self.shape(T)[0] for T in self.kT)])
        return np.concatenate([n + self.unit_at(T).ravel() for n, T in zip(first, self.kT, strict=False)])

    @cached_property
    def strata(self) -> np.ndarray:
        """The set of units drawn independently that each unit is one of, ``(units,)`` int64: its temperature's index, or 0 where
        units go through all temperatures."""
        return self.temperature_index()[np.unique(self.units, return_index=True)[1]]

    @cached_property
    def half(self) -> dict[float, np.ndarray]:
        """Which frames are of units in half A, per temperature ``(walkers, frames)`` bool; the others are in half B."""
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
        """Where frames, given by their numbers ``(m,)`` in training frame order, are in the MD."""
        first = np.cumsum([0, *self.frames_at])
        temperature = np.searchsorted(first, numbers, side="right") - 1
        length = np.array([self.shape(T)[1] for T in self.kT])[temperature]
        return Place(temperature, *np.divmod(np.asarray(numbers) - first[temperature], length))

    # Continuity in time

    @cached_property
    def series(self) -> np.ndarray:
        """Series in time that each frame belongs to, ``(N,)`` int64, counted through: a walker, or those that go on from one
        another in one file. Of replica exchange a series is continuous between exchanges only (:meth:`linked`)."""
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
        """Whether continuous MD leads from each frame to the one ``lag`` later in its walker, ``(walkers, frames)`` bool."""
        walkers, length = self.shape(temperature)
        found = np.tile(np.arange(length) < length - lag, (walkers, 1))
        if (stretch := self.stretch.get(temperature)) is not None:
            first = self.pieces[temperature][:, 1] if temperature in self.pieces else np.zeros(walkers, int)
            number = _stretch_of(first[:, None] + np.arange(length + lag), stretch)
            found &= number[:, :length] == number[:, lag:]
        return found

    def fingerprint(self) -> str:
        """Digest of the shapes and of some thousand frames, evenly spaced: MD or features made anew differ in all."""
        hashed = hashlib.sha256(repr(self.kT).encode())
        for arrays in (self.features, self.plane, self.energies, self.counts):
            for array in arrays.values():
                rows = array.reshape(-1, *array.shape[2:])
                hashed.update(repr((array.shape, array.dtype)).encode())
                hashed.update(np.ascontiguousarray(rows[:: -(-len(rows) // _FINGERPRINT_FRAMES)]).tobytes())
        hashed.update(repr(self.stretch).encode() if self.stretch else b"")
        return hashed.hexdigest()


def halves(starts: list[str]) -> np.ndarray:
    """Which units, given the start of each, belong to half A, ``(units,)`` bool; the others are half B.

    Units of one start alternate between the halves, and the alternation runs on from start to start, so that both
    halves have every start equally often and equally many units, up to one.
    """
    order = np.argsort(np.unique(starts, return_inverse=True)[1], kind="stable")
    half = np.zeros(len(starts), bool)
    half[order[::2]] = True
    return half


def _stretch_of(frames: np.ndarray, length: float) -> np.ndarray:
    """Number of the stretch between exchanges that frames of a file are in; its ``length``, in frames, need not be whole."""
    return np.floor(frames / length + 1e-9).astype(int)


def _of_mean_one(counts: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """Counts of mean 1; of frames that count alike a view of a single number."""
    if counts is None or np.ptp(counts) == 0:
        return np.broadcast_to(np.float64(1), shape)
    counts = np.asarray(counts, np.float64)
    return counts * (counts.size / counts.sum())
