"""Progress of long loops: a bar with the remaining time on a terminal, else log lines."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

#: Without a terminal a line is logged after each LOG_SHARE of the total or LOG_SECONDS, and at the end, with pauses of at least
#: LOG_PAUSE seconds.
LOG_SHARE, LOG_SECONDS, LOG_PAUSE = 0.1, 30.0, 1.0


class Progress:
    """Counts towards a total, as an iterator, or as a context with calls of :meth:`update`.

    Parameters
    ----------
    items: to iterate over, or None.
    total: number of counts; None if unknown.
    what: name of the loop, for the bar and the log lines.
    done: initial count, of an earlier run that is continued.
    """

    def __init__(self, items: Iterable[Any] | None, total: int | None, what: str, done: int = 0):
        self._items, self.total, self.what, self.done = items, total, what, done
        self._started_at, self._bar = done, None
        self._start = self._logged_time = time.monotonic()
        self._logged_count = done

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, initial=self.done, desc=self.what, dynamic_ncols=True)
        self._start = self._logged_time = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __iter__(self) -> Iterator[Any]:
        if self._items is None:
            raise TypeError("progress of a number counts with update(), it has nothing to iterate over")
        with self:
            for item in self._items:
                yield item
                self.update()

    def update(self, counts: int = 1, note: str = "") -> None:
        """Add ``counts``; ``note`` (a loss, a rate) is shown after the bar or at the end of the log line."""
        self.done += counts
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(counts)
            return
        now = time.monotonic()
        share, since = LOG_SHARE * self.total if self.total else float("inf"), now - self._logged_time
        due = self.done - self._logged_count >= share and since >= LOG_PAUSE
        if due or since >= LOG_SECONDS or self.done == self.total:
            self._logged_count, self._logged_time = self.done, now
            log.info("%s", self._line(now - self._start, note))

    def _line(self, seconds: float, note: str) -> str:
        note = f", {note}" if note else ""
        if not self.total:
            return f"{self.what}: {self.done} in {clock(seconds)}{note}"
        left = seconds * (self.total - self.done) / max(self.done - self._started_at, 1)
        percent = f"{self.done / self.total:.0%}"
        return f"{self.what}: {percent} ({self.done}/{self.total}), {clock(seconds)} gone, {clock(left)} left{note}"


def progress(iterable_or_total: Iterable[Any] | int, what: str, done: int = 0) -> Progress:
    """Show the progress of a loop.

    ``for batch in progress(batches, "training")``, or ``with progress(1000, "MD") as bar: bar.update(10)``.
    """
    if isinstance(iterable_or_total, int):
        return Progress(None, iterable_or_total, what, done)
    total = len(iterable_or_total) if hasattr(iterable_or_total, "__len__") else None
    return Progress(iterable_or_total, total, what, done)


@dataclass(frozen=True)
class Reading:
    """A parsed log line of :class:`Progress`: share done (None if the total is unknown), remaining time, note."""

    what: str
    share: float | None
    left: str
    note: str


_LINE = re.compile(
    r"(?:[\d:]+ )?(?P<what>.+): \d+% \((?P<done>\d+)/(?P<total>\d+)\), .+? gone, (?P<left>.+? left)(?:, (?P<note>.*))?$"
)
_LINE_WITHOUT_TOTAL = re.compile(r"(?:[\d:]+ )?(?P<what>.+): (?P<done>\d+) in [^,]+(?:, (?P<note>.*))?$")


def read_line(line: str) -> Reading | None:
    """Parse a log line; None if it is not of :class:`Progress`."""
    if found := _LINE.fullmatch(line.rstrip()):
        return Reading(found["what"], int(found["done"]) / int(found["total"]), found["left"], found["note"] or "")
    if found := _LINE_WITHOUT_TOTAL.fullmatch(line.rstrip()):
        return Reading(found["what"], None, "", found["note"] or "")
    return None


def clock(seconds: float) -> str:
    """``"42 s"``, ``"3:05 min"``, ``"2:10 h"``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d} min"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02d} h"
