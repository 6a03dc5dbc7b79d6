"""``thermolatent show``: what a result file holds."""

from __future__ import annotations

import argparse

HELP = "what a result file or folder holds, in plain words"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="any file that this project writes, or a folder of them"
    )


def run(options: argparse.Namespace) -> None:
    from thermolatent.show import show

    for file in options.files:
        print("\n".join(show(file)), flush=True)
