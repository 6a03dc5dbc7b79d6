"""``thermolatent survey``: one job of the benchmark on Gaussian mixtures and torsions."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_folders, add_results, add_threads, natural, study_folders

HELP = "one job of the survey's benchmark of generative frameworks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", help="as in the survey's settings, e.g. asymmetry; or torsions")
    parser.add_argument("--framework", required=True, metavar="NAME", help="as in the settings, e.g. ns")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    add_scale(parser)
    parser.add_argument("--study", metavar="NAME", help="torsions: whose MD (default: the one in the settings)")
    add_folders(parser)
    add_results(parser)
    add_threads(parser)


def add_scale(parser: argparse.ArgumentParser) -> None:
    """The argument ``--scale``."""
    parser.add_argument("--scale", default="desk", metavar="NAME", help="of the survey (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    from thermolatent.errors import ThermolatentError
    from thermolatent.papers import survey, torsions
    from thermolatent.papers.survey_settings import load_survey
    from thermolatent.study.layout import PaperLayout

    settings, layout = load_survey(options.scale), PaperLayout(options.results)
    out = layout.survey(options.scale, options.experiment, options.framework, options.seed)
    if options.experiment != torsions.EXPERIMENT:
        if options.study:
            raise ThermolatentError(f"--study: is for the experiment {torsions.EXPERIMENT}; leave it out")
        survey.run(settings, options.experiment, options.framework, options.seed, out)
        return
    from thermolatent.study.layout import Layout
    from thermolatent.study.project import find_study

    study = find_study(options.study or settings.torsions.study, study_folders(options))
    samples = layout.torsion_samples(options.scale, options.framework, options.seed)
    torsions.run(settings, options.framework, options.seed, study, Layout.of(study, options.results), out, samples)
