"""Structures at any temperature: frames of the training trajectories, drawn by weight, and a medoid of each state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from thermolatent.files.artifacts import replacing
from thermolatent.files.dcd import fix_title, read_frames
from thermolatent.files.paths import in_ascii
from thermolatent.frames import Frames
from thermolatent.generate.settings import Settings
from thermolatent.rows import scale
from thermolatent.sampling import systematic_resample
from thermolatent.states.named import name_states
from thermolatent.systems.topologies import load_topology, write_pdb
from thermolatent.temperatures import format_temperature

#: Frames drawn per state; the medoid is exact among these.
MEDOID_FRAMES = 500


@dataclass(frozen=True)
class TrainingTrajectories:
    """The training frames and their trajectories: per temperature one per walker."""

    data: Frames
    paths: Mapping[float, Sequence[str]]

    def positions(self, frames: np.ndarray) -> np.ndarray:
        """Positions ``(n, n_particles, 3)`` in nm of frames, by their numbers ``(n,)`` in training frame order."""
        temperature, walker, frame = self.data.place(frames)
        found: np.ndarray | None = None
        for t, w in sorted(set(zip(temperature.tolist(), walker.tolist(), strict=True))):
            here = (temperature == t) & (walker == w)
            xyz = read_frames(self.paths[self.data.temperatures[t]][w], frame[here])
            if found is None:
                found = np.empty((len(frames), *xyz.shape[1:]), xyz.dtype)
            found[here] = xyz
        return found


def drawn_frames(log_weights: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Numbers ``(n,)`` of frames drawn with the weights, from ln w ``(N,)``, which include the frames' counts.

    In random order, so that any part is a fair sample.
    """
    rng = np.random.default_rng([seed, 1])
    return rng.permutation(systematic_resample(np.exp(log_weights - log_weights.max()), n, rng))


def write_dcd(path: str, positions: np.ndarray) -> None:
    """Write ``positions (n, n_particles, 3)`` in nm as a DCD that VMD, MDAnalysis and mdtraj open with the MD's topology."""
    from mdtraj.formats import DCDTrajectoryFile

    with replacing(path) as temporary:
        with in_ascii(temporary) as name, DCDTrajectoryFile(name, "w") as file:
            file.write(positions * 10)  # the format's unit is the angstrom
        fix_title(temporary)


def medoid(
    features: Callable[[np.ndarray], np.ndarray], frames: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> int:
    """Number of the frame with the smallest mean distance to the others, of :data:`MEDOID_FRAMES` drawn by weight.

    Parameters
    ----------
    features: standardised features ``(m, n)`` by frame numbers ``(m,)``; distances are Euclidean in them, so that equivalent
        structures are equal.
    frames: numbers to choose from, ``(N,)``.
    weights: ``(N,)``, not all 0.
    """
    drawn = frames[systematic_resample(weights, MEDOID_FRAMES, rng)]
    x = features(drawn).astype(np.float64)
    squared = np.sum(x**2, axis=1)
    distance = np.sqrt(np.maximum(squared[:, None] + squared[None] - 2 * x @ x.T, 0))
    return int(drawn[distance.mean(axis=1).argmin()])


class StateMedoids:
    """Medoids of the named states, whose frames are assigned once for all temperatures."""

    def __init__(self, settings: Settings, trajectories: TrainingTrajectories, topology: str):
        self.trajectories, self.topology, self.data = trajectories, topology, trajectories.data
        data = self.data
        plane, self._features = data.flat(data.plane), data.rows()
        self.names, assigner = name_states(settings.states, settings.system, data)
        self.labels = assigner.assign(plane)
        self._mean, self._std = scale(self._features, torch.arange(len(data)), data.counts_of())

    def _standardised(self, frames: np.ndarray) -> np.ndarray:
        return ((self._features[frames] - self._mean) / self._std).float().numpy()

    def write(self, path: str, temperature: float, log_weights: np.ndarray, seed: int) -> None:
        """Write a PDB with one model per populated state; remarks give its name, population and temperature of origin."""
        weights, rng = np.exp(log_weights - log_weights.max()), np.random.default_rng([seed, 2])
        shares = np.bincount(self.labels, weights, minlength=len(self.names)) / weights.sum()
        states = [k for k, share in enumerate(shares) if share > 0]
        chosen = []
        for k in states:
            rows = np.flatnonzero(self.labels == k)
            chosen.append(medoid(self._standardised, rows, weights[rows], rng))
        topology = load_topology(self.topology)
        xyz = self.trajectories.positions(np.array(chosen))
        origin = self.data.temperature_index()[chosen]
        remarks = [f"REMARK   1 MEDOIDS OF THE NAMED STATES AT T = {format_temperature(temperature)}"]
        for model, (k, t) in enumerate(zip(states, origin, strict=True), start=1):
            where = format_temperature(self.data.temperatures[t])
            remarks.append(
                f"REMARK   1 MODEL {model}: {self.names[k]}, POPULATION {shares[k]:.4f}, FRAME FROM T = {where}"
            )
        write_pdb(path, topology, xyz, remarks)
