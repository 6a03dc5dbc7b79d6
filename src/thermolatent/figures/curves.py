"""Curves against temperature for the report's slider: values at every stop, per seed, and verdicts in words."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from thermolatent.config import Study
from thermolatent.figures.melting import Melted
from thermolatent.figures.stops import Stop, interpolated, interpolated_populations
from thermolatent.figures.style import LOG_FROM, series_names
from thermolatent.figures.tables import Prediction, Series, Tables
from thermolatent.figures.temperature import plane_title, population_of
from thermolatent.reweight.verdict import TRUSTED

#: A number per stop, None where there is none.
Values = list[float | None]
BySeed = dict[int, Tables]


def panels(
    study: Study, tables: Tables, by_seed: BySeed, fits: dict[str, Melted], stops: list[Stop]
) -> list[dict[str, Any]]:
    """Every panel: ``title``, ``unit``, ``log``, ``models`` for which it is shown (None: all), and ``series``.

    A series has a ``name``, a ``style`` ("line", "points", "fit") and per seed ``y`` and ``e`` (half of the 95 % interval), a
    number per stop or None.
    """
    made = _population_panels(study, tables, by_seed, stops)
    if fits:
        made.append(_melting_panel(study, tables, by_seed, fits, stops))
    for name in tables.observables():
        series = [
            _series(study, who, by_seed, stops, lambda t, who=who, name=name: t.observable(who, name), True)
            for who in ("md", *series_names(study))
        ]
        made.append(_panel(f"Mean of {name}", "", series))
    for metric, plane in (("js_plane", "fixed"), *(("js_latent", p) for p in tables.planes("js_latent"))):
        series = [
            _series(study, who, by_seed, stops, lambda t, who=who, m=metric, p=plane: t.score(who, m, p))
            for who in series_names(study, floor=True)
        ]
        own = plane.removeprefix("latent").removeprefix("_")
        shown = None if plane == "fixed" else [own] if own else _frozen(study)
        made.append(_panel(f"Divergence from MD, {plane_title(tables, plane)}", "Jensen-Shannon, nats", series, shown))
    series = [
        _series(study, who, by_seed, stops, lambda t, who=who: t.score(who, "ess_fraction", ""))
        for who in series_names(study)
    ]
    made.append(_panel("Training frames that count", "effective share", series))
    return [panel for panel in made if panel["series"]]


def _frozen(study: Study) -> list[str]:
    return [name for name, model in study.models.items() if model.encoder != "joint"]


def _panel(title: str, unit: str, series: list[dict], models: list[str] | None = None) -> dict[str, Any]:
    series = [entry for entry in series if entry["seeds"]]
    values = [v for entry in series for one in entry["seeds"].values() for v in one["y"] if v is not None and v > 0]
    wide = unit not in ("", "population") and bool(values) and max(values) > LOG_FROM * min(values)
    return {"title": title, "unit": unit, "log": wide, "models": models, "series": series}


def _series(
    study: Study, name: str, by_seed: BySeed, stops: list[Stop], values: Callable[[Tables], Series], between=False
) -> dict[str, Any]:
    """One series; ``between`` interpolates a prediction linearly in T where nothing was computed."""
    seeds = {}
    for seed, tables in by_seed.items():
        found = values(tables)
        if not found:
            continue
        y = _at_stops(stops, {T: v.median for T, v in found.items()})
        if between and name != "md":
            y = _numbers(interpolated(stops, list(found), [v.median for v in found.values()]))
        seeds[seed] = {"y": y, "e": _errors(stops, found)}
    return {"name": name, "style": "points" if name in ("md", "exact") else "line", "seeds": seeds}


def _population_panels(study: Study, tables: Tables, by_seed: BySeed, stops: list[Stop]) -> list[dict[str, Any]]:
    """One panel per named state; between temperatures all states of a prediction are interpolated together."""
    states = tables.states()
    series: dict[str, list[dict]] = {state: [] for state in states}
    for name in ("exact", "md", *series_names(study)):
        for state in states:
            series[state].append({"name": name, "style": "points" if name in ("md", "exact") else "line", "seeds": {}})
        for seed, own in by_seed.items():
            found = [population_of(study, own, name, state) for state in states]
            shared = sorted(set.intersection(*(set(s) for s in found)))
            if not shared:
                continue
            p = np.array([[s[T].median for s in found] for T in shared])
            if name in ("md", "exact"):
                rows = [_at_stops(stops, dict(zip(shared, column, strict=True))) for column in p.T]
            else:
                rows = [_numbers(column) for column in interpolated_populations(study, stops, shared, p).T]
            for state, y, values in zip(states, rows, found, strict=True):
                series[state][-1]["seeds"][seed] = {"y": y, "e": _errors(stops, values)}
    return [_panel(f"Population of {state}", "population", series[state]) for state in states]


def _melting_panel(
    study: Study, tables: Tables, by_seed: BySeed, fits: dict[str, Melted], stops: list[Stop]
) -> dict[str, Any]:
    state, temperatures = study.validate_.melting, [stop.temperature for stop in stops]
    series = [
        _series(study, name, by_seed, stops, lambda t, name=name: t.population(name, state)) for name in ("exact", "md")
    ]
    for name in ("reweighting", "md", *study.models):
        if name in fits:
            curve = fits[name].fitted(study, temperatures)
            y = _numbers(_of_reweighting(study, tables, state, stops) if curve is None else curve)
            fit = {"Tm": _short(fits[name].Tm), "Tm_half": _short(fits[name].Tm_half)}
            one = {"y": y, "e": [None] * len(y)}
            shown = "conditional" if name == "reweighting" else name  # its name among the baselines
            series.append({"name": shown, "style": "fit", **fit, "seeds": {seed: one for seed in by_seed}})
    return _panel(f"Melting of {state}", "population", series)


def _of_reweighting(study: Study, tables: Tables, state: str, stops: list[Stop]) -> np.ndarray:
    known = {T: of_state[state].value for T, of_state in tables.predictions().items()}
    p = np.array([[value, 1 - value] for value in known.values()])
    return interpolated_populations(study, stops, list(known), p)[:, 0]


def verdicts(study: Study, tables: Tables, model: str, stops: list[Stop]) -> list[dict[str, Any]]:
    """``{"doubt", "text"}`` of one model at every stop; between two temperatures what was judged at them."""
    judged, asked = tables.predictions(model), study.temperatures.generated
    label = {stop.temperature: stop.label for stop in stops}
    found = []
    for stop in stops:
        T = stop.temperature
        if stop.asked:
            found.append({"doubt": _doubted(judged[T]), "text": _told(judged[T])})
            continue
        neighbours = [
            t for t in (max((a for a in asked if a < T), default=None), min((a for a in asked if a > T), default=None))
        ]
        if None in neighbours:
            found.append({"doubt": True, "text": "beyond every temperature asked for, not judged"})
            continue
        bad = [t for t in neighbours if _doubted(judged[t])]
        told = "; ".join(f"at {label[t]} {_told(judged[t])}" for t in bad)
        between = " and ".join(label[t] for t in neighbours)
        found.append({"doubt": bool(bad), "text": told or f"every population trusted at {between}"})
    return found


def _doubted(of_state: dict[str, Prediction]) -> bool:
    return any(p.verdict != TRUSTED for p in of_state.values())


def _told(of_state: dict[str, Prediction]) -> str:
    """Verdicts at one temperature, states with the same one and the same reason together."""
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


def _at_stops(stops: list[Stop], values: dict[float, float]) -> Values:
    return [_short(values.get(stop.temperature)) for stop in stops]


def _errors(stops: list[Stop], series: Series) -> Values:
    return _at_stops(stops, {T: v.half for T, v in series.items()})


def _numbers(values: np.ndarray) -> Values:
    return [_short(float(v)) for v in values]


def _short(value: float | None) -> float | None:
    return float(f"{value:.5g}") if value is not None and isfinite(value) else None
