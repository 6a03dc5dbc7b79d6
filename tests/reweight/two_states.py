"""Two-state toys with exact answers, for the tests of the estimator."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from thermolatent.reweight.temperature_basis import TemperatureBasis

COLD, HOT = 1.0, 2.0


def share(temperature: float, e: float, c: float = 0.0, d: float = 0.0, intercept: float = 0.0) -> float:
    """Exact share of state 1: ln odds -(intercept + e p1 + c p2 + d p3) with p of training temperatures 1 and 2."""
    basis = TemperatureBasis([1 / HOT, 1 / COLD])
    return float(expit(-(intercept + basis.values(1 / temperature)[0] @ [e, c, d])))


def chains(p: float, units: int, frames: int, rng, visit: float = 10.0) -> np.ndarray:
    """Two-state Markov chains ``(units, frames)`` of stationary share ``p`` of state 1, begun in equilibrium."""
    into, out = min(1.0, p / (1 - p)) / visit, min(1.0, (1 - p) / p) / visit
    states = np.empty((units, frames), int)
    states[:, 0] = rng.random(units) < p
    for t in range(1, frames):
        change = rng.random(units) < np.where(states[:, t - 1] == 1, out, into)
        states[:, t] = np.where(change, 1 - states[:, t - 1], states[:, t - 1])
    return states


def md(
    temperatures=(COLD, HOT),
    units=8,
    frames=400,
    e=1.0,
    c=0.0,
    d=0.0,
    intercept=0.0,
    bath=12,
    noise_columns=1,
    seed=0,
    visit=10.0,
) -> dict:
    """What ``ConditionalReweighting.fit`` takes: walkers of a two-state system in a bath of ``bath`` degrees of freedom.

    ``bath`` None: no energies.
    """
    rng = np.random.default_rng([7, seed])
    basis = TemperatureBasis([1 / HOT, 1 / COLD])
    features, states, energies = [], [], []
    for T in temperatures:
        inside = chains(share(T, e, c, d, intercept), units, frames, rng, visit)
        states.append(inside)
        columns = [inside + 0.3 * rng.standard_normal(inside.shape)]
        columns += [rng.standard_normal(inside.shape) for _ in range(noise_columns)]
        features.append(np.stack(columns, axis=-1).astype(np.float32))
        if bath is not None:
            mean = basis.slopes(1 / T)[0] @ [e, c, d]
            energies.append(mean * inside + T * rng.standard_gamma(bath / 2, inside.shape))
    return {
        "features": features,
        "temperatures": list(temperatures),
        "energies": energies or None,
        "states": states,
        "state_names": ["zero", "one"],
        "temperature_unit": "reduced",
    }
