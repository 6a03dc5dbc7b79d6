"""The melting curve: a named state's population against temperature with its two-state fits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from thermolatent.config import Study
from thermolatent.figures.style import SINGLE, look, panels, temperature_axis
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import curve, legend, points
from thermolatent.layout import Layout
from thermolatent.validate import melting
from thermolatent.validate.melting import Melting, two_state_population
from thermolatent.validate.tables import read_table

COLUMNS = ("series", "temperature", "fitted population")
_POINTS = 100


def load_fits(layout: Layout) -> dict[str, Melting]:
    """The fits of ``melting.csv`` by model; raises :class:`thermolatent.errors.ArtifactError`."""
    rows = read_table(layout.melting, melting.COLUMNS)
    numbers = Melting._fields[:-1]
    return {
        row["model"]: Melting(*(float(row[name]) for name in numbers), extrapolated=row["extrapolated"] == "yes")
        for row in rows
    }


def draw(study: Study, tables: Tables, fits: dict[str, Melting]) -> Figure:
    """Populations of the models and the MD, and their fits; baselines would hide them and are in ``melting.csv``."""
    state = study.validate_.melting
    figure, axes = panels(1, 1, (SINGLE, 3.0))
    panel = axes.flat[0]
    temperature_axis(panel, study)
    for model in study.models:
        curve(panel, study, model, tables.population(model, state))
    points(panel, study, "exact", tables.population("exact", state))
    points(panel, study, "md", tables.population("md", state))
    temperatures = _shown(study)
    low, high = panel.get_xlim()
    for name in ("md", *study.models):
        if name not in fits:
            continue
        fit, color = fits[name], look(study, name).color
        panel.plot(temperatures, _fitted(study, fit, temperatures), color=color, linewidth=0.8, linestyle=":", zorder=1)
        if low <= fit.Tm <= high:
            panel.errorbar(
                [fit.Tm], [0.5], xerr=[fit.Tm_stderr], color=color, marker="s", mfc="none", markersize=6, zorder=5
            )
    panel.set_xlim(low, high)
    panel.set_ylim(-0.02, 1.02)
    panel.set_ylabel(f"population of {state}")
    legend(figure, panel)
    return figure


def rows(study: Study, fits: dict[str, Melting]) -> Iterator[tuple]:
    """The fitted curves."""
    temperatures = _shown(study)
    for name, fit in fits.items():
        for T, p in zip(temperatures, _fitted(study, fit, temperatures), strict=True):
            yield (name, float(T), float(p))


def _shown(study: Study) -> np.ndarray:
    return np.linspace(min(study.temperatures.generated), max(study.temperatures.generated), _POINTS)


def _fitted(study: Study, fit: Melting, temperatures: np.ndarray) -> np.ndarray:
    return two_state_population(fit, temperatures, [study.system.kT(T) for T in temperatures])
