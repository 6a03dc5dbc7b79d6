"""``thermolatent figure``: any figure of a finished study, for a talk or a paper."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_seeds, add_study, study_of
from thermolatent.errors import ThermolatentError, did_you_mean

HELP = "one figure of a finished study as PDF, PNG or SVG, with its data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    names = parser.add_argument("names", nargs="*", metavar="FIGURE", help="populations, melting, ...; none: a list")
    names.completer = _completed
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="models that it shows (default: all)")
    parser.add_argument(
        "--format", nargs="+", choices=("pdf", "png", "svg"), default=["pdf", "png"], help="default: pdf png"
    )
    parser.add_argument("--out", metavar="DIR", help="folder (default: the study's figures)")
    add_results(parser)
    add_seeds(parser, [0], "of the models (default: 0)")


def _completed(prefix: str, parsed_args: argparse.Namespace, **_) -> list[str]:
    """Figures of the study whose names begin so, for the shell's tab completion; none of a study that is not valid."""
    from thermolatent.figures import figures_of
    from thermolatent.study.jobs import JOBS
    from thermolatent.study.layout import Layout

    try:
        study = study_of(parsed_args)
    except ThermolatentError:
        return []
    settings = JOBS["figures"](study, Layout.of(study), seeds=[0]).settings
    return [figure.name for figure in figures_of(settings, asked=True) if figure.name.startswith(prefix)]


def run(options: argparse.Namespace) -> None:
    from thermolatent.figures import figures_of
    from thermolatent.study.jobs import JOBS
    from thermolatent.study.layout import Layout

    study = study_of(options)
    job = JOBS["figures"](study, Layout.of(study, options.results), seeds=options.seeds)
    settings = job.settings
    if options.models:
        for name in options.models:
            if name not in settings.models:
                raise ThermolatentError(f"--models: no model '{name}', {did_you_mean(name, settings.models)}")
        settings = settings.model_copy(update={"models": {name: settings.models[name] for name in options.models}})
    known = {figure.name: figure for figure in figures_of(settings, asked=True)}
    if not options.names:
        print("\n".join(known))
        return
    for name in options.names:
        if name not in known:
            raise ThermolatentError(f"FIGURE: no figure '{name}', {did_you_mean(name, known)}")
    from thermolatent.figures.stage import draw

    folder = options.out or job.outputs.folder
    for path in draw(settings, job.inputs, [known[name] for name in options.names], folder, options.format):
        print(path)
