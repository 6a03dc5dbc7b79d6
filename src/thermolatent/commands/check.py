"""``thermolatent check``: a study file, the molecule it speaks of, and the files of existing MD."""

from __future__ import annotations

import argparse

from thermolatent.commands.arguments import add_study, command_line, study_of

HELP = "read a study file and say what is wrong with it"

add_arguments = add_study


def run(options: argparse.Namespace) -> None:
    from thermolatent.study.checks import check_files, check_molecule
    from thermolatent.temperatures import format_temperature

    study = study_of(options)
    check_molecule(study)
    check_files(study)
    roles = {role: getattr(study.temperatures, role) for role in ("train", "predict", "reference")}
    told = "; ".join(f"{role} {', '.join(map(format_temperature, ts)) or 'none'}" for role, ts in roles.items())
    print(f"{study.name}: fine ({told}; models {', '.join(study.models)})")
    print(f"  {command_line('run', study.name, folders=options.studies)}")
