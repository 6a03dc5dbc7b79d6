"""GPUs shared out: on a machine with several, each MD job takes a device that no other, or not too many others, have."""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import re
import tempfile
import time
from pathlib import Path

from thermolatent.errors import SimulationError

log = logging.getLogger(__name__)

#: Device indices to share out, as OpenMM counts them, separated by commas; one that stands there twice is for two processes.
#: The workflow sets it (``workflow/rules/common.smk``) where it limits ``gpu`` on this machine. Not set: the platform
#: chooses, as on a cluster, where the batch system does.
DEVICES_VARIABLE = "THERMOLATENT_DEVICES"
#: What the platforms count devices in.
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_WAIT_SECONDS = 1.0


@functools.cache
def own_device() -> str | None:
    """Index of a device that this process has a share of until it ends, or None where there is nothing to share out.

    Waits for one while other processes of the same user have all shares. The lock is the operating system's, so a process
    that is killed leaves none behind. Raises :class:`SimulationError` for a list that is none.
    """
    indices = _asked_for()
    if not indices:
        return None
    folder = Path(tempfile.gettempdir()) / f"thermolatent-devices-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    told = False
    while True:
        for place, index in enumerate(indices):
            before = indices[:place].count(index)
            if _locked(folder / f"{_lock_name(index)}{f'-{before}' if before else ''}.lock"):
                log.info("runs on GPU %s", index)
                return index
        if not told:
            log.info("waits for one of the GPUs %s", ", ".join(dict.fromkeys(indices)))
            told = True
        time.sleep(_WAIT_SECONDS)


def _asked_for() -> list[str]:
    text = os.environ.get(DEVICES_VARIABLE, "").replace(" ", "")
    if text and not re.fullmatch(r"\d+(,\d+)*", text):
        raise SimulationError(f"{DEVICES_VARIABLE}: is '{text}'; write indices of GPUs, as 0,1")
    return text.split(",") if text else []


def _lock_name(index: str) -> str:
    """The device's name where an index counts among visible ones only, so that index 0 of two lists is not one device."""
    visible = next((os.environ[name] for name in _VISIBLE if os.environ.get(name)), "").split(",")
    shown = visible[int(index)] if visible[0] and int(index) < len(visible) else index
    return re.sub(r"[^\w-]", "_", shown)


#: Open as long as the process lives, for their locks.
_held: list[int] = []


def _locked(path: Path) -> bool:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True
