"""``thermolatent paper-divergences``: D-SPIB's table for a study whose system is known exactly."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_study, add_threads, natural, study_of

HELP = "symmetrised KL of every model of a study against MD and against exact points"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    add_results(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from thermolatent.papers.divergences import run
    from thermolatent.study.layout import Layout

    study = study_of(options)
    run(study, Layout.of(study, options.results), options.seed)
