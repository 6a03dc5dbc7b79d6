"""``thermolatent predict``: one more temperature from a model that is there."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_threads, natural, positive

HELP = "one more temperature from a saved model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL.safetensors",
        help="a study's results/.../learn/<model>/seed<N>.safetensors, or of fit-density",
    )
    parser.add_argument("--temperature", type=float, required=True, metavar="T", help="in the model's unit")
    parser.add_argument("--samples", type=positive, default=10_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", metavar="FILE.npz", help="where samples and log-densities go (default: nowhere)")
    add_threads(parser)


def run(options: argparse.Namespace) -> None:
    from thermolatent.generate.predict import run

    run(options.model, options.temperature, options.samples, options.seed, options.out)
