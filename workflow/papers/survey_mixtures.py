"""One job of the survey's benchmark on mixtures: an experiment, one framework, one seed."""

import logging
import time
from collections.abc import Iterator

import numpy as np

from job import logged
from mixtures import GaussianMixture, kl_exact, principal_axes, sample_scores
from survey_settings import Framework, Survey, load_survey
from thermolatent.densities.fit import FittedDensity, fit_density
from thermolatent.errors import ThermolatentError
from thermolatent.tables import write_table

COLUMNS = (
    *("experiment", "framework", "seed", "dim", "modes", "samples", "ratio"),
    *("metric", "value", "stderr"),
)


def run(survey: Survey, experiment: str, framework: str, seed: int, out: str) -> None:
    """Write the scores of every point of ``experiment`` to ``out`` (CSV).

    Every framework sees the same mixtures and the same samples. Times are CPU seconds of this process.
    """
    plan, rows = survey.experiments[experiment], []
    for value in plan.values:
        point = plan.at(value)
        chosen = survey.framework(experiment, framework)
        found = list(scores(survey, chosen, **point, seed=seed, axes=plan.axes))
        point |= {"experiment": experiment, "framework": framework, "seed": seed}
        rows += [point | {"metric": m, "value": score, "stderr": error} for m, score, error in found]
        told = [f"{m} {v:.4f}" for m, v, _ in found if m in ("kl_exact", "js_pca", "delta_F", "delta_F_exact")]
        logging.info("%s = %g: %s", plan.along, value, ", ".join(told))
    write_table(out, COLUMNS, rows)


def mixture_of(dim: int, modes: int, ratio: float, seed: int) -> GaussianMixture:
    """The mixture of one point. Those that differ in the ratio alone share their means."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, dim, modes]))
    weights = np.full(modes, 1 / modes) if ratio == 0 else np.array([1 - ratio, ratio])
    return GaussianMixture.drawn(dim, weights, rng)


def scores(
    survey: Survey,
    framework: Framework,
    dim: int,
    modes: int,
    samples: int,
    ratio: float,
    seed: int,
    axes: str = "given",
) -> Iterator[tuple[str, float, float]]:
    """(metric, value, standard error or NaN) of one framework on one mixture."""
    mixture = mixture_of(dim, modes, ratio, seed)
    purposes = np.random.SeedSequence([seed, dim, modes, samples, round(1e6 * ratio)]).spawn(4)
    train, reference, floor, judged = (
        mixture.sample(n, np.random.default_rng(purpose))
        for n, purpose in zip((samples, *[survey.generated] * 3), purposes, strict=True)
    )
    # Along principal axes modes part along few coordinates, which a spline and Adam's step per weight are quick to find.
    rotation = principal_axes(train) if axes == "principal" else np.eye(dim)
    fitted, generated, costs = fit(survey, framework, train @ rotation, seed, survey.generated)
    yield from costs
    yield from sample_scores(mixture, reference, floor, generated @ rotation.T)
    if fitted.density.by_ode:  # each ln p takes d passes through the network per step
        judged = judged[: survey.likelihoods]
    yield "kl_exact", *kl_exact(mixture, judged, fitted.log_prob(judged @ rotation, 1.0))
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
        scored=1,  # what is judged is computed afterwards, from samples that are exact
        evaluate_every=survey.evaluate_every,
        patience=framework.steps,
        **framework.model_dump(include={"steps", "batch_size", "learning_rate"}),
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


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        job = snakemake.wildcards
        run(load_survey(job.scale), job.experiment, job.framework, int(job.seed), snakemake.output[0])
