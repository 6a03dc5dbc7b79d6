"""``thermolatent clean``: remove what can be made again. Without ``--yes`` it only says what that is."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from thermolatent.commands.arguments import add_results, add_study, study_folders, study_of
from thermolatent.errors import ThermolatentError

HELP = "remove what can be made again from a study's MD (says what, and removes with --yes)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    add_results(parser)
    parser.add_argument("--md", action="store_true", help="the MD too, which nothing but running it again brings back")
    parser.add_argument("--yes", action="store_true", help="remove it")


def run(options: argparse.Namespace) -> None:
    from thermolatent.study.disk import size_of, told
    from thermolatent.study.layout import Layout

    study = study_of(options)
    root = Path(Layout.of(study, options.results).root)
    found = sorted(path for path in (root.iterdir() if root.is_dir() else ()) if not path.name.startswith("."))
    md = [path for path in found if path.name == "simulate"]
    again = [path for path in found if path.name in _MADE and path not in md]
    others = [path.name for path in found if path not in md + again]
    going = again + (md if options.md else [])
    if options.md and md and (users := _users(study, study_folders(options))):
        raise ThermolatentError(f"{md[0]}: is the MD of {', '.join(users)} too (simulate.from); remove those first")
    if options.yes and any(Path(".snakemake/locks").glob("*")):
        raise ThermolatentError("a workflow runs in this folder; wait, or after a crash say: snakemake --unlock")
    for path in going:
        print(f"{'removed' if options.yes else 'would remove'} {path} ({told(size_of(path))}): {_MADE[path.name]}")
        if options.yes:
            _remove(path)
    for path in md if not options.md else ():
        print(f"stays: {path} ({told(size_of(path))}), the MD; --md removes it too")
    if others:
        print(f"stays: {', '.join(others)} in {root}, which thermolatent did not write")
    if not going:
        print(f"{root}: nothing to remove")
    elif not options.yes:
        print("nothing was removed; add --yes to do it")
    elif not any(root.iterdir()):
        root.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _users(study, folders: list[str]) -> list[str]:
    """Studies that take their MD from this one, by what their files say."""
    from thermolatent.parsing import read_yaml

    users = set()
    for path in (path for folder in folders for path in Path(folder).glob("*.yaml")):
        try:
            simulate = read_yaml(path).get("simulate")
        except ThermolatentError:  # whatever else is wrong with that file
            continue
        if isinstance(simulate, dict) and simulate.get("from") == study.name.partition("@")[0]:
            users.add(path.stem)
    return sorted(users)


#: What lies in a study's folder, and what brings it back.
_MADE = {
    "simulate": "MD, which must be run again",
    "featurize": "from the MD",
    "represent": "training, from the features",
    "reweight": "training, from the features",
    "learn": "training, from the features; the longest but for MD",
    "generate": "from models and features",
    "validate": "from all of these",
    "figures": "from tables",
    "report.html": "from figures and tables",
    "study.json": "from the study file",
}
