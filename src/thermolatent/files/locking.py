"""Lock files: two jobs must not write the same arrays."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import unwritable

log = logging.getLogger(__name__)


@contextmanager
def only_one(path: str | os.PathLike) -> Iterator[None]:
    """Hold the lock file ``path``, which is removed afterwards. Raises :class:`ThermolatentError` if another process holds it.

    The kernel (flock, also on NFS) releases the lock when the process ends; a file left by a killed process is no lock. Without
    support by the file system a warning is logged and there is no lock.
    """
    path = Path(path)
    descriptor = _locked(path)
    try:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{socket.gethostname()}, process {os.getpid()}".encode(), 0)
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Descriptor of the file at ``path``, locked."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace") or "unknown"
            os.close(descriptor)
            raise ThermolatentError(
                f"{path}: another job ({holder}) is at work on this; wait until it is done, or end it"
            ) from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL):
                raise
            log.warning("%s: no locks on this file system; take care that no two runs share a study", path)
            return descriptor
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)  # the previous holder has removed the file meanwhile
