"""Findings of a study in sentences: verdicts on the populations, and accuracy against reference MD."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from thermolatent.figures import calibration
from thermolatent.figures.style import look
from thermolatent.figures.tables import Tables
from thermolatent.reweight.design import LEAST_UNITS
from thermolatent.reweight.verdict import NOT_ASSESSABLE, NOT_TRUSTED, TRUSTED
from thermolatent.temperatures import format_temperature
from thermolatent.validate.predictions import MEAN, POPULATION
from thermolatent.validate.settings import BASELINES, Asked

#: Divergences with a ratio nearer to 1 than this are "much the same".
ALIKE = 0.1
_ORDER = (TRUSTED, NOT_TRUSTED, NOT_ASSESSABLE)
#: Name of the reweighting in the tables of scores.
REWEIGHTING = "conditional"


def number(value: float) -> str:
    """Two significant digits, or all digits before the point: ``0.0050``, ``1.2``, ``340``."""
    if abs(value) < 1e-9:
        return "0"  # rounding error
    return f"{value:.0f}" if value >= 100 else f"{value:#.2g}".rstrip(".")


def listed(temperatures: list[float]) -> str:
    """``"0.3, 0.4 and 0.6"``."""
    words = [format_temperature(T) for T in temperatures]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@dataclass(frozen=True)
class Accuracy:
    """A model, or the reweighting, against the reference MD at the judged temperatures, medians over seeds.

    Parameters
    ----------
    js, floor: median over the temperatures of the Jensen-Shannon divergence in the fixed plane, and of its floor, nats.
    worst, worst_at: the largest divergence and its temperature.
    best_baseline, baseline_js: the baseline (without the floor) with the smallest median, and the median.
    population_error, state, population_at: the largest error of a named population, its state and temperature.
    """

    js: float
    floor: float
    worst: float
    worst_at: float
    best_baseline: str
    baseline_js: float
    population_error: float
    state: str
    population_at: float


def judged_temperatures(study: Asked) -> list[float]:
    """Predicted temperatures with reference MD; the training temperatures if the study predicts nothing."""
    temperatures = study.temperatures
    return sorted(temperatures.reference if temperatures.predict else temperatures.train)


def accuracy(study: Asked, tables: Tables, model: str) -> Accuracy | None:
    """Accuracy of one model; None if no judged temperature has scores."""
    judged = judged_temperatures(study)
    own = {T: v for T, v in tables.score(model, "js_plane", "fixed").items() if T in judged}
    error = {T: v for T, v in tables.score(model, "population_max_error", "fixed").items() if T in judged}
    if not own or not error:
        return None
    middle = {}
    for name in (b for b in BASELINES if b != model):
        series = tables.score(name, "js_plane", "fixed")
        if all(T in series for T in own):
            middle[name] = median(series[T].median for T in own)
    floor = middle.pop("floor", float("nan"))
    best = min(middle, key=middle.__getitem__, default="")
    worst_at = max(own, key=lambda T: own[T].median)
    population_at = max(error, key=lambda T: error[T].median)
    return Accuracy(
        median(v.median for v in own.values()),
        floor,
        own[worst_at].median,
        worst_at,
        best,
        middle.get(best, float("nan")),
        error[population_at].median,
        _worst_state(tables, model, population_at),
        population_at,
    )


def _worst_state(tables: Tables, model: str, temperature: float) -> str:
    def difference(state: str) -> float:
        own, md = (tables.population(name, state).get(temperature) for name in (model, "md"))
        return abs(own.median - md.median) if own and md else -1

    return max(tables.states(), key=difference)


def headline(study: Asked, tables: Tables) -> str:
    """One sentence: the training MD, the predicted temperatures, and the divergence from the MD."""
    temperatures = study.temperatures
    train = f"MD at T = {listed(sorted(temperatures.train))}"
    if not temperatures.predict:
        start = f"{train} is described by {len(study.models)} model{'s' if len(study.models) > 1 else ''}"
    else:
        start = f"From {train}, the ensembles at T = {listed(sorted(temperatures.predict))} were predicted"
    known = [(name, a) for name in predictors(study) if (a := accuracy(study, tables, name))]
    if not known:
        return f"{start}; there is no MD at them to compare with."
    # Informed models have the weights, and so the numbers, of the reweighting: each number is given once.
    parts = {number(a.js): name for name, a in reversed(known)}
    values = [f"{js} nats ({look(study, name).label})" for js, name in reversed(parts.items())]
    where = "there" if temperatures.predict else "at the training temperatures"
    return (
        f"{start}; in the fixed plane the median Jensen-Shannon divergence from the MD {where} is "
        f"{and_(values)}; two halves of the MD differ by {number(known[0][1].floor)}."
    )


def predictors(study: Asked) -> list[str]:
    """Predictors with an accuracy: the reweighting, then the models."""
    return [REWEIGHTING, *study.models]


def answers(study: Asked, tables: Tables) -> list[str]:
    """The verdicts in sentences: doubts, populations and means of observables by verdict, and contradictions by the MD."""
    judged = sorted(study.temperatures.predict or study.temperatures.train)
    sentences = [f"{doubt[0].upper()}{doubt[1:]}." for doubt in tables.doubts]
    for quantity in (POPULATION, MEAN):
        known = {T: found for T, found in tables.predictions(quantity=quantity).items() if T in judged}
        groups: dict[tuple[str, float], list[tuple[str, float]]] = {}
        for T, found in known.items():
            for name, p in found.items():
                within = p.tolerance if p.verdict == TRUSTED else 0.0
                groups.setdefault((p.verdict, within), []).append((name, T))
        for verdict, within in sorted(groups, key=lambda key: (_ORDER.index(key[0]), key[1])):
            text = f"{verdict.capitalize()} within {within:g}" if verdict == TRUSTED else verdict.capitalize()
            sentences.append(f"{text}: {places(study, groups[verdict, within], list(known), quantity)}.")
    return sentences + [f"Against the MD: {text}." for text in contradicted(study, tables)]


def contradicted(study: Asked, tables: Tables) -> list[str]:
    """Populations and means that differ from the MD by more than both intervals and the tolerance."""
    return [
        f"{places(study, [(name, T)], [], quantity)} is off by {number(abs(p.value - md))}, more than the interval allows"
        for quantity in (POPULATION, MEAN)
        for name, T, p, md, md_half in calibration.calibration(study, tables, quantity)
        if abs(p.value - md) > p.tolerance and not calibration.within(p, md, md_half)
    ]


def few_pieces(tables: Tables) -> list[str]:
    """Reference MD with too few independent pieces for an error."""
    counts = {T: round(v.median) for T, v in tables.score("floor", "independent_pieces", "").items()}
    return [
        f"The MD at T = {format_temperature(T)} has {count} independent piece{'s' if count > 1 else ''}, too few for an error: "
        f"scores against it have no error bars{'' if count > 1 else ', and there is no floor'}."
        for T, count in counts.items()
        if count < LEAST_UNITS
    ]


def places(
    study: Asked, pairs: Iterable[tuple[str, float]], temperatures: list[float], quantity: str = POPULATION
) -> str:
    """States (or observables) and temperatures as text: "hexagon and chevron at T = 0.3 and 0.4; hexagon at T = 0.7"."""
    states_at: dict[float, tuple[str, ...]] = {}
    for state, T in pairs:
        states_at[T] = (*states_at.get(T, ()), state)
    same: dict[tuple[str, ...], list[float]] = {}
    for T, states in sorted(states_at.items()):
        same.setdefault(states, []).append(T)
    found = []
    for states, Ts in same.items():
        every = quantity == POPULATION and len(states) == len(study.validate_.states.names) > 1
        who = "every state" if every else and_(states) if quantity == POPULATION else f"mean of {and_(states)}"
        where = "at every temperature" if Ts == temperatures else f"at T = {listed(Ts)}"
        found.append(f"{who} {where}")
    return "; ".join(found)


def and_(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def reasons(study: Asked, tables: Tables) -> list[str]:
    """Why populations and means are not trusted or not assessable and what to do, grouped by equal reasons."""
    sentences = []
    for quantity in (POPULATION, MEAN):
        same: dict[tuple[str, str, str], list[tuple[str, float]]] = {}
        known = tables.predictions(quantity=quantity)
        for T, found in known.items():
            for name, p in found.items():
                if p.verdict != TRUSTED:
                    same.setdefault((p.verdict, p.reason, p.remedy), []).append((name, T))
        sentences += [
            f"{places(study, pairs, list(known), quantity)}: {verdict}: {'; '.join(filter(None, (reason, remedy)))}."
            for (verdict, reason, remedy), pairs in same.items()
        ]
    return sentences


def model_sentences(study: Asked, tables: Tables) -> list[str]:
    """The contribution of each informed model to the intervals, and the distance of other models from the reweighting."""
    sentences, headline_of = [], tables.predictions()
    for name, model in study.models.items():
        found = [(state, T, p) for T, of_state in tables.predictions(name).items() for state, p in of_state.items()]
        if model.informed:
            sized = [(p.parts["model"], state, T) for state, T, p in found if p.parts["model"] == p.parts["model"]]
            text = "adds up to {} to half of an interval ({} at T = {})"
        else:
            sized = [(abs(p.value - headline_of[T][state].value), state, T) for state, T, p in found]
            sized = [entry for entry in sized if entry[0] == entry[0]]
            text = "is not informed, and differs from the reweighting by up to {} ({} at T = {})"
        if sized:
            size, state, T = max(sized)
            sentences.append(f"{name} {text.format(number(size), state, format_temperature(T))}.")
    return sentences


def accuracy_sentence(a: Accuracy, model: str, plane: str, baseline_label: str) -> str:
    """The accuracy of one model, or the reweighting, as text; ``model`` is its label."""
    text = (
        f"{model}: median divergence {number(a.js)} nats in the {plane}, {number(a.js / a.floor)} times the floor of "
        f"{number(a.floor)}; largest {number(a.worst)} at T = {format_temperature(a.worst_at)}. Largest error of a named "
        f"population {a.population_error:.3f} ({a.state} at T = {format_temperature(a.population_at)})."
    )
    if a.best_baseline:
        if abs(a.baseline_js / a.js - 1) < ALIKE:
            relation = "and is much the same"
        else:
            relation = "and is better" if a.baseline_js < a.js else "and is worse"
        text += f" The best baseline, {baseline_label}, has {number(a.baseline_js)} {relation}."
    return text
