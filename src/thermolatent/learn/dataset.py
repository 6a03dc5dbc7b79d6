"""Training frames, in the one order that every file uses: temperature as listed in the study, then walker, then frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thermolatent.artifacts import load_array, load_json
from thermolatent.config import Study
from thermolatent.densities.fit import held_out_units
from thermolatent.errors import ArtifactError
from thermolatent.layout import Layout


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
    """

    temperatures: list[float]
    kT: list[float]
    T_ref: float
    features: list[np.ndarray]
    plane: list[np.ndarray]
    energies: list[np.ndarray]

    @property
    def counts(self) -> list[int]:
        """Frames per temperature, N_k."""
        return [f.shape[0] * f.shape[1] for f in self.features]

    def flat(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Concatenate per-temperature arrays ``(walkers, frames, ...)`` in the one order, ``(N, ...)``."""
        return np.concatenate([np.asarray(a).reshape(-1, *a.shape[2:]) for a in arrays])

    def temperature_index(self) -> np.ndarray:
        """Which temperature each frame came from, ``(N,)`` int64."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def theta(self) -> np.ndarray:
        """T / T_ref of each frame, ``(N,)`` float32."""
        return np.repeat(np.asarray(self.temperatures, np.float32) / np.float32(self.T_ref), self.counts)


def load_training(study: Study, layout: Layout) -> TrainingData:
    """Open the features of the training temperatures, and of no other."""
    temperatures = study.temperatures.train
    for T in temperatures:
        load_json(layout.features_header(T), "features' header")  # refuses another format version
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
    )


def held_out_walkers(walkers: int, share: float) -> np.ndarray:
    """Mask ``(walkers,)`` of the walkers kept out of training, at least one and never all.

    Whole walkers: frames shuffled between the sides would leak, as neighbours in time are nearly copies. They are picked
    by the golden ratio, since an even stride would pick one starting structure only (those repeat evenly too).
    """
    return held_out_units(walkers, share)


@dataclass(frozen=True)
class LaggedPairs:
    """Indices into the flat frames: ``now`` and, one lag later in the same walker, ``later``."""

    now: Tensor
    later: Tensor


def lagged_pairs(data: TrainingData, lag: int, walkers: np.ndarray) -> LaggedPairs:
    """Pairs ``lag`` frames apart within the walkers of the mask, at every temperature."""
    starts, offset = [], 0
    for f in data.features:
        n_walkers, n_frames = f.shape[:2]
        first = offset + np.flatnonzero(walkers)[:, None] * n_frames + np.arange(n_frames - lag)
        starts.append(first.reshape(-1))
        offset += n_walkers * n_frames
    now = torch.from_numpy(np.concatenate(starts))
    return LaggedPairs(now, now + lag)


def frame_mask(data: TrainingData, walkers: np.ndarray) -> np.ndarray:
    """Flat mask ``(N,)`` of the frames of the masked walkers."""
    return np.concatenate([np.repeat(walkers, f.shape[1]) for f in data.features])
