"""``thermolatent survey``: one job of the benchmark on Gaussian mixtures."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_threads, natural

HELP = "one job of the survey's benchmark of generative frameworks on Gaussian mixtures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", help="as in the survey's settings, e.g. asymmetry")
    parser.add_argument("--framework", required=True, metavar="NAME", help="as in the settings, e.g. ns")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    add_scale(parser)
    add_results(parser)
    add_threads(parser)


def add_scale(parser: argparse.ArgumentParser) -> None:
    """The argument ``--scale``."""
    parser.add_argument("--scale", default="desk", metavar="NAME", help="of the survey (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    from thermolatent.layout import PaperLayout
    from thermolatent.papers.survey import run
    from thermolatent.papers.survey_settings import load_survey

    out = PaperLayout(options.results).survey(options.scale, options.experiment, options.framework, options.seed)
    run(load_survey(options.scale), options.experiment, options.framework, options.seed, out)
