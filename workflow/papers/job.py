"""What the scripts of the rules share: where a job logs, how it fails, and which study it is about."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from thermolatent.errors import ThermolatentError
from thermolatent.study.project import STUDIES_VARIABLE, find_study
from thermolatent.study.study import Study


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Log to ``path``; an error of the input's is one line there and on standard error."""
    logging.basicConfig(
        level=logging.INFO, filename=path, filemode="w", format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        yield
    except (ThermolatentError, OSError) as error:
        logging.error("%s", error)
        sys.exit(str(error))


def study_folders() -> list[str]:
    """Where the Snakefile looks for studies."""
    return os.environ.get(STUDIES_VARIABLE, "studies").split(os.pathsep)


def study_named(name: str) -> Study:
    """A study of those folders."""
    return find_study(name, study_folders())
