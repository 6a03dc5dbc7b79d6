"""Arguments of several subcommands."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
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


def share(text: str) -> float:
    """A number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}'; write a number between 0 and 1, e.g. 0.05")
    return value


def add_study(parser: argparse.ArgumentParser) -> None:
    """The arguments ``study`` and ``--studies``."""
    study = parser.add_argument("study", help="a study by name (studies/<name>.yaml), or name@scale")
    study.completer = completed_names
    add_folders(parser)


def completed_names(prefix: str, parsed_args: argparse.Namespace, **_) -> list[str]:
    """Studies whose names begin so, for the shell's tab completion."""
    folders = study_folders(parsed_args)
    return sorted(
        {path.stem for folder in folders for path in Path(folder).glob("*.yaml") if path.stem.startswith(prefix)}
    )


def add_folders(parser: argparse.ArgumentParser) -> None:
    """The argument ``--studies``."""
    parser.add_argument(
        "--studies",
        nargs="+",
        metavar="DIR",
        help="folders of study files, before the examples (default: $THERMOLATENT_STUDIES, ./studies)",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """The argument ``--results``."""
    parser.add_argument("--results", default="results", metavar="DIR", help="folder of results (default: %(default)s)")


class _Different(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        if len(set(values)) < len(values):
            parser.error(f"{option_string}: has a seed twice; remove one")
        setattr(namespace, self.dest, values)


def add_seeds(parser: argparse.ArgumentParser, default: list[int] | None, help: str) -> None:
    """The argument ``--seeds``, none of them twice."""
    parser.add_argument("--seeds", type=natural, nargs="+", default=default, action=_Different, metavar="N", help=help)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The argument ``--threads``, which the command line applies before libraries start threads."""
    parser.add_argument("--threads", type=positive, metavar="N", help="maximum number of threads")


def study_folders(options: argparse.Namespace) -> list[Path]:
    """Search path of studies."""
    from thermolatent.launch.home import study_folders

    return study_folders(options.studies)


def command_line(*words: str, folders: list[str] | None = None) -> str:
    """A shell command, with ``--studies`` if there are ``folders``."""
    return shlex.join(["thermolatent", *words, *(["--studies", *folders] if folders else [])])


def study_of(options: argparse.Namespace) -> Study:
    """The study of the argument of :func:`add_study`."""
    from thermolatent.study.project import find_study

    return find_study(options.study, study_folders(options))
