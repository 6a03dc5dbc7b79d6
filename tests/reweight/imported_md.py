"""Imported MD whose correlation is known: AR(1) series in files that are cut into walkers."""

import numpy as np
from exact_study import make_study
from scipy.signal import lfilter

from thermolatent.frames import Frames

TAU, BORDER = 30.0, 0.6
FILES, LENGTH, WALKER = 4, 3000, 30
STATES = {"states": {"kind": "nearest", "centers": {"low": [0, 0], "high": [2 * BORDER, 0]}}}


def ar1(shape, tau, rng):
    """Stationary Gaussian series along the last axis, of unit variance and correlation time ``tau`` frames."""
    phi = np.exp(-1 / tau)
    noise = rng.standard_normal(shape) * np.sqrt(1 - phi**2)
    noise[..., 0] = rng.standard_normal(shape[:-1])
    return lfilter([1], [1, -phi], noise, axis=-1)


def study(temperatures=(1.0,), **changes):
    models = {"latf": {"density": {"kind": "flow"}}}
    return make_study(temperatures={"train": list(temperatures)}, models=models, validate=STATES, **changes)


def imported(x, walker=WALKER, temperatures=(1.0,), energies=np.nan):
    """Frames as they come of files ``(temperatures, files, frames)`` that are cut into walkers of so many frames."""
    plane = np.stack([x, np.zeros_like(x)], axis=-1).astype(np.float32)
    of_T = dict(zip(temperatures, plane.reshape(len(temperatures), -1, walker, 2), strict=True))
    files, frames = x.shape[1:]
    first = np.tile(np.arange(0, frames, walker), files)
    pieces = np.stack([np.repeat(np.arange(files), frames // walker), first], axis=1)
    energies = {T: np.broadcast_to(np.float64(energies), p.shape[:2]) for T, p in of_T.items()}
    kT = {T: T for T in temperatures}
    return Frames(kT, of_T, of_T, energies, pieces=dict.fromkeys(temperatures, pieces))
