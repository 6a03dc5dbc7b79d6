"""The folder of the workflow (Snakefile, rules, profiles, example studies), and the search path of studies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Environment variable with the search path of studies.
STUDIES_VARIABLE = "THERMOLATENT_STUDIES"
_PACKAGE = Path(__file__).parents[1]


def workflow_home() -> Path:
    """The folder of the Snakefile: the working directory if it has the workflow, else the clone of this package, else the
    copy in the wheel."""
    for folder in (Path.cwd(), _PACKAGE.parents[1]):
        if (folder / "Snakefile").is_file() and (folder / "workflow/rules/common.smk").is_file():
            return folder
    return _PACKAGE / "_workflow"


def study_folders(given: Iterable[str | Path] | None = None, home: Path | None = None) -> list[Path]:
    """Search path of studies: ``given``, else ``$THERMOLATENT_STUDIES``, else ``./studies``; then the examples next to the
    Snakefile."""
    asked = given or os.environ.get(STUDIES_VARIABLE, "studies").split(os.pathsep)
    folders = list(dict.fromkeys(map(Path, asked)))
    examples = (workflow_home() if home is None else home) / "studies"
    return folders if examples.resolve() in [folder.resolve() for folder in folders] else [*folders, examples]
