"""Predictions with an uncertainty, and whether to trust them, judged without any reference MD.

Six figures per predictor and temperature; docs/metrics.md says what each can see. A prediction beyond one of
:data:`LIMITS` is not trusted, and the table says why.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable

from thermolatent.config import Study
from thermolatent.layout import format_temperature
from thermolatent.validate.metrics import METRICS

#: Independent predictions a model is compared with. MBAR counts only where its own weights are not exhausted.
REWEIGHTINGS = ("mbar", "which_t", "conditional")
#: Baselines that are predictions of their own: fitted, hence with seeds.
FITTED = ("which_t", "conditional")
#: Below this share of effective frames the weights rest on too few frames: on LJ7, predictions whose weights kept 8 %
#: of the frames were at a Jensen-Shannon divergence of .010, with 3 % at .020, with 0.4 % at .053.
ESS_LIMIT = 0.05
#: Above these a prediction is not trusted. A difference of .05 means that one of the two is wrong by half of it; two
#: standard deviations of the seeds, or standard errors of the noise, are as much; the form of A is a bias that no number of
#: seeds averages out; and an error of ln p moves no population by more than half of its root mean square, to first order
#: (Cauchy and Schwarz).
LIMITS = {
    "trust_reweighting": 0.05,
    "trust_basis": 0.03,
    "trust_heat_capacity": 0.025,
    "trust_seeds": 0.025,
    "trust_log_density": 0.1,
}
#: Figures of the data, in the rows of ``conditional``: the same for every predictor.
OF_DATA = ("trust_basis", "trust_heat_capacity")
#: Two temperatures and no energies give one slope and nothing to doubt it by: on LJ7 in a solvent that couples to the state,
#: a population was then off by .08 while every other figure was fine.
UNTESTED = "no energies and two training temperatures: how populations depend on temperature is assumed, not tested"
#: The trust figures, in the order of the columns.
FIGURES = ("ess_fraction", *LIMITS)
COLUMNS = (
    *("study", "model", "temperature", "role", "state", "mean", "std", "n_seeds"),
    *FIGURES,
    *("trusted", "reasons"),
)

#: (model, temperature) -> state -> seed -> population
Populations = dict[tuple[str, float], dict[str, dict[str, float]]]


def predictors(study: Study) -> list[str]:
    """Whose predictions are judged: the study's models and the fitted reweightings."""
    return [*study.models, *FITTED]


def _named(populations: list[dict[str, str]]) -> Populations:
    found: Populations = defaultdict(lambda: defaultdict(dict))
    for row in populations:
        if row["states"] == "named" and row["value"]:
            found[row["model"], float(row["temperature"])][row["state"]][row["seed"]] = float(row["value"])
    return found


def _scores(scores: Iterable[dict[str, str]], metric: str) -> dict[tuple[str, float], dict[str, float]]:
    """(model, temperature) -> seed -> value."""
    found: dict[tuple[str, float], dict[str, float]] = defaultdict(dict)
    for row in scores:
        if row["metric"] == metric and row["value"]:
            found[row["model"], float(row["temperature"])][row["seed"]] = float(row["value"])
    return found


def trust_rows(study: Study, scores: list[dict[str, str]], populations: list[dict[str, str]]) -> list[dict]:
    """Rows ``trust_seeds`` and ``trust_reweighting`` for ``scores.csv``, of every predictor.

    Both tables as :func:`thermolatent.validate.tables.read_table` returns them, all models and seeds. ``trust_seeds``
    needs two seeds; it is one number, written in a row of each seed, since all readers of the table expect a seed.
    """
    named, shares = _named(populations), _scores(scores, "ess_fraction")
    rows = []
    for model in predictors(study):
        for T in study.temperatures.generated:
            own = named.get((model, T), {})
            seeds = list(next(iter(own.values()), {}))
            values = {seed: {"trust_reweighting": _from_reweightings(named, shares, model, T, seed)} for seed in seeds}
            if len(seeds) > 1:
                spread = max(statistics.stdev(by_seed.values()) for by_seed in own.values())
                for seed in seeds:
                    values[seed]["trust_seeds"] = spread
            base = {"study": study.name, "model": model, "temperature": format_temperature(T)}
            base |= {"role": study.temperatures.role(T), "plane": "fixed"}
            rows += [
                base | {"seed": seed, "metric": metric, "value": value, "unit": METRICS[metric].unit}
                for seed in seeds
                for metric, value in values[seed].items()
                if value is not None
            ]
    return rows


def _from_reweightings(named: Populations, shares: dict, model: str, T: float, seed: str) -> float | None:
    """Largest difference of a population from those of any other reweighting that still holds; None if none does."""
    own, differences = named[model, T], []
    for other in REWEIGHTINGS:
        share = shares.get((other, T), {}).get(seed)
        if other == model or (share is not None and share < ESS_LIMIT):
            continue
        for state, by_seed in named.get((other, T), {}).items():
            if seed in by_seed and seed in own.get(state, {}):
                differences.append(abs(own[state][seed] - by_seed[seed]))
    return max(differences, default=None)


def prediction_rows(study: Study, scores: list[dict[str, str]], populations: list[dict[str, str]]) -> list[dict]:
    """Rows of ``predictions.csv``: one per predictor, temperature and named state.

    ``scores`` must hold the rows of :func:`trust_rows`. Trust figures are medians over seeds; those :data:`OF_DATA` are the
    same for every predictor.
    """
    named = _named(populations)
    known = {metric: _scores(scores, metric) for metric in FIGURES}
    rows = []
    for model in predictors(study):
        for T in study.temperatures.generated:
            figures = _figures(known, model, T)
            reasons = doubts(figures)
            if (
                "trust_basis" not in figures
                and len(study.temperatures.train) == 2
                and T not in study.temperatures.train
            ):
                reasons.append(UNTESTED)
            verdict = {"trusted": "no" if reasons else "yes", "reasons": "; ".join(reasons)}
            base = {"study": study.name, "model": model, "temperature": format_temperature(T)}
            base["role"] = study.temperatures.role(T)
            for state, by_seed in named.get((model, T), {}).items():
                values = list(by_seed.values())
                numbers = {"mean": statistics.fmean(values), "n_seeds": len(values)}
                numbers["std"] = statistics.stdev(values) if len(values) > 1 else None
                rows.append(base | {"state": state} | numbers | figures | verdict)
    return rows


def _figures(known: dict, model: str, T: float) -> dict[str, float]:
    """The trust figures there are of one prediction."""
    whose = {metric: "conditional" if metric in OF_DATA else model for metric in FIGURES}
    found = {metric: known[metric].get((name, T)) for metric, name in whose.items()}
    return {metric: statistics.median(values.values()) for metric, values in found.items() if values}


#: What a figure beyond its limit means, in words.
_WORDS = {
    "trust_reweighting": "a named population differs by {} from a reweighting",
    "trust_basis": "a named population hangs by {} on how the potential of mean force is assumed to depend on temperature",
    "trust_heat_capacity": "the energies are too noisy to tell how free energies bend: standard error {} of a named population",
    "trust_seeds": "a named population scatters by {} over the seeds",
    "trust_log_density": "the density turns with temperature otherwise than the energies say, which puts ln p off by {}",
}


def doubts(figures: dict[str, float]) -> list[str]:
    """Reasons not to trust a prediction with these trust figures, in words."""
    reasons = []
    share = figures.get("ess_fraction")
    if share is not None and share < ESS_LIMIT:
        reasons.append(f"only {100 * share:.2g} % of the training frames count (limit {100 * ESS_LIMIT:g} %)")
    for metric, limit in LIMITS.items():
        if figures.get(metric, 0.0) > limit:
            reasons.append(f"{_WORDS[metric].format(f'{figures[metric]:.2g}')} (limit {limit:g})")
    return reasons
