"""Shares by MBAR with its own standard errors, to judge beside the estimator: pymbar on decorrelated frames."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from thermolatent.correlation import statistical_inefficiency
from thermolatent.mbar import MAX_ITERATIONS, initial_free_energies
from thermolatent.systems.base import GAS_CONSTANT


def mbar_shares(frames: dict[str, Any], asked: list[float]) -> dict[float, dict[str, tuple[float, float]]]:
    """Temperature -> state -> (share, standard error) of a set.

    Frames of each temperature are thinned to one per statistical inefficiency of energy or state, whichever is largest, as MBAR's
    covariance takes them for independent (Shirts and Chodera, J. Chem. Phys. 129, 124105, 2008).
    """
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # it recommends JAX
    from pymbar import MBAR

    k = 1.0 if frames.get("temperature_unit") == "reduced" else GAS_CONSTANT
    names, thinned = frames["state_names"], []
    for energies, states in zip(frames["energies"], frames["states"], strict=True):
        series = [energies, *((states == s).astype(float) for s in range(len(names)))]
        step = int(np.ceil(max(statistical_inefficiency(list(one)) for one in series)))
        thinned.append((energies[:, ::step].ravel(), states[:, ::step].ravel()))
    energies, states = (np.concatenate(parts) for parts in zip(*thinned, strict=True))
    counts = np.array([len(part) for part, _ in thinned])
    potentials = energies[:, None] / (k * np.array(frames["temperatures"]))
    start = initial_free_energies(potentials, counts)
    solved = MBAR(potentials.T, counts, initial_f_k=start, maximum_iterations=MAX_ITERATIONS)
    found: dict = {T: {} for T in asked}
    for T in asked:
        for s, name in enumerate(names):
            one = solved.compute_expectations(
                (states == s).astype(float), u_kn=(energies / (k * T))[None], state_dependent=False
            )
            found[T][name] = float(one["mu"][0]), float(one["sigma"][0])
    return found
