"""The two-state toy of benchmarks/interval_coverage.py: heat capacities drawn from the prior, exact answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import expit

from thermolatent.reweight.temperature_basis import TemperatureBasis

SETS = 200
FRAMES = 400
#: Frames that a visit of the less stable state lasts on average.
VISIT = 10
HEAT_CAPACITY = 5.0
TRAINED = {2: [1.0, 2.0], 3: [1.0, 1.4, 2.0]}
ASKED = [0.85, 1.2, 1.7, 2.4]
#: Harmonic degrees of freedom whose energy is added: none but the state's own, or a solvent's.
BATHS = {"no energies": None, "bath 12": 12, "bath 2000": 2000}


def toy(case: type) -> Iterator:
    """Two and three temperatures; 4, 8 and 16 units each; without energies, with nearly exact and with noisy ones."""
    for temperatures in TRAINED.values():
        for units in (4, 8, 16):
            for name, degrees in BATHS.items():
                for number in range(SETS):
                    rng = np.random.default_rng([3, len(temperatures), units, number])
                    label = f"{len(temperatures)} temperatures, {units} units, {name}"
                    yield _set(case, label, number, temperatures, units, degrees, rng)


def _set(case: type, label: str, number: int, temperatures: list[float], units: int, degrees: int | None, rng):
    b = 1 / np.array(temperatures)
    basis = TemperatureBasis([b.min(), b.max()])
    # ln odds of state 1 is -(intercept + e p1 + c p2 + d p3): even odds hot, some way up or down to the cold.
    coefficients = np.array([rng.uniform(-2, 2), *rng.normal(0, HEAT_CAPACITY, 2)])
    intercept = rng.uniform(-1, 1)

    def share(T: float) -> float:
        return float(expit(-(intercept + basis.values(1 / T)[0] @ coefficients)))

    states, energies, features = [], [], []
    for T in temperatures:
        inside = _walkers(share(T), units, rng)
        states.append(inside)
        mean = basis.slopes(1 / T)[0] @ coefficients
        if degrees is not None:
            energies.append(mean * inside + T * rng.standard_gamma(degrees / 2, inside.shape))
        features.append(
            np.stack([inside + 0.3 * rng.standard_normal(inside.shape), rng.standard_normal(inside.shape)], -1)
        )
    frames = {
        "features": features,
        "states": states,
        "state_names": ["zero", "one"],
        "temperatures": temperatures,
        "energies": energies or None,
        "temperature_unit": "reduced",
    }
    truth = {T: {"one": (share(T), 0.0)} for T in ASKED}
    return case(label, number, frames, truth, HEAT_CAPACITY)


def _walkers(p: float, units: int, rng) -> np.ndarray:
    """Two-state Markov chains ``(units, FRAMES)`` of stationary share ``p``, begun in equilibrium."""
    leave = 1 / VISIT
    rates = (leave * min(1.0, p / (1 - p)), leave * min(1.0, (1 - p) / p))  # into and out of state 1
    states = np.empty((units, FRAMES), int)
    states[:, 0] = rng.random(units) < p
    for t in range(1, FRAMES):
        change = rng.random(units) < np.where(states[:, t - 1] == 1, rates[1], rates[0])
        states[:, t] = np.where(change, 1 - states[:, t - 1], states[:, t - 1])
    return states
