"""Replica exchange between temperatures of a two-state system, with exact answers: what one replica remembers, all share."""

from __future__ import annotations

import numpy as np
from reweight.two_states import share

TEMPERATURES = (1.0, 1.4, 2.0)


def replica_exchange(sets: int, frames: int, e: float, visit: float, seed: int) -> np.ndarray:
    """State at each temperature ``(sets, K, frames)``, of replicas that flip slowly and change temperatures at every frame.

    Flips and swaps each obey detailed balance with the exact shares, so that every temperature has its own.
    """
    rng, K = np.random.default_rng([11, seed]), len(TEMPERATURES)
    p = np.array([share(T, e) for T in TEMPERATURES])
    odds = np.log(p / (1 - p))
    into, out = np.minimum(1, p / (1 - p)) / visit, np.minimum(1, (1 - p) / p) / visit
    states = (rng.random((sets, K)) < p).astype(int)
    found = np.empty((frames, sets, K), np.int8)
    for t in range(frames):
        found[t] = states
        states ^= rng.random((sets, K)) < np.where(states == 1, out, into)
        low = t % 2  # neighbours 0 and 1, then 1 and 2
        a, b = states[:, low].copy(), states[:, low + 1].copy()
        swapped = np.log(rng.random(sets)) < (odds[low] - odds[low + 1]) * (b - a)
        states[:, low], states[:, low + 1] = np.where(swapped, b, a), np.where(swapped, a, b)
    return found.transpose(1, 2, 0)


def content(states: np.ndarray, units: np.ndarray, rng: np.random.Generator) -> dict:
    """What ``ConditionalReweighting.fit`` takes of one set ``(K, frames)`` cut into ``units`` ``(frames,)``."""
    return {
        "features": [(own + 0.3 * rng.standard_normal(own.shape))[:, None].astype(np.float32) for own in states],
        "temperatures": list(TEMPERATURES),
        "states": list(states.astype(int)),
        "state_names": ["zero", "one"],
        "units": [units] * len(states),
        "temperature_unit": "reduced",
    }
