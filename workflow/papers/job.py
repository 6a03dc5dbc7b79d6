"""What the scripts of the rules share: where a job logs, how it fails, and which study it is about."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from thermolatent.errors import ThermolatentError
from thermolatent.launch.home import study_folders
from thermolatent.study.project import find_study
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


def study_named(name: str) -> Study:
    """A study of the folders where the Snakefile looks for studies."""
    return find_study(name, study_folders())
