"""The melting curve: a named state's population against temperature, and the melting temperatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
from matplotlib.figure import Figure

from thermolatent.figures.style import SINGLE, look, panels, temperature_axis
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import answer_band, legend, measured, points, thin_line
from thermolatent.reweight.influence import NORMAL
from thermolatent.tables import read_table
from thermolatent.validate import melting
from thermolatent.validate.melting import two_state_population
from thermolatent.validate.settings import MELTING, Asked

DATA = ("tables", "fits")
COLUMNS = ("series", "temperature", "population")
_POINTS = 100


@dataclass(frozen=True)
class Melted:
    """Rows of ``melting.csv`` of one predictor.

    Attributes
    ----------
    numbers: quantity (Tm, dH, dS, dCp) -> value, and half of its 95 % interval.
    chi2: of the two-state fit; None for the reweighting.
    extrapolated: whether Tm is outside of the temperatures of the data.
    """

    numbers: dict[str, tuple[float, float]]
    chi2: float | None
    extrapolated: bool

    @property
    def Tm(self) -> float:
        return self.numbers["Tm"][0]

    @property
    def Tm_half(self) -> float:
        return self.numbers["Tm"][1]

    def fitted(self, study: Asked, temperatures) -> np.ndarray | None:
        """The two-state curve at temperatures ``(n,)``; None for the reweighting."""
        if self.chi2 is None:
            return None
        return two_state_population(self.numbers["dH"][0], self.Tm, temperatures, [*map(study.system.kT, temperatures)])


def load_fits(path: str) -> dict[str, Melted]:
    """``melting.csv`` by predictor; raises :class:`thermolatent.errors.ArtifactError`."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in read_table(path, melting.COLUMNS):
        rows.setdefault(row["predictor"], []).append(row)
    return {
        predictor: Melted(
            {r["quantity"]: (float(r["value"]), (float(r["high"]) - float(r["low"])) / 2) for r in own},
            float(own[0]["chi2"]) if own[0]["chi2"] else None,
            own[0]["extrapolated"] == "yes",
        )
        for predictor, own in rows.items()
    }


def caption(study: Asked, seeds: list[int], model: str = "") -> tuple[str, str]:
    """Title and caption in the report."""
    return (
        f"Melting of {study.validate_.melting}",
        "Population against temperature; squares mark the melting temperature with its 95 % interval. Dotted: two-state "
        "fits of the MD and of models that are not informed.",
    )


def draw(study: Asked, tables: Tables, fits: dict[str, Melted]) -> Figure:
    """Figure of the reweighting, the MD, and models that are not informed; squares mark Tm with its 95 % interval."""
    state = study.validate_.melting
    figure, axes = panels(1, 1, (SINGLE, 3.0))
    panel = axes.flat[0]
    temperature_axis(panel, study, measured=True)
    own = [name for name in study.models if not study.models[name].informed]
    for model in own:
        thin_line(panel, study, model, tables.population(model, state))
    answer_band(panel, study, tables, state)
    points(panel, study, "exact", tables.population("exact", state))
    points(panel, study, "md", tables.population("md", state))
    measured(panel, study, tables, state)
    temperatures = _shown(study)
    low, high = panel.get_xlim()
    for name in ("reweighting", "md", *own):
        if name not in fits:
            continue
        fit, color = fits[name], look(study, name).color
        curve = fit.fitted(study, temperatures)
        if curve is not None:
            panel.plot(temperatures, curve, color=color, linewidth=0.8, linestyle=":", zorder=1)
        if low <= fit.Tm <= high:
            half = fit.Tm_half if isfinite(fit.Tm_half) else 0.0
            panel.errorbar([fit.Tm], [0.5], xerr=[half], color=color, marker="s", mfc="none", markersize=6, zorder=5)
    for row in tables.measured:
        if row["quantity"] == MELTING:
            own, Tm, half = look(study, row["label"]), float(row["value"]), NORMAL * float(row["error"] or 0)
            marks = {"color": own.color, "marker": own.marker, "linestyle": "none", "mfc": "white"}
            panel.errorbar([Tm], [0.5], xerr=[half], markersize=4.5, label=f"{own.label}, Tm", zorder=5, **marks)
            low, high = min(low, Tm - half), max(high, Tm + half)
    panel.set_xlim(low, high)
    panel.set_ylim(-0.02, 1.02)
    panel.set_ylabel(f"population of {state}")
    legend(figure)
    return figure


def rows(study: Asked, tables: Tables, fits: dict[str, Melted]) -> Iterator[tuple]:
    """Rows of the CSV: the two-state curves, and the populations by the reweighting."""
    for T, of_state in tables.predictions().items():
        yield ("reweighting", T, of_state[study.validate_.melting].value)
    temperatures = _shown(study)
    for name, fit in fits.items():
        curve = fit.fitted(study, temperatures)
        for T, p in zip(temperatures, curve, strict=True) if curve is not None else ():
            yield (name, float(T), float(p))


def _shown(study: Asked) -> np.ndarray:
    return np.linspace(min(study.temperatures.generated), max(study.temperatures.generated), _POINTS)
