"""Stop signals for long loops: batch systems send SIGTERM or SIGUSR1 before the end of a job's time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that is set by SIGTERM and SIGUSR1. The loop checks it, saves its state and raises
    :class:`~thermolatent.errors.Stopped`. Outside of the main thread it is never set."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
