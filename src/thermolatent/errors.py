"""User errors. The command line prints them as one line, without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ThermolatentError(Exception):
    """Base of all user errors."""


class ConfigError(ThermolatentError):
    """An invalid study or config file.

    Parameters
    ----------
    file: the file, as the user names it.
    problems: one ``(key, what is wrong and what to write)`` per problem.
    """

    def __init__(self, file: str, problems: Iterable[tuple[str, str]]):
        self.file = file
        self.problems = list(problems)
        lines = (f"{file}: {key}: {text}" if key else f"{file}: {text}" for key, text in self.problems)
        super().__init__("\n".join(lines))


class ArtifactError(ThermolatentError):
    """A file of a stage is missing, truncated, or of another format version."""


class SimulationError(ThermolatentError):
    """MD cannot start, or is unstable (NaN, huge energies)."""


class TrainingError(ThermolatentError):
    """Training fails: fewer than two states, a non-finite loss, too little data."""


class Stopped(ThermolatentError):
    """A signal stopped the job. Its state is saved; the same command resumes it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"did you mean 'x'?"`` for a similar word, else the list of known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known) or 'nothing'}"


def reason(error: BaseException) -> str:
    """What a library's exception says, in one line; its kind, where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
