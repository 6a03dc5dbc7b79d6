"""``thermolatent advise``: what to simulate next for a prediction within a goal, and what it costs."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import (
    add_results,
    add_study,
    add_threads,
    command_line,
    positive,
    share,
    study_folders,
)

HELP = "what to simulate next: expected errors and costs; --apply writes it into the study"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--want", required=True, metavar="'STATE at T'", help="the population of a named state at T")
    parser.add_argument(
        "--within", type=share, required=True, metavar="P", help="distance of the ends of its 95%% interval to reach"
    )
    parser.add_argument(
        "--temperatures",
        type=float,
        nargs="+",
        metavar="T",
        help="new ones to consider (default: the wanted one, and between it and the training ones)",
    )
    parser.add_argument("--apply", type=positive, metavar="N", help="write option N into the study file")
    add_results(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from thermolatent.advise.advice import advise
    from thermolatent.advise.applying import apply, frames_after
    from thermolatent.advise.table import table
    from thermolatent.errors import ThermolatentError
    from thermolatent.study.layout import Layout
    from thermolatent.study.project import find_study, study_file

    folders = study_folders(options)
    study = find_study(options.study, folders)
    layout = Layout.of(study, options.results)
    advice = advise(study, layout, options.want, options.within, options.temperatures)
    print(table(advice, study.system.temperature_unit == "reduced"))
    if not advice.options:
        return
    if options.apply is None:
        print("  write one into the study: --apply N")
        return
    if options.apply > len(advice.options):
        raise ThermolatentError(f"--apply: {options.apply}, but there are {len(advice.options)} options")
    path = study_file(options.study, folders)
    option = advice.options[options.apply - 1]
    for change in apply(path, study, option.md.temperature, frames_after(study, option), option.reseeds):
        print(f"{path}: {change}")
    print(f"run what is new: {command_line('run', options.study, folders=options.studies)}")
