"""Predictions on the grid of temperatures, from the files of ``gather``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.figures.tables import Prediction, Tables
from thermolatent.files.artifacts import load_arrays
from thermolatent.report.settings import Inputs
from thermolatent.tables import read_table
from thermolatent.validate.grid import OBSERVABLE_COLUMNS
from thermolatent.validate.predictions import COLUMNS
from thermolatent.validate.settings import Asked

_ARRAYS = {"temperatures", "edges_plane", "free_energy", "free_energy_half"}


@dataclass(frozen=True)
class Grid:
    """``grid.csv``, ``grid_observables.csv`` and ``grid.npz``, which have the same temperatures.

    Attributes
    ----------
    temperatures: ascending.
    populations: at each temperature, by state.
    observables: by name, at each temperature: value and the ends of its 95 % interval, NaN if unknown.
    edges: bins of the fixed plane, ``(2, bins + 1)``.
    free_energy: in that plane, ``(temperatures, bins, bins)``, kT, NaN in bins without frames.
    half: half of the 95 % interval of ``free_energy``, or NaN.
    """

    temperatures: list[float]
    populations: list[dict[str, Prediction]]
    observables: dict[str, list[tuple[float, float, float]]]
    edges: np.ndarray
    free_energy: np.ndarray
    half: np.ndarray

    @classmethod
    def load(cls, study: Asked, files: Inputs) -> Grid:
        """Read it; raises :class:`ArtifactError` for files that are missing, broken or inconsistent."""
        arrays = load_arrays(files.grid_surfaces, "grid", _ARRAYS)
        temperatures = arrays["temperatures"].tolist()
        populations = Tables(study, [], [], read_table(files.grid, COLUMNS), []).predictions()
        observables: dict[str, dict[float, tuple[float, float, float]]] = {}
        for row in read_table(files.grid_observables, OBSERVABLE_COLUMNS):
            value, low, high = (float(row[name] or "nan") for name in ("value", "low", "high"))
            observables.setdefault(row["observable"], {})[float(row["temperature"])] = (value, low, high)
        for path, own in ((files.grid, populations), *((files.grid_observables, v) for v in observables.values())):
            if list(own) != temperatures:
                raise ArtifactError(f"{path}: has other temperatures than {files.grid_surfaces}; run gather again")
        return cls(
            temperatures,
            list(populations.values()),
            {name: list(at.values()) for name, at in observables.items()},
            arrays["edges_plane"],
            arrays["free_energy"],
            arrays["free_energy_half"],
        )
