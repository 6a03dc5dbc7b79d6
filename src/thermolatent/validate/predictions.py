"""The answer at one temperature with intervals and verdicts: the one function that every way of asking goes through.

It holds the populations of the named states, and the means of those observables that the study sets a tolerance for.

The number of an answer is the reweighting's. A density model that is informed by it widens the interval by how far its own
samples are from that number; a model that is not informed says its own number, beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.reweight.influence import Parts, share_interval
from thermolatent.reweight.verdict import NOT_ASSESSABLE, PARTS, TRUSTED, judge
from thermolatent.temperatures import format_temperature
from thermolatent.validate.settings import POPULATIONS, Asked

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting
    from thermolatent.validate.observables import Observable

#: Predictor of the rows that an answer is read from; the others are the study's models.
HEADLINE = "reweighting"
#: Verdict on a population that is a model's own, of which nothing tells how wrong it may be.
OWN = "model's own"
NOT_INFORMED = "not informed: assumes that structures at given latent do not change with temperature"
#: What a row is about: a named state, or an observable, whose name then stands in its column ``state``.
POPULATION, MEAN = "population", "mean"
#: Columns of ``predictions.csv``.
COLUMNS = (
    *("study", "predictor", "temperature", "role", "quantity", "state", "value", "stderr", "low", "high"),
    *(*PARTS, "tolerance", "verdict", "reason", "remedy"),
)
#: What a sentence calls the parts of an interval.
_SHORT = {"sampling": "sampling", "form": "temperature form", "visits": "few visits", "model": "model"}


@dataclass(frozen=True)
class ModelShares:
    """Populations of the named states by one density model at one temperature.

    Attributes
    ----------
    values: ``(seeds, states)``, of an informed model by its own samples, of another by its frame weights.
    stderr: their standard errors over walkers, ``(seeds, states)``; of an informed model they are not used.
    """

    values: np.ndarray
    stderr: np.ndarray | None = None


def doubts_of(study: Asked, reweighting: ConditionalReweighting) -> list[str]:
    """Reasons of the study and its MD as a whole for which none of its populations is trusted."""
    scale = study.name.partition("@")[2]
    told = [f"a {scale} run: too short to trust" if scale == "smoke" else f"scale {scale}: only full runs are trusted"]
    return [*(told if scale else []), *reweighting.soundness.doubts]


def predictions_at(
    study: Asked,
    reweighting: ConditionalReweighting,
    temperature: float,
    models: Mapping[str, ModelShares] | None = None,
    observables: Sequence[Observable] = (),
) -> list[dict[str, Any]]:
    """The answer at any temperature: one row with :data:`COLUMNS` per predictor and named state, and per observable.

    Parameters
    ----------
    reweighting: the study's.
    models: what the study's models say of the named states; those that are left out have no rows.
    observables: those that are judged (:func:`thermolatent.validate.observables.judged_observables`). Their means are the
        reweighting's; models have none of their own.
    """
    base = {"study": study.name, "temperature": format_temperature(temperature)}
    base["role"] = study.temperatures.role(temperature)
    told = {HEADLINE: _judged(study, reweighting, temperature)}
    known = np.array([row["value"] for row in told[HEADLINE]])
    for name, shares in (models or {}).items():
        if study.models[name].informed:
            told[name] = _judged(study, reweighting, temperature, _own_error(shares.values, known))
        else:
            told[name] = _of_their_own(reweighting.state_names, shares)
    found = [base | {"predictor": name, "quantity": POPULATION} | row for name, rows in told.items() for row in rows]
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
        why = {
            "verdict": NOT_ASSESSABLE,
            "reason": f"the only MD is at {only:g}",
            "remedy": "MD at a second temperature",
        }
        numbers = dict.fromkeys(("value", "stderr", "low", "high", *PARTS), np.nan)
        told = zip(names, tolerances, strict=True)
        return [{"state": name} | numbers | {"tolerance": tolerance} | why for name, tolerance in told]
    values = {own.name: own.values for own in observables} or None
    doubts = doubts_of(study, reweighting)
    return judge(reweighting, temperature, tolerances, doubts, model, values).to_dict("records")


def _own_error(values: np.ndarray, reweighting: np.ndarray) -> np.ndarray:
    """Standard error that a density adds, ``(states,)``: its distance from the reweighting, and the scatter of its seeds."""
    distance = np.abs(np.median(values, axis=0) - reweighting)
    return np.hypot(distance, values.std(axis=0, ddof=1) if len(values) > 1 else 0.0)


def _of_their_own(states: Iterable[str], shares: ModelShares) -> list[dict[str, Any]]:
    """Means over seeds; errors over walkers and the scatter of the seeds together."""
    values = shares.values.mean(axis=0)
    walkers = np.zeros_like(values) if shares.stderr is None else np.median(np.nan_to_num(shares.stderr), axis=0)
    stderr = np.hypot(walkers, shares.values.std(axis=0, ddof=1) if len(shares.values) > 1 else 0.0)
    nothing = np.zeros(len(values))
    parts = Parts(np.square(stderr)[None], nothing, nothing, np.full(len(values), np.inf))
    numbers = zip(values.tolist(), stderr.tolist(), *map(np.ndarray.tolist, share_interval(values, parts)), strict=True)
    return [
        {"state": state, **dict(zip(("value", "stderr", "low", "high"), row, strict=True))}
        | dict.fromkeys((*PARTS, "tolerance"), np.nan)
        | {"verdict": OWN, "reason": NOT_INFORMED, "remedy": f"take the {HEADLINE}'s value, or inform the model"}
        for state, row in zip(states, numbers, strict=True)
    ]


def prediction_rows(
    study: Asked,
    reweighting: ConditionalReweighting,
    populations: list[dict[str, str]],
    observables: Sequence[Observable] = (),
) -> list[dict[str, Any]]:
    """Rows of ``predictions.csv``: the answer at every temperature of the study.

    ``populations`` as :func:`thermolatent.tables.read_table` returns them, all models and seeds. Raises
    :class:`ThermolatentError` where a model has no populations at a temperature.
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
    """:func:`predictions_at` with what rows of a population table, cells as text, say of some models there."""
    known = _by_temperature(populations)[temperature]
    shares = {name: _shares(study, name, temperature, reweighting.state_names, known) for name in models}
    return predictions_at(study, reweighting, temperature, shares, observables)


def _by_temperature(populations: list[dict[str, str]]) -> dict[float, dict[tuple[str, str], dict[str, dict]]]:
    """temperature -> (model, ``states``) -> seed -> state -> row."""
    found: dict[float, dict] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for row in populations:
        if row["states"] in ("named", "density") and row["value"]:
            found[float(row["temperature"])][row["model"], row["states"]][row["seed"]][row["state"]] = row
    return found


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
    """One row for people; ``+-`` is half of the 95 % interval.

    As "hexagon 0.31 +- 0.04 (0.27 to 0.35; sampling 0.03, temperature form 0.02), trusted within 0.05".
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
    """Digits after the point of a value whose interval is so wide: two, or as many as its half's first one takes."""
    return min(max(2, -int(np.floor(log10(width / 2)))), 5) if isfinite(width) and width > 0 else 2
