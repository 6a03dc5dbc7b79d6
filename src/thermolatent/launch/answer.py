"""Results of a study in a few lines: the path of its report, and its predicted populations and melting temperature."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from thermolatent.reweight.verdict import NOT_ASSESSABLE
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.tables import read_table
from thermolatent.validate import melting
from thermolatent.validate.predictions import COLUMNS, HEADLINE, decimals

#: Number of temperatures in the lines; the others are in the report.
_MOST = 3


def answer(study: Study, layout: Layout) -> list[str]:
    """The path of the report and a line per predicted temperature (or training temperature), and the melting temperature, if the
    files exist."""
    lines = [layout.report] if Path(layout.report).is_file() else []
    if not Path(layout.predictions).is_file():
        return lines
    rows = [row for row in read_table(layout.predictions, COLUMNS) if row["predictor"] == HEADLINE]
    asked = [row for row in rows if row["role"] != "train"] or rows
    by_temperature = [(T, list(found)) for T, found in groupby(asked, lambda row: row["temperature"])]
    unit = " K" if study.system.temperature_unit == "kelvin" else ""
    lines += [f"  T = {T}{unit}: {', '.join(map(_population, found))}" for T, found in by_temperature[:_MOST]]
    if len(by_temperature) > _MOST:
        rest = ", ".join(T for T, _ in by_temperature[_MOST:])
        lines.append(f"  and T = {rest}: {layout.predictions}")
    return [*lines, *_melting(study, layout, unit)]


def _melting(study: Study, layout: Layout, unit: str) -> list[str]:
    """E.g. ``folded melts at T = 0.951 +- 0.008``, and whether that is beyond the training temperatures."""
    if study.validate_.melting is None or not Path(layout.melting).is_file():
        return []
    lines = []
    for row in read_table(layout.melting, melting.COLUMNS):
        if row["predictor"] == HEADLINE and row["quantity"] == "Tm":
            Tm, low, high = (float(row[name]) for name in ("value", "low", "high"))
            digits = decimals(high - low)
            where = melting.beyond(Tm, study.temperatures.train)
            text = f"  {row['state']} melts at T = {Tm:.{digits}f} +- {(high - low) / 2:.{digits}f}{unit}"
            lines.append(text + (f", {where}" if where else ""))
    return lines


def _population(row: Mapping[str, str]) -> str:
    """E.g. ``hexagon 0.31 +- 0.04 trusted``; ``+-`` is half of the 95 % interval."""
    if row["verdict"] == NOT_ASSESSABLE:
        return f"{row['state']} {NOT_ASSESSABLE}"
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    digits = decimals(high - low)
    return f"{row['state']} {value:.{digits}f} +- {(high - low) / 2:.{digits}f} {row['verdict']}"
