"""The temperatures of the report's slider: those of the grid of ``gather``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from thermolatent.temperatures import format_temperature
from thermolatent.validate.settings import Asked


class Stop(NamedTuple):
    """One position of the slider.

    Attributes
    ----------
    asked: whether it is a temperature of the study, with values of models and baselines.
    md: whether there is MD.
    """

    temperature: float
    label: str
    role: str
    asked: bool
    md: bool


def stops_of(study: Asked, temperatures: Sequence[float]) -> list[Stop]:
    """One stop for each temperature."""
    known, simulated = study.temperatures.generated, study.temperatures.simulated
    role = study.temperatures.role
    return [Stop(T, format_temperature(T), role(T), T in known, T in simulated) for T in temperatures]


def nearest(stops: Sequence[Stop], temperatures: np.ndarray) -> list[int]:
    """Index of the nearest of ``temperatures`` to each stop, by ratio."""
    ratio = np.log([stop.temperature for stop in stops])[:, None] - np.log(temperatures)
    return np.abs(ratio).argmin(axis=1).tolist()
