"""One line on the screen per job of a running workflow: a handler for Snakemake's log events.

Written for ``snakemake_interface_logger_plugins`` 2.1. Other events, and dry runs, are printed in Snakemake's format.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from thermolatent.progress import clock
from thermolatent.status.state import tail

#: Beginnings of messages that are not printed.
_ASIDE = (
    "Elapsed time",
    "Assuming unrestricted",
    "host: ",
    "Building DAG",
    "Using ",
    "Conda environments:",
    "Select jobs",
)
#: Beginning of the message with the path of the whole log, which is printed after a failure.
_LOG = "Complete log(s): "
#: Events that are not printed, since the lines of this module replace them.
_REPLACED = {
    *(LogEvent.WORKFLOW_STARTED, LogEvent.JOB_STARTED, LogEvent.SHELLCMD),
    *(LogEvent.RESOURCES_INFO, LogEvent.PROGRESS),
}
#: Of Snakemake's message about its lock, and what is printed in its place.
_LOCKED = "Directory cannot be locked"
_LOCKED_TEXT = (
    "thermolatent run: another run is at work in this folder, or one was killed. If none is running on any machine that shares "
    "the folder, say the same command with --unlock, and then again without"
)
#: The target rule, which has no command.
_TARGET = "all"


class LogHandler(LogHandlerBase):
    """Output of ``thermolatent run``.

    Attributes
    ----------
    ran: whether this process ran a workflow (no dry run, ``--unlock`` etc.); an attribute of the class, since Snakemake does
        not give access to its handlers.
    """

    ran: ClassVar[bool] = False

    writes_to_stream = True
    writes_to_file = False
    has_filter = has_formatter = needs_rulegraph = False

    def __post_init__(self) -> None:
        self._failed, self._ending = False, "failed"
        self._jobs: dict[int, logging.LogRecord] = {}
        self._done = self._total = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Print the text of ``record``, if any."""
        if text := self._text(record):
            print(text, file=sys.stdout if self.common_settings.stdout else sys.stderr, flush=True)

    def _text(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        if self.common_settings.dryrun:
            return self.format(record)
        text_of = {
            LogEvent.RUN_INFO: self._planned,
            LogEvent.JOB_INFO: self._started,
            LogEvent.JOB_FINISHED: self._finished,
            LogEvent.JOB_ERROR: self._error,
        }.get(event)
        if text_of is not None:
            return text_of(record)
        message = record.getMessage()
        if _LOCKED in message:
            return _LOCKED_TEXT
        LogHandler.ran |= message == NOTHING_TO_BE_DONE_MSG
        if message.startswith(_LOG):
            return f"log of Snakemake: {message.removeprefix(_LOG)}" if self._failed else ""
        if message.startswith("Terminating processes on user request"):
            self._ending = "stopped"
        # The error of a command follows the error of its job, which has been printed.
        printed = event in _REPLACED or (event == LogEvent.ERROR and (self._failed or "CalledProcessError" in message))
        return "" if printed or message.startswith(_ASIDE) else self.format(record)

    def _planned(self, record: logging.LogRecord) -> str:
        LogHandler.ran = True
        counts = {name: n for name, n in record.stats.items() if name not in ("total", _TARGET)}
        self._total = sum(counts.values())
        return f"{self._total} jobs: " + ", ".join(f"{n} {name}" for name, n in counts.items())

    def _started(self, record: logging.LogRecord) -> str:
        self._jobs[record.jobid] = record
        return ""

    def _finished(self, record: logging.LogRecord) -> str:
        job = self._jobs[record.job_id]
        if job.rule_name == _TARGET:
            return ""
        self._done += 1
        at = f"[{self._done:{len(str(self._total))}}/{self._total}]"
        return f"{at} {label(job.rule_name, job.wildcards)}  done in {clock(record.created - job.created)}"

    def _error(self, record: logging.LogRecord) -> str:
        self._failed = True
        job = self._jobs.get(record.jobid)
        name = label(record.rule_name, job.wildcards if job else {})
        return f"[{self._ending}] {name}: {_reason(record.log)}"


def label(rule: str, wildcards: Mapping[str, str]) -> str:
    """Name of a job: ``learn lj7 latf seed 0``, ``simulate lj7 T0.2``."""
    named = {"temperature": "T", "seed": "seed "}
    return " ".join([rule, *(f"{named.get(name, '')}{value}" for name, value in wildcards.items())])


def _reason(logs: list[str]) -> str:
    """The last line and the path of a failed job's log."""
    for log in logs:
        if lines := [line for line in tail(log) if line.strip()] if Path(log).is_file() else []:
            return f"{lines[-1]} ({log})"
    return f"nothing in its log ({', '.join(logs)})" if logs else "it has no log"
