"""One job of the survey's benchmark: an experiment's mixtures, one framework, one seed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.densities.fit import FittedDensity, fit_density
from thermolatent.errors import ConfigError, ThermolatentError, did_you_mean
from thermolatent.files.artifacts import load_json, save_json
from thermolatent.papers.mixtures import GaussianMixture
from thermolatent.papers.survey_scores import Scored
from thermolatent.papers.survey_settings import Framework, Survey
from thermolatent.tables import write_table

log = logging.getLogger(__name__)

COLUMNS = (
    *("experiment", "framework", "seed", "dim", "modes", "samples", "ratio"),
    *("metric", "value", "stderr"),
)


def run(survey: Survey, experiment: str, framework: str, seed: int, out: str) -> None:
    """Write the scores of every point of ``experiment`` to ``out`` (CSV).

    Every framework sees the same mixtures and the same samples. Times are CPU seconds of this process. An interrupted job
    keeps the points that it finished, and goes on with the next.
    """
    one_of(survey.experiments, "experiment", experiment)
    one_of(survey.frameworks, "framework", framework)
    plan = survey.experiments[experiment]
    settings = repr(
        (survey.generated, survey.likelihoods, survey.evaluate_every, survey.frameworks[framework], plan, seed)
    )
    partial = Path(out).with_suffix(".partial.json")
    done = _finished_points(partial, settings)
    for value in plan.values:
        key = repr(value)
        if key not in done:
            dim, modes, samples, ratio = plan.at(value)
            point = {"experiment": experiment, "framework": framework, "seed": seed}
            point |= {"dim": dim, "modes": modes, "samples": samples, "ratio": ratio}
            found = _scores(survey, survey.frameworks[framework], dim, modes, samples, ratio, seed)
            done[key] = [{**point, "metric": m, "value": score, "stderr": error} for m, score, error in found]
            save_json(partial, {"settings": settings, "points": done})
        told = {row["metric"]: row["value"] for row in done[key]}
        words = [f"{m} {told[m]:.4f}" for m in ("kl_exact", "js_pca", "delta_F", "delta_F_exact") if m in told]
        log.info("%s = %g: %s", plan.along, value, ", ".join(words))
    write_table(out, COLUMNS, [row for value in plan.values for row in done[repr(value)]])
    partial.unlink(missing_ok=True)


def one_of(known: Mapping[str, Any], what: str, name: str) -> None:
    """Raise :class:`ConfigError` unless the survey has this experiment or framework."""
    if name not in known:
        raise ConfigError(name, [("", f"no such {what} of the survey, {did_you_mean(name, known)}")])


def _finished_points(partial: Path, settings: str) -> dict[str, list[dict[str, Any]]]:
    """Rows by point of a job that was interrupted, unless its settings were others."""
    if not partial.is_file():
        return {}
    content = load_json(partial)
    return content["points"] if content["settings"] == settings else {}


def mixture_of(dim: int, modes: int, ratio: float, seed: int) -> GaussianMixture:
    """The mixture of one point. Those that differ in the ratio alone share their means."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, dim, modes]))
    weights = np.full(modes, 1 / modes) if ratio == 0 else np.array([1 - ratio, ratio])
    return GaussianMixture.drawn(dim, weights, rng)


def _scores(
    survey: Survey, framework: Framework, dim: int, modes: int, samples: int, ratio: float, seed: int
) -> Iterator[tuple[str, float, float]]:
    mixture = mixture_of(dim, modes, ratio, seed)
    purposes = np.random.SeedSequence([seed, dim, modes, samples, round(1e6 * ratio)]).spawn(4)
    train, reference, floor, judged = (
        mixture.sample(n, np.random.default_rng(purpose))
        for n, purpose in zip((samples, *[survey.generated] * 3), purposes, strict=True)
    )
    fitted, generated, costs = fit(survey, framework, train, seed, survey.generated)
    yield from costs
    scored = Scored(mixture, reference, floor)
    yield from scored.of_samples(generated)
    if fitted.density.by_ode:  # each ln p takes d passes through the network per step
        judged = judged[: survey.likelihoods]
    yield from scored.of_log_prob(judged, fitted.log_prob(judged, 1.0))
    if modes == 2:
        yield "delta_F_exact", mixture.free_energy_difference, np.nan


def fit(
    survey: Survey, framework: Framework, train: np.ndarray, seed: int, count: int
) -> tuple[FittedDensity, np.ndarray, list[tuple[str, float, float]]]:
    """Fit one framework to samples ``(n, d)`` and draw ``(count, d)``; and what it cost, as (metric, value, NaN).

    There is no early end; of all states that were looked at, the best on held-out samples is kept. Raises
    :class:`ThermolatentError` where a sample is not finite.
    """
    start = time.process_time()
    fitted = fit_density(
        train,
        1.0,
        framework.density,
        held_out=0.1,
        seed=seed,
        scored=survey.likelihoods,
        steps=framework.steps,
        batch_size=framework.batch_size,
        learning_rate=framework.learning_rate,
        evaluate_every=survey.evaluate_every,
        patience=framework.steps,
    )
    trained = time.process_time()
    generated = fitted.sample(count, 1.0, seed)
    sampled = time.process_time()
    if bad := int((~np.isfinite(generated)).any(1).sum()):
        raise ThermolatentError(f"{bad} of {len(generated)} samples are not finite; lower the learning rate")
    costs = {
        "train_seconds": trained - start,
        "milliseconds_per_sample": 1e3 * (sampled - trained) / len(generated),
        "parameters": float(sum(p.numel() for p in fitted.density.parameters())),
        "steps": float(fitted.about["steps"]),
    }
    return fitted, generated, [(metric, value, np.nan) for metric, value in costs.items()]
