"""Measured values beside the predictions: tables, and the agreement in sentences."""

from __future__ import annotations

from thermolatent.figures.tables import Tables
from thermolatent.report.findings import number
from thermolatent.report.tables import Cell, Table
from thermolatent.reweight.influence import NORMAL
from thermolatent.validate.predictions import decimals
from thermolatent.validate.settings import MELTING, Asked


def experiment_tables(study: Asked, tables: Tables) -> list[Table]:
    """One table per data set: each value with the prediction there; ± is half of a 95 % interval."""
    made = []
    for rows in _sets(tables):
        title = f"{_quantity(study, rows[0])}: {rows[0]['label']}"
        header = [Cell("Tm" if rows[0]["quantity"] == MELTING else "temperature"), Cell("measured"), Cell("predicted")]
        made.append(Table(title, _agreement(rows), header, [_row(study, row) for row in rows]))
    return made


def experiment_sentences(study: Asked, tables: Tables) -> list[str]:
    """One sentence per data set with a chi-square."""
    return [
        f"{_quantity(study, rows[0])}, {rows[0]['label']}: {_agreement(rows)}"
        for rows in _sets(tables)
        if rows[0]["chi2"]
    ]


def _sets(tables: Tables) -> list[list[dict[str, str]]]:
    """Rows of each data set: of one label and quantity."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in tables.measured:
        found.setdefault((row["label"], row["quantity"]), []).append(row)
    return list(found.values())


def _quantity(study: Asked, row: dict[str, str]) -> str:
    name = row["quantity"]
    if name == MELTING:
        return f"Melting temperature of {study.validate_.melting}"
    return f"Population of {name}" if name in study.validate_.states.names else f"Mean of {name}"


def _row(study: Asked, row: dict[str, str]) -> tuple[str, list[Cell]]:
    half = NORMAL * float(row["error"]) if row["error"] else 0.0
    digits = decimals(2 * half)
    cell = Cell(f"{float(row['value']):.{digits}f}", f"± {half:.{digits}f}" if half else "error not given")
    if not row["predicted"]:
        return row["temperature"] + study.unit, [cell, Cell("–")]
    value, low, high = (float(row[name]) for name in ("predicted", "low", "high"))
    digits = decimals(high - low)
    told = Cell(f"{value:.{digits}f}", f"{low:.{digits}f} to {high:.{digits}f}")
    return (row["temperature"] + study.unit if row["temperature"] else ""), [cell, told]


def _agreement(rows: list[dict[str, str]]) -> str:
    if not rows[0]["chi2"]:
        return "No chi-square: the values have no errors, or there is no prediction."
    points, p = int(rows[0]["points"]), float(rows[0]["p_value"])
    verdict = "they agree within their errors" if p >= 0.05 else "they differ by more than their errors"
    return (
        f"chi-square {number(float(rows[0]['chi2']))} for {points} value{'s' if points > 1 else ''} (p = {number(p)}), with the "
        f"errors of both: {verdict}."
    )
