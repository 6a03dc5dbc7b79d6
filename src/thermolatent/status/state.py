"""The state of a job, from its output or its log."""

from __future__ import annotations

import csv
import json
import os
import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from thermolatent.progress import LOG_SECONDS, clock, read_line
from thermolatent.status.jobs import Job

State = Literal["done", "running", "silent", "stopped", "failed", "waiting"]
#: Loops log a line at least every LOG_SECONDS; after this time without any, a job is "silent", not "running".
SILENT_SECONDS = 20 * LOG_SECONDS
#: Bytes that are read at the end of a log.
_TAIL_BYTES = 20_000
#: A log line of this package begins with the time of day.
_TIMED = re.compile(r"\d\d:\d\d:\d\d ")
#: Messages of a job that was stopped by a signal and can be resumed.
_STOPS = ("told to stop", "interrupted")


@dataclass(frozen=True)
class Found:
    """State of a job.

    Attributes
    ----------
    state: done, running, silent (no recent log line: killed, or busy), stopped (can be resumed), failed, waiting.
    share: progress of its current loop, or None.
    left: remaining time of the loop, from the log.
    note: speed or loss from the log; why it failed.
    """

    state: State
    share: float | None = None
    left: str = ""
    note: str = ""


def look(job: Job, now: float | None = None) -> Found:
    """The state of ``job``."""
    if Path(job.output).is_file():
        return Found("done")
    now = time.time() if now is None else now
    try:
        age, lines = now - os.stat(job.log).st_mtime, tail(job.log)
    except OSError:
        return _without_log(job, now)
    last = next((line for line in reversed(lines) if line.strip()), "")
    if last.startswith(f"thermolatent {job.stage}: "):
        reason = last.partition(": ")[2]
        return Found("stopped" if any(word in reason for word in _STOPS) else "failed", note=reason)
    if last and not _TIMED.match(last) and "Traceback (most recent call last):" in "\n".join(lines):
        return Found("failed", note=last)
    reading = next((found for line in reversed(lines) if (found := read_line(line))), None)
    share, left, note = (reading.share, reading.left, reading.note) if reading else (None, "", "")
    if age > SILENT_SECONDS:
        return Found("silent", share, "", f"no word for {clock(age)}")
    return Found("running", share, left, note)


def _without_log(job: Job, now: float) -> Found:
    """The state from the checkpoint of MD that was started by hand, without a log."""
    if job.stage not in ("simulate", "temper"):
        return Found("waiting")
    name = job.output.rpartition("/")[0] if job.stage == "simulate" else job.output.removesuffix("ed.json") + "ing"
    path = Path(f"{name}.partial/checkpoint")
    header = read_checkpoint(path)
    if header is None:
        return Found("waiting")
    share = header["progress"]["frames"] / header["identity"]["frames"]
    fresh = now - path.stat().st_mtime < SILENT_SECONDS
    return Found("running" if fresh else "stopped", share, note=f"{header['progress']['frames']} frames saved")


def read_checkpoint(path: str | Path) -> dict[str, Any] | None:
    """``identity`` and ``progress`` of unfinished MD; None without a readable checkpoint."""
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            return json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return None


def last_losses(path: str) -> dict[str, float]:
    """The last value of each held-out column of a loss history, stage by stage: ``{"conditional": 1.18, ...}``."""
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error):
        return {}
    found: dict[str, float] = {}
    for row in rows:
        value = row.get("held_out") or row.get("held_out_cross_entropy") or ""
        if value:
            found[row["stage"]] = float(value)
    return found


def tail(path: str) -> list[str]:
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()
