"""``thermolatent predict``: predictions at any temperature, from a study's reweighting, a model or a fitted density."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import (
    add_folders,
    add_results,
    add_threads,
    completed_names,
    natural,
    positive,
    study_folders,
)

HELP = "populations with intervals and verdicts at any temperature"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target = parser.add_argument(
        "target",
        metavar="STUDY",
        help="a study by name, one of its models (results/.../learn/<model>/seed<N>.safetensors), or a file of save_density",
    )
    target.completer = completed_names
    parser.add_argument(
        "--temperature", type=float, nargs="+", required=True, metavar="T", help="one or several, in the study's unit"
    )
    parser.add_argument("--samples", type=positive, metavar="N", help="of a model file (default: 10000)")
    parser.add_argument("--seed", type=natural, metavar="N", help="of a model file's samples (default: 0)")
    parser.add_argument("--out", metavar="FILE", help="a study's rows as .csv; a model file's samples as .npz")
    add_folders(parser)
    add_results(parser)
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    if options.target.endswith(".safetensors"):
        from thermolatent.generate.predict import run

        run(options.target, options.temperature, options.samples or 10_000, options.seed or 0, options.out)
        return
    from thermolatent.errors import ThermolatentError
    from thermolatent.study.answers import asked_of
    from thermolatent.study.jobs import training_frames
    from thermolatent.study.layout import Layout
    from thermolatent.study.project import find_study
    from thermolatent.validate.predict import run

    for name in ("samples", "seed"):
        if getattr(options, name) is not None:
            raise ThermolatentError(f"--{name}: is for a model file; leave it out for a study")
    study = find_study(options.target, study_folders(options))
    layout = Layout.of(study, options.results)
    run(asked_of(study), layout.reweighting, training_frames(study, layout), options.temperature, options.out)
