"""``thermolatent paper-paths``: straight paths in a flow's base space."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_study, add_threads, natural, study_of

HELP = "straight paths between states in a flow's base space, mapped back"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--model", required=True, metavar="NAME", help="a flow of the study")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    add_results(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from thermolatent.errors import ThermolatentError, did_you_mean
    from thermolatent.papers.paths import run
    from thermolatent.study.layout import Layout

    study = study_of(options)
    if options.model not in study.models:
        raise ThermolatentError(
            f"study {study.name} has no model '{options.model}', {did_you_mean(options.model, study.models)}"
        )
    run(study, Layout.of(study, options.results), options.model, options.seed)
