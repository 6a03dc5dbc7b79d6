"""Predictions at one temperature with intervals and verdicts, for tables, grid, report and commands alike.

They are populations of the named states, and means of the observables with a tolerance in the study.

The values are those of the reweighting. An informed density model adds its distance from the reweighting to the interval; a
model that is not informed has rows with its own values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.reweight.influence import NORMAL, logit_interval
from thermolatent.reweight.verdict import NOT_ASSESSABLE, PARTS, TRUSTED, judge
from thermolatent.temperatures import format_temperature
from thermolatent.validate.settings import POPULATIONS, Asked

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting
    from thermolatent.validate.observables import Observable

#: Predictor of the main rows; the others are the study's models.
HEADLINE = "reweighting"
#: Verdict on a model's own population, whose error is unknown.
OWN = "model's own"
NOT_INFORMED = "not informed: assumes that structures at given latent do not change with temperature"
#: Quantity of a row: population of a named state, or mean of an observable, whose name is in the column ``state``.
POPULATION, MEAN = "population", "mean"
#: Columns of ``predictions.csv``.
COLUMNS = (
    *("study", "predictor", "temperature", "role", "quantity", "state", "value", "stderr", "low", "high"),
    *(*PARTS, "tolerance", "verdict", "reason", "remedy"),
)
#: Names of the parts of an interval in a sentence.
_SHORT = {"sampling": "sampling", "form": "temperature form", "visits": "few visits", "model": "model"}


@dataclass(frozen=True)
class ModelShares:
    """Populations of the named states by one density model at one temperature.

    Attributes
    ----------
    values: ``(seeds, states)``, from the samples of an informed model, from the frame weights of others.
    stderr: standard errors over walkers, ``(seeds, states)``; not used for informed models.
    """

    values: np.ndarray
    stderr: np.ndarray | None = None


def doubts_of(study: Asked, reweighting: ConditionalReweighting) -> list[str]:
    """Reasons for which no prediction of the study is trusted: its scale, and doubts about the MD."""
    scale = study.name.partition("@")[2]
    text = f"a {scale} run: too short to trust" if scale == "smoke" else f"scale {scale}: only full runs are trusted"
    return [*([text] if scale else []), *reweighting.soundness.doubts]


def predictions_at(
    study: Asked,
    reweighting: ConditionalReweighting,
    temperature: float,
    models: Mapping[str, ModelShares] | None = None,
    observables: Sequence[Observable] = (),
) -> list[dict[str, Any]]:
    """Predictions at any temperature: one row with :data:`COLUMNS` per predictor and named state, and per observable.

    Parameters
    ----------
    models: populations by the study's models; models left out have no rows.
    observables: of :func:`thermolatent.validate.observables.judged_observables`; only the reweighting predicts their means.
    """
    base = {"study": study.name, "temperature": format_temperature(temperature)}
    base["role"] = study.temperatures.role(temperature)
    by_predictor = {HEADLINE: _judged(study, reweighting, temperature)}
    known = np.array([row["value"] for row in by_predictor[HEADLINE]])
    for name, shares in (models or {}).items():
        if study.models[name].informed:
            distance = np.abs(np.median(shares.values, axis=0) - known)
            error = np.hypot(distance, _over_seeds(shares.values))
            by_predictor[name] = _judged(study, reweighting, temperature, error)
        else:
            by_predictor[name] = _of_their_own(reweighting.state_names, shares)
    population = {"quantity": POPULATION}
    found = [base | population | {"predictor": name} | row for name, rows in by_predictor.items() for row in rows]
    if observables:
        means = _judged(study, reweighting, temperature, observables=observables)
        found += [base | {"predictor": HEADLINE, "quantity": MEAN} | row for row in means]
    return found


def _judged(
    study: Asked,
    reweighting: ConditionalReweighting,
    temperature: float,
    model: np.ndarray | None = None,
    observables: Sequence[Observable] = (),
) -> list[dict[str, Any]]:
    names = [own.name for own in observables] or reweighting.state_names
    tolerances = [own.tolerance for own in observables] or len(names) * [study.validate_.tolerance[POPULATIONS]]
    only = reweighting.temperatures[0]
    if len(reweighting.temperatures) == 1 and temperature != only:
        row = dict.fromkeys(("value", "stderr", "low", "high", *PARTS), np.nan) | {"verdict": NOT_ASSESSABLE}
        row |= {"reason": f"the only MD is at {only:g}", "remedy": "run MD at a second temperature"}
        return [row | {"state": n, "tolerance": tolerance} for n, tolerance in zip(names, tolerances, strict=True)]
    values = {own.name: own.values for own in observables} or None
    doubts = doubts_of(study, reweighting)
    return judge(reweighting, temperature, tolerances, doubts, model, values).to_dict("records")


def _over_seeds(values: np.ndarray) -> np.ndarray | float:
    """Standard deviation over seeds of values ``(seeds, states)``; 0 for one seed."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else 0.0


def _of_their_own(states: Iterable[str], shares: ModelShares) -> list[dict[str, Any]]:
    """Means over seeds, with the errors over walkers and the standard deviation over seeds."""
    values = shares.values.mean(axis=0)
    walkers = np.zeros_like(values) if shares.stderr is None else np.median(np.nan_to_num(shares.stderr), axis=0)
    stderr = np.hypot(walkers, _over_seeds(shares.values))
    low, high = logit_interval(values, NORMAL * stderr)
    row = dict.fromkeys((*PARTS, "tolerance"), np.nan) | {"verdict": OWN, "reason": NOT_INFORMED}
    row["remedy"] = f"use the value of the {HEADLINE}, or write informed: true"
    numbers = zip(states, *(a.tolist() for a in (values, stderr, low, high)), strict=True)
    return [row | dict(zip(("state", "value", "stderr", "low", "high"), own, strict=True)) for own in numbers]


def prediction_rows(
    study: Asked,
    reweighting: ConditionalReweighting,
    populations: list[dict[str, str]],
    observables: Sequence[Observable] = (),
) -> list[dict[str, Any]]:
    """Rows of ``predictions.csv``: the predictions at every temperature of the study.

    ``populations`` of all models and seeds, as :func:`thermolatent.tables.read_table` returns them. Raises
    :class:`ThermolatentError` if a model has no populations at a temperature.
    """
    rows = []
    for T in study.temperatures.generated:
        rows += predictions_with_models(study, reweighting, T, populations, study.models, observables)
    return rows


def predictions_with_models(
    study: Asked,
    reweighting: ConditionalReweighting,
    temperature: float,
    populations: list[dict[str, str]],
    models: Iterable[str],
    observables: Sequence[Observable] = (),
) -> list[dict[str, Any]]:
    """:func:`predictions_at` with the populations of ``models`` in the rows of a population table, cells as text."""
    known: dict[tuple[str, str], dict[str, dict]] = defaultdict(lambda: defaultdict(dict))
    for row in populations:
        if row["states"] in ("named", "density") and row["value"] and float(row["temperature"]) == temperature:
            known[row["model"], row["states"]][row["seed"]][row["state"]] = row
    shares = {name: _shares(study, name, temperature, reweighting.state_names, known) for name in models}
    return predictions_at(study, reweighting, temperature, shares, observables)


def _shares(study: Asked, model: str, temperature: float, states: Iterable[str], known: Mapping) -> ModelShares:
    kind = "density" if study.models[model].informed else "named"
    seeds = known[model, kind].values()
    if not seeds:
        raise ThermolatentError(f"{model}: has no {kind} populations at T = {temperature:g}; run validate again")
    try:
        rows = [[of_state[state] for state in states] for of_state in seeds]
    except KeyError as error:
        raise ThermolatentError(
            f"{model}: no population of {error} at T = {temperature:g}; run validate again"
        ) from error
    return ModelShares(
        np.array([[float(row["value"]) for row in seed] for seed in rows]),
        np.array([[float(row["stderr"] or "nan") for row in seed] for seed in rows]),
    )


def sentence(row: Mapping[str, Any]) -> str:
    """One row as text; ``+-`` is half of the 95 % interval.

    E.g. "hexagon 0.31 +- 0.04 (0.27 to 0.35; sampling 0.03, temperature form 0.02), trusted within 0.05".
    """
    why = "; ".join(filter(None, (row["reason"], row["remedy"])))
    name = row["state"] if row["quantity"] == POPULATION else f"mean of {row['state']}"
    if row["verdict"] == NOT_ASSESSABLE:
        return f"{name} {NOT_ASSESSABLE}: {why}"
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    digits = decimals(high - low)
    halves = {words: float(row[name] or "nan") for name, words in _SHORT.items()}
    shown = [f"{words} {half:.{digits}f}" for words, half in halves.items() if half >= 0.5 * 10**-digits]
    inside = "; ".join(filter(None, (f"{low:.{digits}f} to {high:.{digits}f}", ", ".join(shown))))
    beyond = "extrapolated, " if row["role"] == "extrapolate" else ""
    text = f"{name} {value:.{digits}f} +- {(high - low) / 2:.{digits}f} ({inside}), {beyond}{row['verdict']}"
    text += f" within {float(row['tolerance']):g}" if row["verdict"] == TRUSTED else f": {why}"
    return text


def decimals(width: float) -> int:
    """Decimals of a value with an interval of this width: two, or up to the first digit of half of the width."""
    return min(max(2, -int(np.floor(log10(width / 2)))), 5) if isfinite(width) and width > 0 else 2
