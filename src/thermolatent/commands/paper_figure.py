"""``thermolatent paper-figure``: a figure of a paper from results that are there."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_threads, natural, study_folders
from thermolatent.commands.survey import add_scale

HELP = "a figure of a paper, with its numbers and caption"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", help="e.g. survey_asymmetry")
    parser.add_argument(
        "--seeds", type=natural, nargs="+", default=[0], metavar="N", help="of the studies (default: 0)"
    )
    parser.add_argument("--study-scale", default="full", metavar="NAME", help="of the studies (default: %(default)s)")
    parser.add_argument(
        "--studies", nargs="+", metavar="DIR", help="where study files lie (default: $THERMOLATENT_STUDIES, ./studies)"
    )
    add_scale(parser)
    add_results(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from thermolatent.errors import ThermolatentError, did_you_mean
    from thermolatent.figures.style import style
    from thermolatent.papers.catalogue import FIGURES
    from thermolatent.papers.drawing import Sources, save

    if options.figure not in FIGURES:
        raise ThermolatentError(f"no such figure '{options.figure}', {did_you_mean(options.figure, FIGURES)}")
    sources = Sources(options.results, study_folders(options), options.seeds, options.study_scale, options.scale)
    with style():
        save(options.figure, FIGURES[options.figure].load()(sources), sources)
