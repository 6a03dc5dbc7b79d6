"""Columns of files as features: periodic ones in radians, from -pi to pi."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.tables import EnergyTable, find_column

log = logging.getLogger(__name__)

#: Relative rounding error of a printed period.
_ROUNDING = 1e-3
#: Share of its period that an angle seldom goes over less than; of degrees, radians are 1.7 %.
_LITTLE = 0.05


def columns_of(table: EnergyTable, names: tuple[str, ...], periodic: Mapping[str, float | None]) -> np.ndarray:
    """``(rows, n)`` float64 of these columns; of the ``periodic`` ones 2 pi x / period, from -pi to pi.

    Raises :class:`ArtifactError` for a missing column, for values that go over more than the period, and if file and study have
    different periods.
    """
    found = []
    for name in names:
        own = find_column(table.path, table.names, name, "system.features")
        values = table.finite(own)
        if (period := period_of(table, name, periodic)) is not None:
            if (spread := float(np.ptp(values))) < _LITTLE * period:
                log.warning(
                    "%s: '%s' goes over %.3g, little of its period %.4g; is the period in the unit of the file?",
                    *(table.path, name, spread, period),
                )
            values = values * (2 * np.pi / period)
            values = np.where(np.abs(values) > np.pi, values - 2 * np.pi * np.round(values / (2 * np.pi)), values)
        found.append(values)
    return np.stack(found, axis=1)


def period_of(table: EnergyTable, name: str, periodic: Mapping[str, float | None]) -> float | None:
    """Period of a column in the file's unit: the study's, else the file's, else 2 pi; None if it is not periodic."""
    own = find_column(table.path, table.names, name, "system.features")
    said, given = table.periods.get(own), periodic.get(name)
    if name not in periodic:
        if said is None:
            return None
        raise ArtifactError(
            f"{table.path}: '{name}' is periodic, as its line '#! SET min_{own}' says; write it in system.periodic"
        )
    if said is not None and not said > 0 and given is None:
        raise ArtifactError(
            f"{table.path}: '#! SET' does not say both ends of '{name}' as numbers; write system.periodic: {{{name}: PERIOD}}"
        )
    if given is not None and said is not None and abs(given - said) > _ROUNDING * given:
        raise ArtifactError(
            f"{table.path}: the period of '{name}' is {said:g} by its lines '#! SET', system.periodic says {given:g}; write one"
        )
    period, spread = given or said or 2 * np.pi, float(np.ptp(table.finite(own)))
    if spread > (1 + _ROUNDING) * period:
        if given is not None:
            what, advice = f"system.periodic: {given:g}", f"write the period in the unit of '{name}'"
        elif said is not None:
            what = f"{said:g} of its lines '#! SET'"
            advice = f"write both in one unit (in degrees: '#! SET min_{own} -180', '#! SET max_{own} 180')"
        else:
            what, advice = "2 pi of radians", f"write system.periodic: {{{name}: 360}} if it is in degrees"
        raise ArtifactError(f"{table.path}: '{name}' goes over {spread:g}, more than the period {what}; {advice}")
    return float(period)
