"""The job of each stage: its settings from a study, and the files it reads and writes. No heavy imports.

A stage is ``run(settings, inputs, outputs)`` and does not depend on studies. Command line and workflow both use these jobs, so
that they agree on the files.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

from thermolatent.errors import SimulationError, ThermolatentError
from thermolatent.featurize import settings as _featurize
from thermolatent.featurize.base import without_topology
from thermolatent.files.paths import paths_in
from thermolatent.generate import settings as _generate
from thermolatent.learn import settings as _learn
from thermolatent.represent import settings as _represent
from thermolatent.reweight import settings as _reweight
from thermolatent.simulate import settings as _simulate
from thermolatent.study.answers import Job, figures_job, gather_job, report_job, training_frames, validate_job
from thermolatent.study.layout import BASELINES_JOB, Layout
from thermolatent.study.stages import STAGES
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature


def simulate_job(study: Study, layout: Layout, temperature: float) -> Job:
    """MD at one temperature; raises :class:`SimulationError` if the study has none there by this stage."""
    asked = format_temperature(temperature)
    if temperature not in study.temperatures.simulated:
        known = ", ".join(map(format_temperature, study.temperatures.simulated))
        raise SimulationError(f"study {study.name} has no MD at T={asked}; simulated: {known}")
    if temperature in study.tempered:
        raise SimulationError(f"study {study.name} has T={asked} from tempering; run 'thermolatent temper' for it")
    simulate, starts = study.simulate.at(temperature), None
    if temperature in study.temperatures.reseeded:  # from frames of this temperature: nothing is heated or equilibrated
        simulate, starts = simulate.model_copy(update={"equilibration": 0}), layout.starts(temperature)
    settings = _simulate.Settings(system=study.system, simulate=simulate, temperature=temperature)
    inputs = _simulate.Inputs(tuple(study.system.input_files(temperature)), starts)
    return Job(settings, inputs, layout.md_files(temperature, study.simulate.walkers))


def reseed_job(study: Study, layout: Layout, temperature: float) -> Job:
    """Starts at a reseeded temperature; raises :class:`SimulationError` if the study has none there of its own."""
    if study.simulate.source:
        raise SimulationError(f"study {study.name} takes its MD from {study.md_study}; reseed that one")
    if temperature not in study.temperatures.reseeded:
        raise SimulationError(
            f"study {study.name} is not reseeded at T={format_temperature(temperature)}; write it in temperatures.reseeded"
        )
    settings = _generate.ReseedSettings(
        system=study.system,
        walkers=study.simulate.walkers,
        temperature=temperature,
        seed=study.simulate.seed,
        estimator=_reweighted(study),
    )
    seeding = study.temperatures.seeding
    inputs = _generate.ReseedInputs(
        {T: layout.frame_files(T) for T in seeding},
        {T: layout.md_files(T, study.simulate.walkers).trajectories for T in seeding},
    )
    return Job(settings, inputs, layout.starts(temperature))


def temper_job(study: Study, layout: Layout) -> Job:
    """All replica exchange of a study; raises :class:`SimulationError` if it has none of its own."""
    if study.simulate.source:
        raise SimulationError(f"study {study.name} takes its MD from {study.md_study}; temper that one")
    if study.tempering is None:
        raise SimulationError(
            f"study {study.name} has no tempering; write 'tempering: true', or run the stage simulate"
        )
    settings = _simulate.TemperSettings(
        system=study.system, simulate=study.simulate.of_one_length, kept=study.tempered, ladder=study.ladder
    )
    files = dict.fromkeys(path for T in study.ladder for path in study.system.input_files(T))
    md = {T: layout.md_files(T, study.simulate.walkers) for T in study.tempered}
    return Job(settings, tuple(files), _simulate.TemperOutputs(md, layout.tempered, layout.tempering))


def featurize_job(study: Study, layout: Layout, temperature: float) -> Job:
    system, section = study.system, study.featurize
    settings = _featurize.Settings(
        featurize=section,
        system=system.model_dump(mode="json"),
        bare=without_topology(system),
        temperature=temperature,
        walkers=study.simulate.walkers,
        saved=study.simulate.at(temperature).frames,
        frames=study.frames_at(temperature),
        stride=system.stride if system.existing else None,
        stretch=system.stretch if system.existing else None,
        reseeded=temperature in study.temperatures.reseeded,
    )
    structures = tuple(path for feature in section.all_features for path in feature.input_files)
    inputs = _featurize.Inputs(layout.md_files(temperature, study.simulate.walkers), structures)
    return Job(settings, inputs, layout.frame_files(temperature))


def represent_job(study: Study, layout: Layout, seed: int, model: str = BASELINES_JOB) -> Job:
    """SPIB of a model, or the study's, which the "baselines" have."""
    representation = study.representation_of(model)
    settings = _represent.Settings(
        representation=representation,
        T_ref=study.temperatures.T_ref,
        device=study.learn.device_for(representation.batch_size),
        seed=seed,
    )
    file = layout.spib(seed, study.spib_of(model))
    outputs = _represent.Outputs(file, layout.history(file))
    return Job(settings, _represent.Inputs(training_frames(study, layout)), outputs)


def reweight_job(study: Study, layout: Layout, seed: int) -> Job:
    """The estimator; ``seed``: of the study's SPIB, whose memberships join the basis."""
    settings = _reweighted(study)
    exchanged = study.temperatures.simulated if getattr(study.system, "discontinuous", False) else []
    inputs = _reweight.Inputs(
        training_frames(study, layout),
        {T: layout.protocol(T) for T in study.temperatures.train},
        {T: layout.frame_files(T) for T in exchanged},
        layout.spib(seed),
    )
    return Job(settings, inputs, _reweight.Outputs(layout.reweighting, layout.running))


def _reweighted(study: Study) -> _reweight.Settings:
    """The parts of a study that the estimator depends on."""
    return _reweight.Settings(
        reweight=study.reweight,
        states=study.validate_.states,
        system=study.system,
        lag=study.representation.lag,
    )


def learn_job(study: Study, layout: Layout, model: str, seed: int) -> Job:
    representation = study.representation_of(model)
    settings = _learn.Settings(
        name=model,
        model=study.models[model],
        learn=study.learn,
        T_ref=study.temperatures.T_ref,
        temperature_range=study.temperature_range,
        lag=representation.lag,
        beta_ib=representation.beta_ib,
        seed=seed,
    )
    spib = layout.spib(seed, study.spib_of(model))
    inputs = _learn.Inputs(training_frames(study, layout), spib, _if_informed(study, layout, model))
    file = layout.model(model, seed)
    return Job(settings, inputs, _learn.Outputs(file, layout.history(file)))


def generate_job(study: Study, layout: Layout, model: str, seed: int) -> Job:
    settings = _generate.Settings(
        generate=study.generate,
        states=study.validate_.states,
        system=study.system,
        temperatures=study.temperatures.generated,
        temperature_range=study.temperature_range,
        T_ref=study.temperatures.T_ref,
        seed=seed,
    )
    training = study.temperatures.train
    inputs = _generate.Inputs(
        layout.model(model, seed),
        _if_informed(study, layout, model),
        training_frames(study, layout),
        layout.topology(training[0]),
        {T: layout.md_files(T, study.simulate.walkers).trajectories for T in training},
    )
    asked = study.temperatures.generated
    structured = asked if study.generate.structures else []
    outputs = _generate.Outputs(
        {T: layout.samples(model, seed, T) for T in asked},
        {T: layout.structures(model, seed, T) for T in structured},
        {T: layout.medoids(model, seed, T) for T in structured},
        layout.surfaces(model, seed),
        layout.generated(model, seed),
    )
    return Job(settings, inputs, outputs)


def _if_informed(study: Study, layout: Layout, model: str) -> str | None:
    return layout.reweighting if study.models[model].informed else None


#: By stage, the function ``(study, layout, **per)`` of its jobs (``per``: :class:`~thermolatent.study.stages.Stage`).
JOBS: dict[str, Callable[..., Job]] = {
    "reseed": reseed_job,
    "simulate": simulate_job,
    "temper": temper_job,
    "featurize": featurize_job,
    "represent": represent_job,
    "reweight": reweight_job,
    "learn": learn_job,
    "generate": generate_job,
    "validate": validate_job,
    "gather": gather_job,
    "figures": figures_job,
    "report": report_job,
}


def run_job(stage: str, study: Study, layout: Layout, threads: int | None = None, **per: Any) -> None:
    """Run one job of a stage; ``per`` selects it (:class:`~thermolatent.study.stages.Stage`)."""
    run_stage(stage, JOBS[stage](study, layout, **per), threads)


def run_stage(stage: str, job: Job, threads: int | None = None) -> None:
    """Run a job of a stage, with ``threads`` if it can use several.

    Raises :class:`ThermolatentError` if it would overwrite one of its inputs.
    """
    read = {os.path.realpath(path): path for path in paths_in(job.inputs)}
    for path in map(os.path.realpath, paths_in(job.outputs)):
        if path in read:
            raise ThermolatentError(
                f"{read[path]}: would be written over; give the study another name, or copy its inputs"
            )
    run = STAGES[stage].load()
    several = threads and "threads" in inspect.signature(run).parameters
    run(*job, **({"threads": threads} if several else {}))
