"""``thermolatent init``: a commented study file from a structure, a sequence, a model system or trajectories."""

from __future__ import annotations

import argparse
from pathlib import Path

from thermolatent.commands.arguments import command_line
from thermolatent.errors import ThermolatentError

HELP = "write a commented study file for your molecule"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", metavar="WHAT", help="a PDB or mmCIF file, a sequence (GYDPETGTWG) or a model system by name"
    )
    parser.add_argument("--train", type=float, nargs="+", metavar="T", help="training temperatures, with MD")
    parser.add_argument(
        "--predict", type=float, nargs="+", metavar="T", help="predicted temperatures (default: between those)"
    )
    parser.add_argument("--solvent", choices=("vacuum", "implicit", "explicit"), help="default: implicit for peptides")
    parser.add_argument("--topology", metavar="FILE", help="topology of all atoms in existing trajectories")
    parser.add_argument(
        "--trajectories", nargs="+", metavar="T=FILE,...", help="existing MD, e.g. 340=a.xtc,b.xtc or '340=a*.xtc'"
    )
    parser.add_argument("--energies", nargs="+", metavar="T=FILE,...", help="their energies, e.g. 340=a.xvg,b.xvg")
    parser.add_argument(
        "--columns",
        nargs="+",
        metavar="T=FILE,...",
        help="existing MD as columns without coordinates, e.g. 300=a.colvar",
    )
    parser.add_argument(
        "--frame-interval", type=float, metavar="PS", help="time between their frames (default: from the files)"
    )
    parser.add_argument(
        "--system", action="append", default=[], metavar="KEY=VALUE", help="a key of 'system:', e.g. remove=[GOL]"
    )
    parser.add_argument("--name", metavar="NAME", help="of the study (default: from the file or the sequence)")
    parser.add_argument("--studies", default="studies", metavar="DIR", help="folder to write to (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing study file")
    parser.add_argument("--no-probe", action="store_true", help="do not measure the speed of this machine")


def run(options: argparse.Namespace) -> None:
    from thermolatent.init.run import Request, run

    keys = ("what", "train", "predict", "topology", "trajectories", "energies", "columns", "frame_interval", "solvent")
    asked = {key: getattr(options, key) for key in (*keys, "system", "name", "studies", "force", "no_probe")}
    try:
        path = run(Request(**asked))
    except ThermolatentError as error:
        if options.what and "." in options.what and "system." in str(error):  # a structure file needs a key
            raise ThermolatentError(f"{error} (here: --system KEY=VALUE)") from error
        raise
    name = path.stem
    print(f"wrote {path}; its comments explain every choice")
    folders = [] if Path(options.studies) == Path("studies") else [options.studies]
    print(f"  {command_line('check', name, folders=folders)}")
    print(f"  {command_line('run', name, '--scale', 'smoke', folders=folders)}   # the whole workflow in minutes")
    print(f"  {command_line('run', name, folders=folders)}")
