"""``thermolatent <stage>``: the subcommands of the workflow's rules, from the table of stages."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from thermolatent.commands.arguments import add_results, add_seeds, add_study, add_threads, natural, study_of
from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.study.stages import STAGES, Stage

if TYPE_CHECKING:
    from thermolatent.study.study import Study


def add_arguments(parser: argparse.ArgumentParser, stage: Stage) -> None:
    """The arguments of a job of ``stage``."""
    add_study(parser)
    add_results(parser)
    add_threads(parser)
    if "temperature" in stage.per:
        parser.add_argument("--temperature", type=float, metavar="T", help="default: all of the stage in turn")
    if "model" in stage.per:
        parser.add_argument("--model", metavar="NAME", help="a model of the study (default: all in turn)")
    if "seed" in stage.per:
        parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    if "seeds" in stage.per:
        add_seeds(parser, [0], "default: 0")


def run(options: argparse.Namespace) -> None:
    """Run ``options.command`` for one temperature or model, or for all of the study."""
    from thermolatent.study.checks import check_molecule
    from thermolatent.study.jobs import JOBS, run_stage
    from thermolatent.study.layout import Layout
    from thermolatent.study.project import save_resolved

    study = study_of(options)
    layout = Layout.of(study, options.results)
    stage = STAGES[options.command]
    # all arguments are checked before the first job starts
    jobs = [JOBS[options.command](study, layout, **job) for job in _jobs(study, stage, options)]
    save_resolved(study, layout)
    if options.command in ("simulate", "temper"):
        check_molecule(study)  # and its features, before hours of MD
    for job in jobs:
        run_stage(options.command, job, options.threads)


def _jobs(study: Study, stage: Stage, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Keyword arguments of each call of the stage's function."""
    if "temperature" in stage.per:
        known = [t for t in study.temperatures.simulated if options.command != "simulate" or t not in study.tempered]
        known = study.temperatures.reseeded if options.command == "reseed" else known
        for temperature in _one_of(options.temperature, known, "simulated temperature", study):
            yield {"temperature": temperature}
    elif "model" in stage.per:
        known = [*study.models, *(["baselines"] if options.command in ("represent", "validate") else [])]
        asked = _one_of(options.model, known, "model", study)
        for model in dict.fromkeys(map(study.spib_of, asked)) if options.command == "represent" else asked:
            yield {"model": model, "seed": options.seed}
    else:
        yield {name: getattr(options, name) for name in stage.per}


def _one_of(asked: Any, known: list[Any], what: str, study: Study) -> list[Any]:
    if asked is None:
        return known
    if asked not in known:
        hint = did_you_mean(asked, known) if isinstance(asked, str) else f"known: {', '.join(map(repr, known))}"
        raise ThermolatentError(f"study {study.name} has no {what} {asked!r}, {hint}")
    return [asked]
