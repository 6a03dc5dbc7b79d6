"""``thermolatent fit-density``: a density of samples that come from anywhere."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_threads, natural, positive

HELP = "fit a density to samples of your own, no study needed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA.npy", help="samples (n, d), rows in the order in which they were drawn")
    parser.add_argument(
        "--temperatures", required=True, metavar="T", help="a .npy file, one per row, or one number for all"
    )
    parser.add_argument("--density", default="flow", metavar="KIND", help="as in a study (default: %(default)s)")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="a parameter of it, as tau=2"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="where the model goes, a .safetensors file")
    ways = ("steer", "condition")
    parser.add_argument(
        "--temperature-in",
        nargs="+",
        choices=ways,
        dest="temperature",
        metavar="WAY",
        help=f"{' or '.join(ways)} or both (default: steer)",
    )
    parser.add_argument(
        "--range",
        type=float,
        nargs=2,
        dest="temperature_range",
        metavar=("LOW", "HIGH"),
        help="temperatures to be asked for (default: the data's)",
    )
    parser.add_argument("--steps", type=positive, metavar="N", help="optimiser steps at the most (default: 4000)")
    parser.add_argument("--held-out", type=float, metavar="SHARE", help="of the rows, to judge by (default: 0.2)")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: auto")
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from thermolatent.learn.standalone import run

    names = ("temperature", "temperature_range", "steps", "held_out", "seed", "device")
    settings = {name: getattr(options, name) for name in names}
    run(options.data, options.temperatures, options.density, options.option, options.out, **settings)
