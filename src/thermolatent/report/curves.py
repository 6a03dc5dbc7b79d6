"""Curves against temperature for the report's slider, and its verdicts.

The reweighting has values at every stop (temperature of the grid); models, MD and baselines have values at the study's
temperatures only, per seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from thermolatent.figures.melting import Melted
from thermolatent.figures.style import LOG_FROM, series_names
from thermolatent.figures.tables import Prediction, Series, Tables
from thermolatent.figures.temperature import plane_title, population_of
from thermolatent.report.grid import Grid
from thermolatent.report.stops import Stop
from thermolatent.reweight.verdict import TRUSTED
from thermolatent.validate.settings import Asked

#: Name of the reweighting among the series.
ANSWER = "conditional"
#: A number per stop, or per temperature of the study, or None.
Values = list[float | None]
BySeed = dict[int, Tables]


def panels(
    study: Asked, tables: Tables, by_seed: BySeed, fits: dict[str, Melted], grid: Grid, stops: list[Stop]
) -> list[dict[str, Any]]:
    """Every panel: ``title``, ``unit``, ``log``, ``models`` for which it is shown (None: all), ``state`` and ``series``.

    A series has a ``name``, a ``style`` ("line", "points", "answer", "fit") and, per seed, ``y``: a number per stop if
    ``every``, else per temperature of ``x``, or of the study; with ``e``, half of the 95 % interval, or the ends of the interval
    ``low`` and ``high``.
    """
    made = _population_panels(study, tables, by_seed, grid, stops)
    if fits:
        made.append(_melting_panel(study, by_seed, fits, grid, stops))
    for name in tables.observables():
        series = [
            _series(study, who, by_seed, lambda t, who=who, name=name: t.observable(who, name))
            for who in ("md", *_others(study))
        ]
        if name in grid.observables:
            series.append(_answer(by_seed, grid.observables[name]))
        series += _measured(tables, by_seed, name, stops)
        made.append(_panel(f"Mean of {name}", "", series))
    for metric, plane in (("js_plane", "fixed"), *(("js_latent", p) for p in tables.planes("js_latent"))):
        series = [
            _series(study, who, by_seed, lambda t, who=who, m=metric, p=plane: t.score(who, m, p))
            for who in series_names(study, floor=True)
        ]
        own = plane.removeprefix("latent").removeprefix("_")
        common = [name for name, model in study.models.items() if not model.own_latent]
        shown = None if plane == "fixed" else [own] if own else common
        made.append(_panel(f"Divergence from MD, {plane_title(tables, plane)}", "Jensen-Shannon, nats", series, shown))
    series = [
        _series(study, who, by_seed, lambda t, who=who: t.score(who, "ess_fraction", "")) for who in series_names(study)
    ]
    made.append(_panel("Training frames that count", "effective share", series))
    return [panel for panel in made if _drawable(panel)]


def _drawable(panel: dict[str, Any]) -> bool:
    """Whether a series has two points."""
    rows = (one["y"] for entry in panel["series"] for one in entry["seeds"].values())
    return any(sum(y is not None for y in row) > 1 for row in rows)


def _others(study: Asked) -> list[str]:
    """Baselines and models without the reweighting."""
    return [name for name in series_names(study) if name != ANSWER]


def _panel(
    title: str, unit: str, series: list[dict], models: list[str] | None = None, state: str | None = None
) -> dict[str, Any]:
    series = [entry for entry in series if entry["seeds"]]
    values = [v for entry in series for one in entry["seeds"].values() for v in one["y"] if v is not None and v > 0]
    wide = unit not in ("", "population") and bool(values) and max(values) > LOG_FROM * min(values)
    return {"title": title, "unit": unit, "log": wide, "models": models, "state": state, "series": series}


def _series(study: Asked, name: str, by_seed: BySeed, values: Callable[[Tables], Series]) -> dict[str, Any]:
    """Values at the study's temperatures."""
    seeds = {}
    for seed, tables in by_seed.items():
        if found := values(tables):
            here = [found.get(T) for T in study.temperatures.generated]
            seeds[seed] = {
                "y": [v and short(v.median) for v in here],
                "e": [v and short(v.half) for v in here],
            }
    style = "points" if name in ("md", "exact") else "line"
    return {"name": name, "style": style, "every": False, "seeds": seeds}


def _answer(by_seed: BySeed, found: Iterable[tuple[float, float, float]]) -> dict[str, Any]:
    """The reweighting at every stop, for all seeds: values with the ends of their intervals."""
    rows = zip(*found, strict=True)
    one = dict(zip(("y", "low", "high"), ([*map(short, row)] for row in rows), strict=True))
    return {"name": ANSWER, "style": "answer", "every": True, "seeds": {next(iter(by_seed)): one}}


def _population_panels(
    study: Asked, tables: Tables, by_seed: BySeed, grid: Grid, stops: list[Stop]
) -> list[dict[str, Any]]:
    made = []
    for state in tables.states():
        series = [
            _series(study, name, by_seed, lambda t, name=name, state=state: population_of(study, t, name, state))
            for name in ("exact", "md", *_others(study))
        ]
        found = [of_state[state] for of_state in grid.populations]
        series.append(_answer(by_seed, [(p.value, p.low, p.high) for p in found]))
        series += _measured(tables, by_seed, state, stops)
        made.append(_panel(f"Population of {state}", "population", series, None, state))
    return made


def _measured(tables: Tables, by_seed: BySeed, quantity: str, stops: list[Stop]) -> list[dict[str, Any]]:
    """Measured values of a quantity within the range of the slider, at their own temperatures ``x``."""
    first, last = stops[0].temperature, stops[-1].temperature
    made = []
    for label, series in tables.experiments(quantity).items():
        shown = {T: v for T, v in series.items() if first <= T <= last}
        one = {"y": [short(v.median) for v in shown.values()], "e": [short(v.half) for v in shown.values()]}
        seeds = {next(iter(by_seed)): one} if shown else {}
        made.append({"name": label, "style": "points", "every": False, "x": list(shown), "seeds": seeds})
    return made


def _melting_panel(
    study: Asked, by_seed: BySeed, fits: dict[str, Melted], grid: Grid, stops: list[Stop]
) -> dict[str, Any]:
    state, temperatures = study.validate_.melting, [stop.temperature for stop in stops]
    series = [_series(study, name, by_seed, lambda t, name=name: t.population(name, state)) for name in ("exact", "md")]
    for name in ("reweighting", "md", *study.models):
        if name in fits:
            curve = fits[name].fitted(study, temperatures)
            y = [of_state[state].value for of_state in grid.populations] if curve is None else curve.tolist()
            fit = {"Tm": short(fits[name].Tm), "Tm_half": short(fits[name].Tm_half)}
            shown = ANSWER if name == "reweighting" else name
            one = {"y": [*map(short, y)]}
            series.append({"name": shown, "style": "fit", "every": True, **fit, "seeds": {next(iter(by_seed)): one}})
    return _panel(f"Melting of {state}", "population", series)


def answer(grid: Grid) -> dict[str, Any]:
    """Verdicts at every stop: ``at[stop][state]`` are three indices in ``words``: verdict, reason and remedy."""
    words: dict[str, int] = {}
    at = [
        [[words.setdefault(text, len(words)) for text in (p.verdict, p.reason, p.remedy)] for p in of_state.values()]
        for of_state in grid.populations
    ]
    return {"words": list(words), "at": at}


def verdicts(study: Asked, tables: Tables, model: str) -> list[dict[str, Any]]:
    """``{"doubt", "text"}`` of one model at every temperature of the study."""
    judged = [tables.predictions(model)[T] for T in study.temperatures.generated]
    return [
        {"doubt": any(p.verdict != TRUSTED for p in of_state.values()), "text": _verdict_text(of_state)}
        for of_state in judged
    ]


def _verdict_text(of_state: dict[str, Prediction]) -> str:
    """Verdicts at one temperature, with states of equal verdict and reason together."""
    same: dict[tuple[str, str], list[str]] = {}
    for state, p in of_state.items():
        same.setdefault((p.verdict, p.reason), []).append(state)
    if list(same) == [(TRUSTED, "")]:
        return "every population trusted"
    whole = len(of_state)
    return "; ".join(
        f"{'every state' if len(states) == whole else ', '.join(states)} {verdict}{f' ({reason})' if reason else ''}"
        for (verdict, reason), states in same.items()
    )


def short(value: float | None) -> float | None:
    """Five significant digits; None for what is not finite."""
    return float(f"{value:.5g}") if value is not None and isfinite(value) else None
