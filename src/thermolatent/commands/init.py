"""``thermolatent init``: a commented study file from a structure, a sequence, a model system or trajectories."""

from __future__ import annotations

import argparse
from pathlib import Path

from thermolatent.commands.arguments import command_line
from thermolatent.errors import ThermolatentError

HELP = "write a commented study file for a molecule of your own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", metavar="WHAT", help="a PDB or mmCIF file, a sequence (GYDPETGTWG) or a model system by name"
    )
    parser.add_argument("--train", type=float, nargs="+", metavar="T", help="temperatures of the MD to learn from")
    parser.add_argument(
        "--predict", type=float, nargs="+", metavar="T", help="where you want the ensemble (default: between)"
    )
    parser.add_argument("--solvent", choices=("vacuum", "implicit", "explicit"), help="default: implicit for peptides")
    parser.add_argument("--topology", metavar="FILE", help="of all atoms in the trajectories you have")
    parser.add_argument("--trajectories", nargs="+", metavar="T=FILE,...", help="MD that you have, as 340=a.xtc,b.xtc")
    parser.add_argument(
        "--frame-interval", type=float, metavar="PS", help="between their frames (default: as they say)"
    )
    parser.add_argument(
        "--system", action="append", default=[], metavar="KEY=VALUE", help="a key below 'system:', as remove=[GOL]"
    )
    parser.add_argument("--name", metavar="NAME", help="of the study (default: the file's or the sequence)")
    parser.add_argument("--studies", default="studies", metavar="DIR", help="where it goes (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite a study of that name")
    parser.add_argument("--no-probe", action="store_true", help="do not measure the speed of this machine")


def run(options: argparse.Namespace) -> None:
    from thermolatent.init.run import run

    try:
        path = run(
            options.what,
            options.train,
            options.predict,
            topology=options.topology,
            trajectories=options.trajectories,
            frame_interval=options.frame_interval,
            solvent=options.solvent,
            more=options.system,
            name=options.name,
            folder=options.studies,
            force=options.force,
            probe=not options.no_probe,
        )
    except ThermolatentError as error:
        if options.what and "." in options.what and "system." in str(error):  # a structure file that wants a key
            raise ThermolatentError(f"{error} (here: --system KEY=VALUE)") from error
        raise
    name = path.stem
    print(f"wrote {path}; every choice in it is explained there")
    folders = [] if Path(options.studies) == Path("studies") else [options.studies]
    print(f"  {command_line('check', name, folders=folders)}")
    print(f"  {command_line('run', name, '--scale', 'smoke', folders=folders)}   # the whole workflow in minutes")
    print(f"  {command_line('run', name, folders=folders)}")
