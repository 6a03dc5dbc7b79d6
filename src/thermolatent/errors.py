"""Errors that a user can act on. The command line prints them as one line, without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ThermolatentError(Exception):
    """Base of every error that is the input's fault, not the program's."""


class ConfigError(ThermolatentError):
    """A study or config file says something that cannot be done.

    Parameters
    ----------
    file: the file at fault, as the user would name it.
    problems: one ``(key, what is wrong and what to write)`` per problem.
    """

    def __init__(self, file: str, problems: Iterable[tuple[str, str]]):
        self.file = file
        self.problems = list(problems)
        lines = (f"{file}: {key}: {text}" if key else f"{file}: {text}" for key, text in self.problems)
        super().__init__("\n".join(lines))


class ArtifactError(ThermolatentError):
    """A file that crosses stages is missing, truncated, or of another format version."""


class SimulationError(ThermolatentError):
    """MD cannot start or has left the physical range (NaN, blown-up energies)."""


class TrainingError(ThermolatentError):
    """Training cannot go on: fewer than two states, a non-finite loss, too little data."""


class Stopped(ThermolatentError):
    """A signal told the job to stop. What it has done is saved, the same command goes on."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for a near miss, else the list of what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known) or 'nothing'}"


def reason(error: BaseException) -> str:
    """What a library's exception says, in one line; its kind, where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
