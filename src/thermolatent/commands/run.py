"""``thermolatent run``: the whole workflow of a study, by Snakemake, from any folder."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_folders, add_seeds, completed_names, study_folders

HELP = "run the whole workflow of a study, from MD to its report"
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
    add_folders(parser)


def run(options: argparse.Namespace, further: list[str]) -> int:
    """Run Snakemake in this process, which then receives signals. Returns its exit code."""
    from thermolatent.launch.workflow import run

    config = {"studies": options.names}
    config |= {name: value for name in ("scale", "seeds") if (value := getattr(options, name)) is not None}
    cores = ["--cores", options.cores] if options.cores else []
    return run(config, study_folders(options), [*cores, *further])
