"""Scores, populations and predictions by temperature, with intervals, for figures and report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import median
from typing import NamedTuple

from thermolatent.figures.settings import TableFiles
from thermolatent.files.artifacts import load_json
from thermolatent.reweight.influence import NORMAL
from thermolatent.reweight.verdict import PARTS
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, read_table
from thermolatent.validate import experiment, predictions
from thermolatent.validate.settings import Asked


class Value(NamedTuple):
    """Median over seeds, range over seeds, median standard error, and half of the 95 % interval; NaN if unknown."""

    median: float
    low: float
    high: float
    stderr: float
    seeds: int
    half: float


#: Values by temperature.
Series = dict[float, Value]


class Prediction(NamedTuple):
    """One row of ``predictions.csv``.

    Attributes
    ----------
    value, low, high: with its 95 % interval, NaN if not assessable.
    parts: half of the interval by cause, NaN if the row has none.
    tolerance: NaN for a model's own population.
    row: the row itself, for :func:`thermolatent.validate.predictions.sentence`.
    """

    value: float
    low: float
    high: float
    parts: dict[str, float]
    tolerance: float
    verdict: str
    reason: str
    remedy: str
    row: dict[str, str]

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


class Tables:
    """``scores.csv``, ``populations.csv`` and ``predictions.csv`` of a study.

    Parameters
    ----------
    scores, populations, judged: rows as :func:`thermolatent.tables.read_table` returns them.
    seeds: rows of other seeds are left out; rows without a seed are kept.
    plane: names of the fixed plane's two columns.
    doubts: reasons for which nothing in the study is trusted.

    Attributes
    ----------
    measured: rows of ``experiment.csv``.
    """

    def __init__(
        self,
        study: Asked,
        scores: list[dict],
        populations: list[dict],
        judged: list[dict],
        seeds: Iterable[int],
        plane: Sequence[str] = (),
        doubts: Sequence[str] = (),
    ):
        self.study, self._judged, self.plane, self.doubts = study, judged, tuple(plane), list(doubts)
        self.measured: list[dict] = []
        wanted = {"", *map(str, seeds)}
        self._scores = [row for row in scores if row["seed"] in wanted and row["value"]]
        self._populations = [row for row in populations if row["seed"] in wanted and row["value"]]

    @classmethod
    def load(cls, study: Asked, files: TableFiles, seeds: Iterable[int]) -> Tables:
        """Read them; raises :class:`thermolatent.errors.ArtifactError`."""
        scores = read_table(files.scores, SCORE_COLUMNS)
        populations = read_table(files.populations, POPULATION_COLUMNS)
        judged = read_table(files.predictions, predictions.COLUMNS)
        metrics = load_json(files.metrics, "metrics")
        tables = cls(study, scores, populations, judged, seeds, metrics["plane"], metrics["doubts"])
        tables.measured = read_table(files.experiment, experiment.COLUMNS)
        return tables

    def score(self, model: str, metric: str, plane: str) -> Series:
        """One metric of one model or baseline in one plane."""
        key = {"model": model, "metric": metric, "plane": plane}
        return _by_temperature(self._scores, key)

    def values(self, model: str, metric: str, plane: str, temperature: float) -> list[tuple[float, float]]:
        """One metric at one temperature, seed by seed: (value, standard error or NaN)."""
        key = {"model": model, "metric": metric, "plane": plane}
        rows = [row for row in self._scores if all(row[c] == v for c, v in key.items())]
        own = [row for row in rows if float(row["temperature"]) == temperature]
        return [(float(row["value"]), float(row["stderr"] or "nan")) for row in own]

    def own_states(self, model: str, temperature: float) -> list[str]:
        """Names of a model's own states, of the first seed."""
        rows = [row for row in self._populations if row["model"] == model and row["states"].startswith("model")]
        seeds = [row["seed"] for row in rows]
        return [r["state"] for r in rows if r["seed"] == seeds[0] and float(r["temperature"]) == temperature]

    def population(self, model: str, state: str) -> Series:
        """Population of one named state; ``model`` may be ``md`` or ``exact``."""
        return _by_temperature(self._populations, {"model": model, "states": "named", "state": state})

    def density(self, model: str, state: str) -> Series:
        """Population of one named state by a model: from the samples of an informed model, from frame weights of others."""
        return _by_temperature(self._populations, self._of_density(model, state))

    def density_values(self, model: str, state: str, temperature: float) -> list[float]:
        """The same at one temperature, seed by seed."""
        key = self._of_density(model, state)
        rows = [row for row in self._populations if all(row[c] == v for c, v in key.items())]
        return [float(row["value"]) for row in rows if float(row["temperature"]) == temperature]

    def _of_density(self, model: str, state: str) -> dict[str, str]:
        informed = self.study.models[model].informed
        return {"model": model, "states": "density" if informed else "named", "state": state}

    def predictions(
        self, predictor: str = predictions.HEADLINE, quantity: str = predictions.POPULATION
    ) -> dict[float, dict[str, Prediction]]:
        """Predictions of the reweighting or a model, by temperature and state (or judged observable)."""
        found: dict[float, dict[str, Prediction]] = {}
        for row in self._judged:
            if row["predictor"] == predictor and row["quantity"] == quantity:
                found.setdefault(float(row["temperature"]), {})[row["state"]] = _prediction(row)
        return dict(sorted(found.items()))

    def experiments(self, quantity: str) -> dict[str, Series]:
        """Measured values of one quantity by label, with half of their 95 % intervals."""
        found: dict[str, Series] = {}
        for row in self.measured:
            if row["quantity"] == quantity and row["temperature"]:
                value, stderr = float(row["value"]), float(row["error"] or "nan")
                own = Value(value, value, value, stderr, 1, NORMAL * stderr)
                found.setdefault(row["label"], {})[float(row["temperature"])] = own
        return {label: dict(sorted(series.items())) for label, series in found.items()}

    def planes(self, metric: str) -> list[str]:
        """Planes with scores of a metric: fixed, latent, and those of models with their own, in this order."""
        found = {row["plane"] for row in self._scores if row["metric"] == metric}
        known = ["fixed", "latent", *(f"latent_{name}" for name in self.study.models)]
        return [plane for plane in known if plane in found]

    def states(self) -> list[str]:
        """Named states in the study's order."""
        return self.study.validate_.states.names

    def observable(self, model: str, name: str) -> Series:
        """Mean of one observable; ``model`` may be ``md``."""
        return _by_temperature(self._populations, {"model": model, "states": "observable", "state": name})

    def observables(self) -> list[str]:
        """Names of the observables in the study's order."""
        return list(dict.fromkeys(row["state"] for row in self._populations if row["states"] == "observable"))


def _by_temperature(rows: list[dict], key: dict[str, str]) -> Series:
    found: dict[float, list[dict]] = {}
    for row in rows:
        if all(row[column] == wanted for column, wanted in key.items()):
            found.setdefault(float(row["temperature"]), []).append(row)
    return {T: _summary(found[T]) for T in sorted(found)}


def _summary(rows: list[dict]) -> Value:
    values = [float(row["value"]) for row in rows]
    errors = [float(row["stderr"]) for row in rows if row["stderr"]]
    halves = [half for half in map(_half, rows) if isfinite(half)]
    nothing = float("nan")
    return Value(
        *(median(values), min(values), max(values), median(errors) if errors else nothing, len(values)),
        median(halves) if halves else nothing,
    )


def _half(row: dict) -> float:
    if row.get("low") and row.get("high"):
        return (float(row["high"]) - float(row["low"])) / 2
    return NORMAL * float(row["stderr"] or "nan")


def _prediction(row: dict) -> Prediction:
    def number(column: str) -> float:
        return float(row[column] or "nan")

    return Prediction(
        *map(number, ("value", "low", "high")),
        {part: number(part) for part in PARTS},
        number("tolerance"),
        *(row["verdict"], row["reason"], row["remedy"], row),
    )
