"""How much training MD a model needs: error at temperatures not trained at, for the first part of every walker."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import nan
from statistics import mean
from typing import NamedTuple

from matplotlib.ticker import NullLocator

from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources, spread
from thermolatent.figures.calibration import calibration, within
from thermolatent.figures.style import DOUBLE, log_ticks, look, panels
from thermolatent.figures.tables import Tables
from thermolatent.validate.settings import Asked
from unseen import error

#: Metric -> (axis, how the temperatures of a role are put together).
_ERRORS = {
    "js_plane": ("Jensen-Shannon of frame\nweights, fixed plane (nats)", mean),
    "js_latent": ("Jensen-Shannon of samples,\nlatent plane (nats)", mean),
    "population": ("largest error of a\nnamed population", max),
}
_ROLES = {"interpolate": "between", "extrapolate": "beyond"}
_BASELINES = ("conditional", "floor")


class Error(NamedTuple):
    """One score of a model or baseline trained on ``frames`` frames, ``share`` of all."""

    share: Fraction
    frames: int
    model: str
    seed_index: int
    temperature: float
    role: str
    metric: str
    value: float


def error_against_amount(sources: Sources, entry: PaperFigure) -> Drawing:
    """Errors against the number of training frames, one study (or scale of one) per amount; bars span the seeds."""
    answers = {share_of(sources, name): (name, *sources.answers(name)) for name in entry.studies}
    rows = [row for share, found in answers.items() for row in errors(sources, share, *found)]
    study = next(iter(answers.values()))[1]
    predictors = [*_BASELINES, *study.models]
    figure, axes = panels(len(_ERRORS), len(_ROLES), (DOUBLE, 6.2), sharex=True, sharey="row")
    for row_of, (metric, (label, _)) in zip(axes, _ERRORS.items(), strict=True):
        row_of[0].set_ylabel(label)
        for panel, role in zip(row_of, _ROLES, strict=True):
            for name in predictors:
                own = {n: v for (n, *what), v in combined(rows).items() if what == [name, role, metric]}
                middle = [mean(values) for values in own.values()]
                bars = [[m - min(v) for m, v in zip(middle, own.values(), strict=True)]]
                bars.append([max(v) - m for m, v in zip(middle, own.values(), strict=True)])
                style = look(study, name)
                options = {"color": style.color, "marker": style.marker, "linestyle": style.line, "linewidth": 1}
                panel.errorbar([*own], middle, yerr=bars, label=style.label, **options)
            panel.set(xscale="log", yscale="log")
    for panel, words in zip(axes[0], _ROLES.values(), strict=True):
        panel.set_title(f"{words} the training temperatures")
    amounts = sorted({row.frames for row in rows})
    for panel in axes[-1]:
        panel.set_xlabel("training frames, all temperatures")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticks(amounts, [f"{frames:,}" for frames in amounts])
    for panel in axes.flat:
        log_ticks(panel.yaxis, 20)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    remarks = [line for share, (_, *found) in answers.items() for line in held(share, *found)]
    return Drawing(figure, Error._fields, rows, findings(rows, predictors), remarks)


def share_of(sources: Sources, name: str) -> Fraction:
    """Share of the MD at the training temperatures that a study learns from."""
    study, _ = sources.study(name)
    train = study.temperatures.train
    return Fraction(sum(map(study.frames_at, train)), sum(study.simulate.at(T).frames for T in train))


def errors(sources: Sources, share: Fraction, name: str, study: Asked, tables: Tables) -> Iterable[Error]:
    """All errors of one study at temperatures not trained at."""
    whole, _ = sources.study(name)
    frames = whole.simulate.walkers * sum(map(whole.frames_at, whole.temperatures.train))
    for model in (*_BASELINES, *study.models):
        for T in study.temperatures.predict:
            for metric in _ERRORS:
                for k, value in enumerate(error(study, tables, model, metric, T)):
                    yield Error(share, frames, model, k, T, study.temperatures.role(T), metric, value)


def combined(rows: Iterable[Error]) -> dict[tuple[int, str, str, str], list[float]]:
    """(frames, model, role, metric) -> by seed, the mean or the largest over temperatures of a role."""
    by_seed: dict[tuple, dict[int, list[float]]] = {}
    for row in rows:
        key = (row.frames, row.model, row.role, row.metric)
        by_seed.setdefault(key, {}).setdefault(row.seed_index, []).append(row.value)
    return {key: [_ERRORS[key[-1]][1](values) for values in seeds.values()] for key, seeds in sorted(by_seed.items())}


def findings(rows: list[Error], predictors: list[str]) -> list[Finding]:
    """The largest population error at any temperature not trained at, by amount."""
    shares = {row.frames: "all" if row.share == 1 else f"1/{round(1 / row.share)}" for row in rows}
    worst = combined(row._replace(role="") for row in rows)

    def told(model: str) -> str:
        found = {frames: worst.get((frames, model, "", "population")) for frames in sorted(shares)}
        return "; ".join(f"{shares[n]}: {spread((v, nan) for v in values)}" for n, values in found.items() if values)

    what = "largest population error, T not trained at"
    models = [model for model in predictors if model != "floor"]
    return [Finding(f"{what}, {m}", "", told(m), told("floor"), "no number published") for m in models]


def held(share: Fraction, study: Asked, tables: Tables) -> Iterable[str]:
    """How many intervals of the estimator hold the reference MD, and how wide they are."""
    found = calibration(study, tables)
    if found:
        inside = sum(within(p, md, md_half) for _, _, p, md, md_half in found)
        yield (
            f"Trained on {float(share):.3g} of the MD: {inside} of {len(found)} intervals of the estimator hold the MD's "
            f"population at temperatures not trained at; half of the widest is {max(p.half for _, _, p, *_ in found):.3f}."
        )
