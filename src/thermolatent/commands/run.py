"""``thermolatent run``: the whole workflow of a study, by Snakemake, from any folder."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

from thermolatent.commands.arguments import add_folders, add_seeds, completed_names, share, study_folders
from thermolatent.errors import ThermolatentError

HELP = "run the whole workflow of a study, from MD to its report"
#: Options of Snakemake that would leave a round undone, or do it elsewhere.
_NOT_IN_ROUNDS = {
    "-n",
    "--dry-run",
    "--dryrun",
    "-d",
    "--directory",
    "--until",
    "-U",
    "--omit-from",
    "-O",
    "--touch",
    "-t",
}
#: Unknown options are passed to Snakemake.
PASSES_ON = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s NAME [NAME ...] [--scale SCALE] [--cores N] [--seeds N ...] [Snakemake's options]"
    parser.epilog = (
        "All other options are Snakemake's: -n shows the jobs and their reasons, --workflow-profile slurm runs on a cluster, "
        "--until learn stops early, --unlock helps after a crash. The same command resumes interrupted work."
    )
    names = parser.add_argument(
        "names", nargs="+", metavar="NAME", help="studies (studies/NAME.yaml), or NAME@SCALE; before all options"
    )
    names.completer = completed_names
    parser.add_argument("--scale", metavar="SCALE", help="of the study, e.g. smoke, in minutes (default: full)")
    parser.add_argument("--cores", metavar="N", help="maximum number of cores (default: all)")
    add_seeds(parser, None, "each model once per seed (default: 0 1)")
    parser.add_argument(
        "--until-within",
        type=share,
        metavar="P",
        help="simulate in rounds, each what 'thermolatent advise' finds best, until the interval of --want is within P",
    )
    parser.add_argument(
        "--want", metavar="'STATE at T'", help="with --until-within: the population of a named state at T"
    )
    parser.add_argument(
        "--budget", metavar="TIME", help="with --until-within: what further MD may take: 2d, 36h, 500ns"
    )
    parser.add_argument(
        "--no-answers", action="store_true", help=argparse.SUPPRESS
    )  # between rounds they are of the last one
    add_folders(parser)


def run(options: argparse.Namespace, further: list[str]) -> int:
    """Run Snakemake in this process, which then receives signals. Returns its exit code."""
    if options.until_within is not None:
        return _in_rounds(options, further)
    for name in ("want", "budget"):
        if getattr(options, name) is not None:
            raise ThermolatentError(f"--{name}: is for --until-within; write that, too, or leave it out")
    from thermolatent.launch.workflow import run

    config = {"studies": options.names}
    config |= {name: value for name in ("scale", "seeds") if (value := getattr(options, name)) is not None}
    cores = ["--cores", options.cores] if options.cores else []
    return run(config, study_folders(options), [*cores, *further], not options.no_answers)


def _in_rounds(options: argparse.Namespace, further: list[str]) -> int:
    """The workflow again and again, each time in a process of its own: Snakemake's settings are of its process."""
    from thermolatent.advise.budget import read_budget
    from thermolatent.advise.rounds import run_rounds

    budget = read_budget(options.budget)
    if options.want is None:
        raise ThermolatentError("--until-within: of what? Write --want 'STATE at T'")
    if len(options.names) > 1 or options.scale not in (None, "full"):
        raise ThermolatentError("--until-within: is for one study at full scale; write one name, without --scale")
    if refused := [word for word in further if word.partition("=")[0] in _NOT_IN_ROUNDS]:
        raise ThermolatentError(
            f"--until-within: cannot go with {refused[0]}; what it would do next, 'thermolatent advise' says"
        )
    folders = study_folders(options)
    words = [sys.executable, "-m", "thermolatent.cli", "run", options.names[0], "--studies", *map(str, folders)]
    words += ["--cores", options.cores] if options.cores else []
    words += ["--seeds", *map(str, options.seeds)] if options.seeds else []

    def work(more: list[str]) -> int:
        process = subprocess.Popen([*words, *(["--no-answers", *more] if more else []), *further])
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal has told it, too
            return process.wait() or 130
        finally:
            signal.signal(signal.SIGTERM, before)

    return run_rounds(options.names[0], folders, options.want, options.until_within, budget, work)
