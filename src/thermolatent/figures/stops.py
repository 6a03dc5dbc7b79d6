"""The temperatures of the report's slider, and values at those between computed ones.

Between two temperatures at which an ensemble was computed, ln p of every cell or state is interpolated linearly in
b = 1/kT and p normalised again. That is first order in b: what it neglects is how much the heat capacity at one place
differs from that at another, times half the product of the distances in b.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from thermolatent.config import Study
from thermolatent.layout import format_temperature

#: Populations below this are interpolated as if they were this: ln 0 has no values in between.
LEAST = 1e-4


class Stop(NamedTuple):
    """One position of the slider.

    Attributes
    ----------
    asked: whether the study asks for this temperature, so that everything was computed at it.
    md: whether there is MD.
    """

    temperature: float
    label: str
    role: str
    asked: bool
    md: bool


def stops_of(study: Study, grid: np.ndarray) -> list[Stop]:
    """Every temperature asked for and those of ``grid`` that differ from them, ascending."""
    asked = study.temperatures.generated
    between = [float(T) for T in grid if not np.isclose(T, asked, rtol=1e-6, atol=0).any()]
    simulated = study.temperatures.simulated
    made = [Stop(T, format_temperature(T), study.temperatures.role(T), True, T in simulated) for T in asked]
    made += [Stop(T, f"{T:.4g}", study.temperatures.role(T), False, False) for T in between]
    return sorted(made)


def log_interpolated(study: Study, stops: list[Stop], temperatures: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    """ln p ``(stops, ...)``, up to a constant each, from that at ``temperatures`` ``(n,)``, ``(n, ...)``.

    Linear in 1/kT; NaN beyond the temperatures, and where either neighbour is not finite.
    """
    return _interpolated([1 / study.system.kT(T) for T in temperatures], temperatures, stops, log_p, study)


def interpolated_populations(
    study: Study, stops: list[Stop], temperatures: list[float], populations: np.ndarray
) -> np.ndarray:
    """Populations ``(stops, K)``, rows with sum 1, from those ``(n, K)`` at ``temperatures``; NaN beyond them."""
    log_p = log_interpolated(study, stops, np.asarray(temperatures), np.log(np.maximum(populations, LEAST)))
    p = np.exp(log_p)
    p /= p.sum(axis=1, keepdims=True)
    for k, stop in enumerate(stops):  # what was computed stays as it is
        if stop.temperature in temperatures:
            p[k] = populations[temperatures.index(stop.temperature)]
    return p


def interpolated(stops: list[Stop], temperatures: list[float], values: np.ndarray) -> np.ndarray:
    """Values ``(stops, ...)`` linear in T, NaN beyond ``temperatures``."""
    return _interpolated(temperatures, temperatures, stops, values)


def _interpolated(coordinate, temperatures, stops: list[Stop], values, study: Study | None = None) -> np.ndarray:
    """Linear in ``coordinate``, which is a temperature, or 1/kT with a study."""
    temperatures, values = np.asarray(temperatures, float), np.asarray(values, float)
    result = np.full((len(stops), *values.shape[1:]), np.nan)
    for k, stop in enumerate(stops):
        T = stop.temperature
        here = np.flatnonzero(np.isclose(temperatures, T, rtol=1e-6, atol=0))
        if len(here):
            result[k] = values[here[0]]
            continue
        above = int(np.searchsorted(temperatures, T))
        if 0 < above < len(temperatures):
            x = 1 / study.system.kT(T) if study else T
            low, high = coordinate[above - 1], coordinate[above]
            share = (x - low) / (high - low)
            with np.errstate(invalid="ignore"):  # inf - inf where both are empty
                result[k] = (1 - share) * values[above - 1] + share * values[above]
    result[~np.isfinite(result)] = np.nan
    return result
