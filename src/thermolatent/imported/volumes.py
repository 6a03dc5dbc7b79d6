"""pV of MD at constant pressure, for files with U and fluctuating volumes: the energies are U + pV."""

from __future__ import annotations

import logging

import numpy as np

from thermolatent.imported.tables import EnergyTable
from thermolatent.systems.base import BAR_NM3
from thermolatent.systems.trajectories import Energies
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Relative standard deviation of a volume above which it is not just rounding.
_FLUCTUATES = 1e-5


def fluctuate(volumes: np.ndarray) -> bool:
    """Whether volumes ``(n,)``, nm^3, are those of MD at constant pressure."""
    return bool(volumes.size and volumes.min() > 0 and volumes.std() > _FLUCTUATES * volumes.mean())


def add_pV(
    table: EnergyTable,
    energies: np.ndarray,
    volumes: np.ndarray | None,
    pressure: float | None,
    column: str | None,
    key: str = "system.energies",
) -> np.ndarray:
    """Energies of a file's rows ``(rows,)``, kJ/mol, with pV where its volumes ``(rows,)`` fluctuate.

    ``pressure`` (bar) is the study's, below ``key``; without it the column pV is added, or pV at the target pressure of the file.
    """
    if volumes is None or not fluctuate(volumes):
        return energies
    if pressure is None and column is None and (product := table.standard("pV")) is not None:
        log.info("%s: %s is added, the energies are U + pV", table.path, table.first("pV"))
        return energies + product
    if pressure is None and column is None:
        pressure = table.pressure
    return energies + pV(table.path, volumes, pressure, key)


def pV(path: str, volumes: np.ndarray, pressure: float | None, key: str = "system.energies") -> np.ndarray | float:
    """pV in kJ/mol of volumes that fluctuate; 0, with a warning, if the pressure is unknown."""
    if pressure is None:
        log.warning(
            "%s: the volume fluctuates, by %.2g nm^3 about %.4g, and the energies are taken as they are; write %s.pressure: 1 "
            "(bar) to add pV, or pressure: 0 if the energies contain it",
            path,
            volumes.std(),
            volumes.mean(),
            key,
        )
        return 0.0
    if pressure:
        log.info("%s: pV at %g bar is added to the energies", path, pressure)
    return pressure * BAR_NM3 * volumes


def pV_of_boxes(source: Energies, volumes: np.ndarray, seen: bool, temperature: float) -> np.ndarray | float:
    """pV in kJ/mol of trajectories' boxes ``(walkers, frames)``, nm^3, to be added to the energies; 0 without boxes.

    Nothing is added if the energy files have volumes (``seen``).
    """
    if seen or not fluctuate(volumes) or (source.column is not None and source.pressure is None):
        return 0.0
    return pV(f"system.energies at {format_temperature(temperature)}", volumes, source.pressure)
