"""``thermolatent status``: progress of a study, from its results and logs; or the description of a result file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from thermolatent.commands.arguments import add_folders, add_results, add_seeds, completed_names, positive, study_of
from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    from thermolatent.status.jobs import Jobs

HELP = "jobs that are done, running, failed or waiting; or the description of a result file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    study = parser.add_argument(
        "study",
        nargs="?",
        help="a study by name, or name@scale (default: all with results); or a file or folder of results",
    )
    study.completer = completed_names
    add_folders(parser)
    add_results(parser)
    parser.add_argument(
        "--logs", metavar="DIR", help="folder of the workflow's logs (default: logs next to the results)"
    )
    add_seeds(parser, None, "default: those with files")
    parser.add_argument(
        "--watch",
        type=positive,
        nargs="?",
        const=5,
        metavar="SECONDS",
        help="repeat at this interval (default: 5) until done",
    )


def run(options: argparse.Namespace) -> None:
    from thermolatent.status.files import described
    from thermolatent.status.view import finished

    if options.study and ("/" in options.study or Path(options.study).is_file()):
        print("\n".join(described(Path(options.study))))
        return

    while True:
        found = _studies(options)
        text = _text(found)
        if options.watch and sys.stdout.isatty():
            print("\033[H\033[2J", end="")
        print(text, flush=True)
        if not options.watch or all(finished(jobs) for jobs in found):
            return
        time.sleep(options.watch)


def _text(found: list[Jobs]) -> str:
    from thermolatent.status.view import summary, view

    return view(found[0]) if len(found) == 1 else "\n".join(map(summary, found))


def _studies(options: argparse.Namespace) -> list[Jobs]:
    """The study of the argument, or all studies with results."""
    from thermolatent.files.artifacts import load_json

    results = Path(options.results)
    if options.study is None:
        contents = [load_json(path, "study") for path in sorted(results.glob("*/study.json"))]
        if not contents:
            raise ThermolatentError(f"{results}: no study has results here; write --results DIR, or name a study")
    elif (path := results / options.study / "study.json").is_file():
        contents = [load_json(path, "study")]
    else:
        from thermolatent.study.project import resolved

        contents = [resolved(study_of(options))]
    return [_jobs(content, options) for content in contents]


def _jobs(content: dict, options: argparse.Namespace) -> Jobs:
    from thermolatent.status.jobs import Jobs, seeds_seen

    results = options.results
    logs = options.logs or str(Path(results).parent / "logs")
    name = content["name"]
    seeds = options.seeds or seeds_seen(f"{results}/{name}", f"{logs}/{name}") or _configured()
    return Jobs(content, results, logs, seeds)


def _configured() -> list[int]:
    """Seeds of the working directory's config.yaml."""
    from thermolatent.study.project import load_project

    return load_project(["config.yaml"], {}).seeds
