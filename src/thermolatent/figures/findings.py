"""What a study found, in sentences: accuracy where there is MD to compare with, doubts where there is not."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from statistics import median

from thermolatent.config import Study
from thermolatent.figures.tables import Series, Tables
from thermolatent.layout import BASELINES, format_temperature
from thermolatent.validate.predictions import ESS_LIMIT, LIMITS

#: Divergences whose ratio is nearer to 1 than this are called much the same.
ALIKE = 0.1
#: A population further than this from the MD's is called wrong: the limit that differing reweightings are held to.
WRONG = LIMITS["trust_reweighting"]


def number(value: float) -> str:
    """Two significant digits, all of them where there are more before the point: ``0.0050``, ``1.2``, ``340``."""
    if abs(value) < 1e-9:
        return "0"  # rounding errors of what is zero by construction
    return f"{value:.0f}" if value >= 100 else f"{value:#.2g}".rstrip(".")


def listed(temperatures: list[float]) -> str:
    """``"0.3, 0.4 and 0.6"``."""
    words = [format_temperature(T) for T in temperatures]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@dataclass(frozen=True)
class Accuracy:
    """A model against the reference MD at the judged temperatures, medians over seeds.

    Parameters
    ----------
    js, floor: median over the temperatures of the Jensen-Shannon divergence in the fixed plane, and of its floor, nats.
    worst, worst_at: the largest divergence and its temperature.
    best_baseline, baseline_js: the baseline (floor aside) with the smallest median, and that.
    population_error, state, population_at: the largest error of a named population, of which state and where.
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


def judged_temperatures(study: Study) -> list[float]:
    """Predicted temperatures with MD to compare with; the training ones if the study predicts nothing."""
    temperatures = study.temperatures
    return sorted(temperatures.reference if temperatures.predict else temperatures.train)


def accuracy(study: Study, tables: Tables, model: str) -> Accuracy | None:
    """Accuracy of one model, None where no judged temperature has scores."""
    judged = judged_temperatures(study)
    own = {T: v for T, v in tables.score(model, "js_plane", "fixed").items() if T in judged}
    error = {T: v for T, v in tables.score(model, "population_max_error", "fixed").items() if T in judged}
    if not own or not error:
        return None
    middle = {}
    for name in BASELINES:
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
        pair: list[Series] = [tables.population(name, state) for name in (model, "md")]
        return (
            abs(pair[0][temperature].median - pair[1][temperature].median)
            if all(temperature in s for s in pair)
            else -1
        )

    return max(tables.states(), key=difference)


def headline(study: Study, tables: Tables) -> str:
    """One sentence with the answer."""
    temperatures = study.temperatures
    found = {model: accuracy(study, tables, model) for model in study.models}
    known = {model: a for model, a in found.items() if a}
    train = f"MD at T = {listed(sorted(temperatures.train))}"
    if not temperatures.predict:
        start = f"{train} is described by {len(study.models)} model{'s' if len(study.models) > 1 else ''}"
    else:
        start = f"From {train}, the ensembles at T = {listed(sorted(temperatures.predict))} were predicted"
    if known:
        parts = [f"{number(a.js)} nats ({model})" for model, a in known.items()]
        floor = next(iter(known.values())).floor
        where = "there" if temperatures.predict else "at the training temperatures"
        return (
            f"{start}; in the fixed plane the median Jensen-Shannon divergence from the MD {where} is "
            f"{' and '.join(parts)}, where two halves of the MD differ by {number(floor)}."
        )
    doubted = {model: list(tables.doubts(model)) for model in study.models}
    told = [f"{model} at T = {listed(Ts)}" for model, Ts in doubted.items() if Ts]
    verdict = f"in doubt: {'; '.join(told)}" if told else "no temperature is in doubt by the criteria below"
    return f"{start}, without reference MD to judge them; {verdict}."


def answers(study: Study, tables: Tables) -> list[str]:
    """Where each model's predictions are to be trusted and where not, models with the same answer in one sentence.

    By the criteria that need no MD; where there is MD, it has the last word: a population off by more than
    :data:`WRONG`, beyond two standard errors, is wrong whatever the criteria say.
    """
    judged = sorted(study.temperatures.predict or study.temperatures.train)
    same: dict[str, list[str]] = {}
    for model in study.models:
        doubts = tables.doubts(model)
        errors = tables.score(model, "population_max_error", "fixed")
        groups: dict[str, list[float]] = {"trusted": [], "wrong": [], "confirmed": [], "doubt": []}
        for T in judged:
            error = errors.get(T)
            if error and error.median - 2 * (error.stderr if isfinite(error.stderr) else 0) > WRONG:
                groups["wrong"].append(T)
            elif T not in doubts:
                groups["trusted"].append(T)
            else:
                groups["confirmed" if error and error.median <= WRONG else "doubt"].append(T)
        same.setdefault(_answer(groups), []).append(model)
    return [f"{', '.join(models)}: {text}." for text, models in same.items()]


def _answer(groups: dict[str, list[float]]) -> str:
    words = {
        "trusted": "can be trusted {}",
        "confirmed": "in doubt {}, although the MD there agrees",
        "doubt": "in doubt {}",
        "wrong": f"wrong {{}} (populations off by more than {WRONG:g} from the MD)",
    }
    found = {kind: Ts for kind, Ts in groups.items() if Ts}
    where = {
        k: f"at T = {listed(Ts)}" if len(found) > 1 else "at every temperature asked for" for k, Ts in found.items()
    }
    return "; ".join(text.format(where[kind]) for kind, text in words.items() if kind in found)


def accuracy_sentence(a: Accuracy, model: str, plane: str, baseline_label: str) -> str:
    """The accuracy of one model in words."""
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


def trust_sentences(tables: Tables, model: str) -> list[str]:
    """Where not to trust a model, one sentence per temperature, or one that says nothing speaks against it."""
    if found := tables.doubts(model):
        return [f"{model} at T = {format_temperature(T)}: {'; '.join(reasons)}." for T, reasons in found.items()]
    checks = [f"at least {100 * ESS_LIMIT:g} % of the training frames count"]
    words = {
        "trust_reweighting": "named populations agree with the reweightings within {:g}",
        "trust_basis": "two forms of reweighting agree within {:g}",
        "trust_heat_capacity": "the energies' noise leaves them open by {:g} at most",
        "trust_seeds": "between seeds within a standard deviation of {:g}",
        "trust_log_density": "the density turns with temperature as the energies say within {:g} in ln p",
    }
    checks += [text.format(LIMITS[figure]) for figure, text in words.items() if tables.trust(model, figure)]
    return [f"{model}: no temperature in doubt ({', '.join(checks)})."]
