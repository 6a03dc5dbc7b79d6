"""Structures at a temperature nobody simulated: frames of the training trajectories, resampled by weight."""

from __future__ import annotations

import numpy as np

from thermolatent.artifacts import replacing
from thermolatent.config import Study
from thermolatent.layout import Layout
from thermolatent.learn.dataset import TrainingData
from thermolatent.learn.informed import systematic_resample


def write_structures(
    study: Study, layout: Layout, path: str, data: TrainingData, log_weights: np.ndarray, n: int, seed: int
) -> None:
    """Write ``n`` frames drawn with the weights as a DCD that VMD, MDAnalysis and mdtraj open with a simulation's topology.

    Parameters
    ----------
    data: the training frames, of which those that carry weights were drawn.
    log_weights: ln w of every training frame ``(N,)`` in the one order.
    """
    import mdtraj
    from mdtraj.formats import DCDTrajectoryFile

    rng = np.random.default_rng([seed, 1])
    chosen = np.sort(systematic_resample(np.exp(log_weights - log_weights.max()), n, rng))
    walkers, frames = study.simulate.walkers, study.frames
    temperature, in_md = np.divmod(data.places()[chosen], walkers * frames)
    walker, frame = np.divmod(in_md, frames)
    positions = []
    for t, w in sorted(set(zip(temperature.tolist(), walker.tolist(), strict=True))):
        T = study.temperatures.train[t]
        wanted = frame[(temperature == t) & (walker == w)]
        trajectory = mdtraj.load(layout.trajectory(T, w), top=layout.topology(T))
        positions.append(trajectory.xyz[wanted])
    # In random order, so that the first part of the file is a fair sample too.
    xyz = np.concatenate(positions)[rng.permutation(n)]
    with replacing(path) as temporary, DCDTrajectoryFile(str(temporary), "w") as file:
        file.write(xyz * 10)  # the format's unit is the angstrom
