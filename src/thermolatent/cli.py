"""The command ``thermolatent``: one subcommand per stage, for the workflow's rules, and those of ``commands/``.

Heavy libraries are imported by the subcommands, so that ``--help`` is fast.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial

from thermolatent import __version__
from thermolatent.commands import COMMANDS, stage
from thermolatent.errors import ThermolatentError
from thermolatent.study.stages import STAGES

#: Variables with the number of threads of libraries.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENMM_CPU_THREADS",
)


def build_parser() -> argparse.ArgumentParser:
    """The argument parser, without heavy imports."""
    parser = argparse.ArgumentParser(
        prog="thermolatent",
        usage="thermolatent COMMAND ...",
        description="Equilibrium ensembles at temperatures without MD.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="thermolatent COMMAND --help: the options of a command",
    )
    parser.add_argument("--version", action="version", version=f"thermolatent {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", prog="thermolatent", help=argparse.SUPPRESS
    )
    for group, modules in COMMANDS.items():
        for name, module in modules.items():
            passes_on = getattr(module, "PASSES_ON", False)
            _add(commands, name, module.HELP, module.add_arguments, run=module.run, passes_on=passes_on)
        parser.description += _listed(group, {name: module.HELP for name, module in modules.items()})
    for name, entry in STAGES.items():
        _add(commands, name, entry.help, partial(stage.add_arguments, stage=entry), run=stage.run, passes_on=False)
    parser.description += _listed("the workflow's jobs", {name: entry.help for name, entry in STAGES.items()})
    return parser


def _add(commands, name, help, add_arguments, **defaults) -> None:
    parser = commands.add_parser(name, description=f"{name}: {help}.", allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_arguments(parser)
    parser.set_defaults(**defaults)


def _listed(group: str, helps: dict[str, str]) -> str:
    """A group of commands in the help; argparse does not support groups of subcommands."""
    return f"\n\n{group}:\n" + "\n".join(f"  {name:18} {help}" for name, help in helps.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand. Returns the exit code: 0, 1 for a user error, 130 when interrupted."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what could follow
        import argcomplete

        argcomplete.autocomplete(parser, always_complete_options=False)
    options, further = parser.parse_known_args(arguments)
    if further and not options.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    if threads := getattr(options, "threads", None):
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("numexpr").setLevel(logging.WARNING)  # it logs its number of threads
    try:
        return options.run(options, further) if options.passes_on else options.run(options) or 0
    except BrokenPipeError:  # the reader of a pipe (head, less) has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ThermolatentError, OSError) as error:
        if options.debug:
            raise
        print(f"thermolatent {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"thermolatent {options.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
