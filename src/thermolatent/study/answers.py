"""The jobs of the stages validate, gather, figures and report (:mod:`thermolatent.study.jobs` has the others)."""

from __future__ import annotations

from typing import Any, NamedTuple

from thermolatent.figures import settings as _figures
from thermolatent.learn.settings import Composition
from thermolatent.parsing import Section
from thermolatent.report import settings as _report
from thermolatent.study.layout import BASELINES_JOB, Layout
from thermolatent.study.study import Study
from thermolatent.validate import settings as _validate


class Job(NamedTuple):
    """One call of a stage."""

    settings: Section
    inputs: Any
    outputs: Any


def training_frames(study: Study, layout: Layout) -> dict[float, Any]:
    """The files of the frames at the training temperatures."""
    return {T: layout.frame_files(T) for T in study.temperatures.train}


def validate_job(study: Study, layout: Layout, model: str, seed: int) -> Job:
    """Scores of a model, or of the "baselines"."""
    baselines = model == BASELINES_JOB
    scored = asked(study, {} if baselines else {model: study.models[model]})
    # Scores do not depend on measured values: new ones repeat gather, figures and report only.
    scored["validate_"] = study.validate_.model_copy(update={"experiment": []})
    settings = _validate.Settings(
        **scored,
        model=model,
        samples=study.generate.samples,
        seed=seed,
    )
    inputs = _validate.Inputs(
        layout.spib(seed) if baselines else layout.model(model, seed),
        {} if baselines else {T: layout.samples(model, seed, T) for T in study.temperatures.generated},
        layout.reweighting,
        {T: layout.frame_files(T) for T in study.temperatures.simulated},
        {T: layout.protocol(T) for T in study.temperatures.simulated},
    )
    profiles = None if baselines else layout.profiles(model, seed)
    return Job(
        settings, inputs, _validate.Outputs(layout.scores(model, seed), layout.populations(model, seed), profiles)
    )


def gather_job(study: Study, layout: Layout, seeds: list[int]) -> Job:
    parts = [(model, seed) for model in (BASELINES_JOB, *study.models) for seed in seeds]
    inputs = _validate.GatherInputs(
        tuple(layout.scores(*part) for part in parts),
        tuple(layout.populations(*part) for part in parts),
        layout.reweighting,
        layout.profiles(next(iter(study.models)), seeds[0]),
        training_frames(study, layout),
        tuple(data.file for data in study.validate_.experiment if data.file),
    )
    outputs = _validate.GatherOutputs(
        layout.all_scores,
        layout.all_populations,
        layout.predictions,
        layout.melting,
        layout.experiment,
        layout.convergence,
        layout.metrics,
        layout.grid,
        layout.grid_observables,
        layout.grid_surfaces,
    )
    return Job(_validate.GatherSettings(**asked(study), seeds=seeds), inputs, outputs)


def figures_job(study: Study, layout: Layout, seeds: list[int]) -> Job:
    settings = _figures.Settings(**asked(study), description=study.description, featurize=study.featurize, seeds=seeds)
    profiles = {model: layout.profiles(model, seeds[0]) for model in study.models}
    inputs = _figures.Inputs(_tables(layout), layout.running, profiles, _histories(study, layout, seeds))
    return Job(settings, inputs, _figures.Outputs(layout.figures_folder, layout.figures))


def report_job(study: Study, layout: Layout, seeds: list[int]) -> Job:
    settings = _report.Settings(
        **asked(study),
        description=study.description,
        featurize=study.featurize,
        generate=study.generate,
        seeds=seeds,
        study=study.model_dump(mode="json", by_alias=True),
    )
    structured = study.temperatures.generated if study.generate.structures else []
    inputs = _report.Inputs(
        tables=_tables(layout),
        grid=layout.grid,
        grid_observables=layout.grid_observables,
        grid_surfaces=layout.grid_surfaces,
        figures=layout.figures_folder,
        histories=_histories(study, layout, seeds),
        protocols={T: layout.protocol(T) for T in study.temperatures.simulated},
        convergence=layout.convergence,
        running=layout.running,
        generated={
            model: {
                seed: _report.Generated(
                    layout.surfaces(model, seed),
                    layout.profiles(model, seed),
                    {T: layout.medoids(model, seed, T) for T in structured},
                    {T: layout.structures(model, seed, T) for T in structured},
                )
                for seed in seeds
            }
            for model in study.models
        },
    )
    return Job(settings, inputs, layout.report)


def _tables(layout: Layout) -> _figures.TableFiles:
    return _figures.TableFiles(
        *(layout.all_scores, layout.all_populations, layout.predictions),
        *(layout.melting, layout.experiment, layout.metrics),
    )


def _histories(study: Study, layout: Layout, seeds: list[int]) -> dict[int, _figures.Histories]:
    return {
        seed: _figures.Histories(
            {name: layout.history(layout.spib(seed, name)) for name in study.spibs},
            {model: layout.history(layout.model(model, seed)) for model in study.models},
        )
        for seed in seeds
    }


def asked_of(study: Study) -> _validate.Asked:
    """The parts of a study that predictions and scores depend on."""
    return _validate.Asked(**asked(study))


def asked(study: Study, models: dict[str, Composition] | None = None) -> dict[str, Any]:
    """The fields of :class:`~thermolatent.validate.settings.Asked`."""
    return {
        "name": study.name,
        "system": study.system,
        "temperatures": study.temperatures,
        "temperature_range": study.temperature_range,
        "representation": study.representation,
        "models": study.models if models is None else models,
        "validate_": study.validate_,
    }
