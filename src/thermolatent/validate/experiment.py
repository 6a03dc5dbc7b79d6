"""Measured values, or those of other people's simulations, beside the predictions of the reweighting.

The chi-square of a data set is d^T (E + V)^-1 d: d are the differences, E the squares of the errors of the data on the
diagonal, and V the covariance of the predictions (:meth:`thermolatent.reweight.influence.Influences.covariance`), which at
different temperatures depend on the same MD. As in the intervals, shares are compared on the logit scale, and the errors of
predictions are widened by Student's t.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc, logit

from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import load_json
from thermolatent.reweight import thermodynamics
from thermolatent.reweight.influence import NORMAL, Influences, linear_interval, share_interval
from thermolatent.reweight.verdict import unassessable
from thermolatent.temperatures import format_temperature
from thermolatent.validate.grid import values_of_frames
from thermolatent.validate.settings import MELTING, Asked, Experiment

if TYPE_CHECKING:
    from thermolatent.files.paths import FrameFiles
    from thermolatent.reweight.estimator import ConditionalReweighting

log = logging.getLogger(__name__)

#: Columns of ``experiment.csv``; ``temperature`` is empty for a melting temperature, chi2 and after are of the data set.
COLUMNS = (
    *("study", "label", "quantity", "temperature", "value", "error", "predicted", "stderr", "low", "high"),
    *("chi2", "points", "p_value"),
)


def rows(study: Asked, frames: Mapping[float, FrameFiles], reweighting: ConditionalReweighting) -> list[dict[str, Any]]:
    """Rows of ``experiment.csv``, one per point of ``validate.experiment``.

    A prediction is missing where there is none (a state that is not assessable, MD at a single temperature), with a warning.
    Points without an error do not enter the chi-square. Raises :class:`ThermolatentError` for an unknown observable.
    """
    found = []
    for data in study.validate_.experiment:
        known = data.quantity == MELTING or data.quantity in reweighting.state_names
        quantity, values = (data.quantity, None) if known else _column(data, frames, reweighting)
        base = {"study": study.name, "label": data.label, "quantity": quantity}
        points = [
            base | {"temperature": "" if p.temperature is None else format_temperature(p.temperature)}
            | {"value": p.value, "error": nan if p.error is None else p.error}
            for p in data.points
        ]  # fmt: skip
        try:
            influences, interval = _predictions(study, data, values, reweighting)
        except ThermolatentError as error:
            log.warning("validate.experiment, %s: no prediction: %s", data.label, error)
            found += points
            continue
        parts = influences.parts()
        ends = interval(influences.values, parts)
        of_set = _agreement(data, influences, interval is share_interval)
        columns = {"predicted": influences.values, "stderr": parts.stderr, "low": ends[0], "high": ends[1]}
        for i, point in enumerate(points):
            found.append(point | {name: float(column[i]) for name, column in columns.items()} | of_set)
    return found


def _predictions(
    study: Asked, data: Experiment, values: np.ndarray | None, reweighting: ConditionalReweighting
) -> tuple[Influences, Any]:
    """The prediction for each point with its influences, and the function of its interval.

    ``values``: the observable of all frames ``(N,)``, None for a state or a melting temperature.
    """
    states = reweighting.state_names
    state = study.validate_.melting if data.quantity == MELTING else data.quantity
    if unseen := unassessable(reweighting, state if state in states else None):
        raise ThermolatentError(unseen[0])
    if data.quantity == MELTING:
        found = thermodynamics.melting(reweighting, states.index(state))
        return _only(found, thermodynamics.MELTING.index("Tm")), linear_interval
    temperatures = [point.temperature for point in data.points]
    if data.quantity in states:
        k = states.index(state)
        parts = [_only(reweighting.population_influences(T), k) for T in temperatures]
        return Influences.joined(parts), share_interval
    return Influences.joined([reweighting.mean_influences(T, values) for T in temperatures]), linear_interval


def _only(influences: Influences, k: int) -> Influences:
    """One of the predictions."""
    return influences.map(influences.values[[k]], np.eye(len(influences.values))[:, [k]])


def _column(
    data: Experiment, frames: Mapping[float, FrameFiles], reweighting: ConditionalReweighting
) -> tuple[str, np.ndarray]:
    """Name of an observable, and its values in all frames ``(N,)``; a study may write the label of a feature with one column."""
    header = load_json(next(iter(frames.values())).header, "features' header")
    names, labels = header.get("observable_names", []), header.get("observable_labels", [])
    columns = [k for k, pair in enumerate(zip(names, labels, strict=True)) if data.quantity in pair]
    if len(columns) != 1:
        raise ThermolatentError(
            f"validate.experiment: {data.quantity} is {len(columns)} columns of the observables {', '.join(names)}; write "
            "the name of one column, or of a state"
        )
    return names[columns[0]], values_of_frames(frames, "observables", reweighting)[:, columns[0]]


def _agreement(data: Experiment, influences: Influences, shares: bool) -> dict[str, float]:
    """Chi-square, number of points and p-value; empty if no point has an error.

    Left out are measured shares of 0 and 1, and predictions of which nothing is known, whose interval is (0, 1).
    """
    low, high = share_interval(influences.values, influences.parts())
    known = [
        i
        for i, point in enumerate(data.points)
        if point.error is not None and (not shares or (0 < point.value < 1 and low[i] > 0 and high[i] < 1))
    ]
    if not known:
        return {}
    value, error = (np.array([getattr(data.points[i], name) for i in known]) for name in ("value", "error"))
    told, wider = influences.values[known], influences.parts().quantile[known] / NORMAL
    covariance = influences.covariance()[np.ix_(known, known)] * np.outer(wider, wider)
    if shares:
        slope = 1 / (told * (1 - told))
        covariance, error = covariance * np.outer(slope, slope), error / (value * (1 - value))
        value, told = logit(value), logit(told)
    difference, total = value - told, covariance + np.diag(error**2)
    found = float(difference @ np.linalg.solve(total, difference))
    return {"chi2": found, "points": len(known), "p_value": float(chdtrc(len(known), found))}
