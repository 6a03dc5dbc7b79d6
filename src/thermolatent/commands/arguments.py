"""Arguments that several subcommands share."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thermolatent.study.study import Study


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def natural(text: str) -> int:
    """A whole number of at least 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def add_study(parser: argparse.ArgumentParser, **how: str) -> None:
    """The argument ``study`` and where study files lie; ``how`` goes to the former (``nargs="?"``)."""
    parser.add_argument("study", help="a study by name (studies/<name>.yaml), or name@scale", **how)
    add_folders(parser)


def add_folders(parser: argparse.ArgumentParser) -> None:
    """The argument ``--studies``."""
    parser.add_argument(
        "--studies", nargs="+", metavar="DIR", help="where study files lie (default: $THERMOLATENT_STUDIES, ./studies)"
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """The argument ``--results``."""
    parser.add_argument("--results", default="results", metavar="DIR", help="where results lie (default: %(default)s)")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The argument ``--threads``, which the command line sets before a library starts any."""
    parser.add_argument("--threads", type=positive, metavar="N", help="threads at the most (default: the libraries')")


def study_folders(options: argparse.Namespace) -> list[str]:
    """Where studies are looked for, first hit first."""
    from thermolatent.study.project import STUDIES_VARIABLE

    return options.studies or os.environ.get(STUDIES_VARIABLE, "studies").split(os.pathsep)


def study_of(options: argparse.Namespace) -> Study:
    """The study that :func:`add_study` asked for."""
    from thermolatent.study.project import find_study

    return find_study(options.study, study_folders(options))
