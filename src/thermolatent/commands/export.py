"""``thermolatent export``: frame weights, structures and the learned variable of a study, for other programs."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_results, add_study, add_threads, natural, positive, study_of

HELP = "frame weights, structures at a temperature or the learned variable, for other programs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    weights = _add(kinds, "weights", "the weight of each frame of the MD at a temperature")
    weights.add_argument("--temperature", type=float, required=True, metavar="T", help="in the study's unit")
    weights.add_argument("--format", choices=("csv", "npz", "plumed"), default="csv", help="default: %(default)s")
    structures = _add(kinds, "structures", "frames drawn by these weights")
    structures.add_argument("--temperature", type=float, required=True, metavar="T", help="in the study's unit")
    structures.add_argument("--n", type=positive, default=200, metavar="N", help="how many (default: %(default)s)")
    structures.add_argument("--format", choices=("xtc", "dcd", "pdb"), default="xtc", help="default: %(default)s")
    _add(kinds, "cv", "the learned variable as a PLUMED input")


def _add(kinds, name: str, help: str) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=help, description=f"export {name}: {help}.", allow_abbrev=False)
    # what stands before the name must not be undone
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    add_study(parser)
    ours = "the reweighting" if name != "cv" else "represent"
    parser.add_argument("--model", metavar="NAME", help=f"by this model of the study (default: by {ours})")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", metavar="FILE", help="default: the study's name and what is in it, here")
    add_results(parser)
    add_threads(parser)
    return parser


def run(options: argparse.Namespace) -> None:
    from thermolatent.export.frames import Weighting
    from thermolatent.study.layout import Layout

    study = study_of(options)
    layout = Layout.of(study, options.results)
    asked = options.out, Weighting(options.model, options.seed)
    if options.what == "weights":
        from thermolatent.export.weights import run as write

        files = write(study, layout, options.temperature, options.format, *asked)
    elif options.what == "structures":
        from thermolatent.export.structures import run as write

        files = write(study, layout, options.temperature, options.n, options.format, *asked)
    else:
        from thermolatent.export.cv import run as write

        files = write(study, layout, *asked)
    print(*files, sep="\n")
