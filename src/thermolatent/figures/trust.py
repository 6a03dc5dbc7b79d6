"""Where a prediction should not be trusted, judged without any reference; and, where there is one, how well that works."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, nan

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import spearmanr

from thermolatent.config import Study
from thermolatent.figures.style import DOUBLE, GREY, SINGLE, log_ticks, look, panels, series_names, temperature_axis
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import curve, legend, only_outer_labels
from thermolatent.validate.predictions import ESS_LIMIT, FIGURES, LIMITS, predictors

#: Background of values that call a prediction in doubt.
DOUBT = "#FBF6C4"
#: Titles and axes of the trust figures.
WORDS = {
    "ess_fraction": ("frames that count", "effective sample fraction"),
    "trust_reweighting": ("against the reweightings", "largest difference"),
    "trust_basis": ("two forms of reweighting", "largest difference"),
    "trust_heat_capacity": ("noise of the energies", "standard error"),
    "trust_seeds": ("between seeds", "standard deviation"),
    "trust_log_density": ("thermodynamic identity", "error in ln p"),
}
#: Error that the trust figures are compared with.
ERROR = "population_max_error"
ERROR_COLUMNS = ("figure", "model", "temperature", "role", "trust", "error")


def panels_of(study: Study, tables: Tables) -> list[tuple[str, str, str]]:
    """(metric, plane, axis label) of the figures that are curves over temperature and exist; the first always does."""
    found = [("ess_fraction", "", WORDS["ess_fraction"][1])]
    for metric in ("trust_reweighting", "trust_basis", "trust_heat_capacity", "trust_seeds"):
        if any(tables.score(name, metric, "fixed") for name in series_names(study)):
            found.append((metric, "fixed", f"population, {WORDS[metric][1]}"))
    return found


def draw(study: Study, tables: Tables) -> Figure:
    """What needs no reference: effective sample fractions, and how far independent predictions disagree."""
    shown = panels_of(study, tables)
    columns = min(len(shown), 2)
    rows = ceil(len(shown) / columns)
    size = (DOUBLE if columns > 1 else SINGLE, 0.9 + 2.0 * rows)
    figure, axes = panels(rows, columns, size, sharex=True)
    for (metric, plane, _), panel in zip(shown, axes.flat, strict=False):
        panel.set_title(WORDS[metric][0])
        temperature_axis(panel, study)
        for name in series_names(study):
            curve(panel, study, name, tables.score(name, metric, plane))
        if metric == "ess_fraction":
            panel.set_yscale("log")
            low, high = panel.get_ylim()
            panel.set_ylim(min(low, ESS_LIMIT / 2), max(high, 1.3))
            log_ticks(panel.yaxis, 200)
            doubtful = (panel.get_ylim()[0], ESS_LIMIT)
        else:
            panel.set_ylim(0, max(panel.get_ylim()[1], 1.4 * LIMITS[metric]))
            doubtful = (LIMITS[metric], panel.get_ylim()[1])
        panel.axhspan(*doubtful, color=DOUBT, linewidth=0, zorder=-1.5, label="not to be trusted")
    only_outer_labels(axes, len(shown), "")
    for (_, _, label), panel in zip(shown, axes.flat, strict=False):
        panel.set_ylabel(label)
    legend(figure, axes.flat[0])
    return figure


def error_rows(study: Study, tables: Tables) -> Iterator[tuple]:
    """Every pair of a trust figure and the true error of the same prediction, at temperatures with MD."""
    for figure in FIGURES:
        for model in predictors(study):
            trust, error = tables.trust(model, figure), tables.score(model, ERROR, "fixed")
            for T in sorted(trust.keys() & error.keys()):
                yield figure, model, T, study.temperatures.role(T), trust[T], error[T].median


def rank_correlation(rows: list[tuple]) -> float:
    """Spearman's, of the trust and error columns of :func:`error_rows`, training temperatures left out; NaN below three.

    At training temperatures the frames at hand are the answer, so that both are small whatever a figure is worth.
    """
    pairs = [(row[4], row[5]) for row in rows if row[3] != "train"]
    if len(pairs) < 3 or any(len(set(column)) == 1 for column in zip(*pairs, strict=True)):
        return nan
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def draw_error(study: Study, tables: Tables) -> Figure:
    """Each trust figure against the true error, both logarithmic, a panel each; hollow at training temperatures."""
    rows = list(error_rows(study, tables))
    shown = [figure for figure in FIGURES if any(row[0] == figure for row in rows)]
    columns = min(max(len(shown), 1), 3)
    lines = max(ceil(len(shown) / columns), 1)
    figure, axes = panels(lines, columns, (DOUBLE if columns > 1 else SINGLE, 0.7 + 2.1 * lines), sharey=True)
    floor = min((row[5] for row in rows if row[5] > 0), default=1e-3)
    for name, panel in zip(shown, axes.flat, strict=False):
        own = [row for row in rows if row[0] == name]
        smallest = min((row[4] for row in own if row[4] > 0), default=1e-3)
        for _, model, _, role, trust, error in own:
            style = look(study, model)
            face = "white" if role == "train" else style.color
            # Zero has no logarithm: it is drawn at the smallest value that has one.
            at = (max(trust, smallest), max(error, floor))
            panel.plot(*at, style.marker, color=style.color, markerfacecolor=face, markersize=4, markeredgewidth=0.8)
        panel.set_xscale("log")
        panel.set_yscale("log")
        limit = LIMITS.get(name, ESS_LIMIT)
        low, high = panel.get_xlim()
        low, high = min(low, limit / 1.5), max(high, limit * 1.5)
        low = min(low, high / 15)  # room for the ticks of a log axis
        panel.axvspan(*((low, limit) if name == "ess_fraction" else (limit, high)), color=DOUBT, linewidth=0, zorder=-2)
        panel.set_xlim(low, high)
        for axis in (panel.xaxis, panel.yaxis):
            log_ticks(axis, 20)
        rank = rank_correlation(own)
        panel.set_title(f"{WORDS[name][0]}\nSpearman {rank:+.2f}" if rank == rank else WORDS[name][0])
        panel.set_xlabel(WORDS[name][1])
    only_outer_labels(axes, len(shown), "largest population error", xlabels=False)
    handles = []
    for model in predictors(study):
        style = look(study, model)
        handles.append(Line2D([], [], color=style.color, marker=style.marker, linestyle="none", label=style.label))
    handles.append(Line2D([], [], color=GREY, marker="o", mfc="white", linestyle="none", label="training temperature"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure
