"""Training frames, in the one order that every file uses: temperature as listed in the study, then walker, then frame.

Frames that carry weights (biased MD, a bath coupled to the state) are replaced here, and only here, by as many drawn with
those weights. So everything downstream has frames that count alike; only what needs two frames a lag apart goes back to the
trajectory they were drawn from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thermolatent.artifacts import load_array, load_json
from thermolatent.config import Study
from thermolatent.densities.fit import held_out_units
from thermolatent.errors import ArtifactError
from thermolatent.layout import Layout
from thermolatent.learn.frames import Rows, held, rows_of
from thermolatent.learn.informed import systematic_resample

_FINGERPRINT_FRAMES = 5000


@dataclass(frozen=True)
class TrainingData:
    """Frames of the training temperatures; each list has one memory-mapped array per temperature.

    Attributes
    ----------
    temperatures: as listed in the study.
    kT: thermal energies, kJ/mol.
    features: ``(walkers, frames, n_features)`` float32.
    plane: ``(walkers, frames, 2)`` float32, the fixed plane.
    energies: ``(walkers, frames)`` float64, kJ/mol.
    drawn: which frame of the MD, counted through its walkers, each of the one order is, ``(walkers * frames,)`` int64.
        Of frames without weights, each once.
    plane_periodic: whether each column of the plane is an angle.
    """

    temperatures: list[float]
    kT: list[float]
    T_ref: float
    features: list[np.ndarray]
    plane: list[np.ndarray]
    energies: list[np.ndarray]
    drawn: list[np.ndarray]
    plane_periodic: tuple[bool, ...] = (False, False)

    @property
    def has_energies(self) -> bool:
        """Whether the MD came with energies: existing trajectories need not, theirs are NaN then."""
        return all(bool(np.isfinite(e).all()) for e in self.energies)

    @property
    def counts(self) -> list[int]:
        """Frames per temperature, N_k."""
        return [f.shape[0] * f.shape[1] for f in self.features]

    @property
    def held(self) -> bool:
        """Whether the features are held in memory."""
        return held(self.features)

    def drawn_features(self) -> Rows:
        """:meth:`flat` of the features, in memory only where they fit."""
        return rows_of(self.features, self.drawn)

    def features_in_time(self) -> Rows:
        """:meth:`in_time` of the features, in memory only where they fit."""
        return rows_of(self.features)

    def flat(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Per-temperature arrays ``(walkers, frames, ...)`` in the one order, weighted frames drawn, ``(N, ...)``."""
        return self.in_time([draw(a, rows) for a, rows in zip(arrays, self.drawn, strict=True)])

    def in_time(self, arrays: list[np.ndarray]) -> np.ndarray:
        """The same as the MD wrote them, ``(N, ...)``: frames one lag apart are there, but do not count alike."""
        return np.concatenate([np.asarray(a).reshape(-1, *a.shape[2:]) for a in arrays])

    def places(self) -> np.ndarray:
        """Where in :meth:`in_time` each frame of the one order is, ``(N,)`` int64."""
        first = np.cumsum([0, *self.counts[:-1]])
        return np.concatenate([rows + offset for rows, offset in zip(self.drawn, first, strict=True)])

    def temperature_index(self) -> np.ndarray:
        """Which temperature each frame came from, ``(N,)`` int64."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def fingerprint(self) -> str:
        """Digest of the shapes and of some thousand frames, evenly spaced: MD or features made anew differ in all."""
        hashed = hashlib.sha256(repr((self.temperatures, self.kT, self.T_ref)).encode())
        for arrays in (self.features, self.plane, self.energies, self.drawn):
            for array in arrays:
                rows = array.reshape(-1, *array.shape[2:]) if array.ndim > 1 else array
                hashed.update(repr((array.shape, array.dtype)).encode())
                hashed.update(np.ascontiguousarray(rows[:: -(-len(rows) // _FINGERPRINT_FRAMES)]).tobytes())
        return hashed.hexdigest()

    def theta(self) -> np.ndarray:
        """T / T_ref of each frame, ``(N,)`` float32."""
        return np.repeat(np.asarray(self.temperatures, np.float32) / np.float32(self.T_ref), self.counts)


def load_training(study: Study, layout: Layout) -> TrainingData:
    """Open the features of the training temperatures, and of no other."""
    temperatures = study.temperatures.train
    headers = [load_json(layout.features_header(T), "features' header") for T in temperatures]
    features = [load_array(layout.features(T), "features", mmap=True) for T in temperatures]
    for T, f in zip(temperatures, features, strict=True):
        expected = (study.simulate.walkers, study.frames)
        if f.shape[:2] != expected:
            raise ArtifactError(
                f"{layout.features(T)}: holds {f.shape[0]} walkers of {f.shape[1]} frames, the study says {expected[0]} "
                f"of {expected[1]}; delete it and run featurize again"
            )
    return TrainingData(
        temperatures=temperatures,
        kT=[study.system.kT(T) for T in temperatures],
        T_ref=study.temperatures.T_ref,
        features=features,
        plane=[load_array(layout.plane(T), "plane", mmap=True) for T in temperatures],
        energies=[load_array(layout.energies(T), "energies", mmap=True) for T in temperatures],
        drawn=[drawn_frames(layout, T) for T in temperatures],
        plane_periodic=tuple(headers[0].get("plane_periodic", (False, False))),
    )


def drawn_frames(layout: Layout, temperature: float) -> np.ndarray:
    """Which frames of the MD stand for the ensemble at its temperature, ``(walkers * frames,)`` int64, ascending.

    Frames that carry weights are drawn by systematic resampling: a frame of weight w, the mean being 1, is there floor(w) or
    ceil(w) times. Otherwise each is there once. The draw depends on nothing but weights and temperature.
    """
    header = load_json(layout.features_header(temperature), "features' header")
    if not header.get("weighted", False):
        return np.arange(load_array(layout.plane(temperature), "plane", mmap=True)[..., 0].size)
    log_weights = load_array(layout.log_weights(temperature), "log-weights").ravel()
    rng = np.random.default_rng(round(temperature * 1e6))
    return systematic_resample(np.exp(log_weights - log_weights.max()), len(log_weights), rng)


def draw(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The frames ``rows`` ``(walkers * frames,)`` of an array ``(walkers, frames, ...)``, in its shape."""
    if len(rows) and (np.diff(rows) == 1).all():  # each once: leave a memory map what it is
        return array
    return array.reshape(-1, *array.shape[2:])[rows].reshape(array.shape)


def held_out_walkers(walkers: int, share: float) -> np.ndarray:
    """Mask ``(walkers,)`` of the walkers kept out of training, at least one and never all.

    Whole walkers: frames shuffled between the sides would leak, as neighbours in time are nearly copies. They are picked
    by the golden ratio, since an even stride would pick one starting structure only (those repeat evenly too).
    """
    return held_out_units(walkers, share)


@dataclass(frozen=True)
class LaggedPairs:
    """Indices into the frames in time: ``now`` and, one lag later in the same walker, ``later``."""

    now: Tensor
    later: Tensor


def lagged_pairs(data: TrainingData, lag: int, walkers: np.ndarray) -> LaggedPairs:
    """Pairs ``lag`` frames apart within the walkers of the mask, at every temperature; each drawn frame begins one."""
    has_later = np.concatenate(
        [rows % f.shape[1] < f.shape[1] - lag for f, rows in zip(data.features, data.drawn, strict=True)]
    )
    now = torch.from_numpy(data.places()[has_later & frame_mask(data, walkers)])
    return LaggedPairs(now, now + lag)


def frame_mask(data: TrainingData, walkers: np.ndarray) -> np.ndarray:
    """Mask ``(N,)`` in the one order of the frames of the masked walkers."""
    return np.concatenate([walkers[rows // f.shape[1]] for f, rows in zip(data.features, data.drawn, strict=True)])
