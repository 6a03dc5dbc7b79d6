"""``thermolatent check``: check a study file, its molecule, and the files of existing MD."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_study, command_line, study_of

HELP = "check a study file"

add_arguments = add_study


def run(options: argparse.Namespace) -> None:
    from thermolatent.study.checks import check_files, check_molecule
    from thermolatent.temperatures import format_temperature

    study = study_of(options)
    check_molecule(study)
    check_files(study)
    roles = {role: getattr(study.temperatures, role) for role in ("train", "predict", "reference")}
    text = "; ".join(f"{role} {', '.join(map(format_temperature, ts)) or 'none'}" for role, ts in roles.items())
    print(f"{study.name}: fine ({text}; models {', '.join(study.models)})")
    print(f"  {command_line('run', study.name, folders=options.studies)}")
