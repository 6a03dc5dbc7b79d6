"""What new MD may cost: wall time, or simulated time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from thermolatent.advise.options import Option
from thermolatent.errors import ThermolatentError
from thermolatent.rates import SECONDS_PER_DAY

_SECONDS = {"min": 60.0, "h": 3600.0, "d": SECONDS_PER_DAY}
_PICOSECONDS = {"ns": 1e3, "us": 1e6}


@dataclass(frozen=True)
class Budget:
    """``amount`` of seconds, or of ps of all walkers together where ``simulated``."""

    amount: float
    simulated: bool

    def cost(self, option: Option) -> float:
        """Of an option, in the same; raises :class:`ThermolatentError` for seconds that are not known."""
        if self.simulated:
            return option.time
        if option.seconds is None:
            raise ThermolatentError(
                "--budget: the speed of this MD is not known; write simulated time, e.g. --budget 500ns"
            )
        return option.seconds


def read_budget(text: str | None) -> Budget:
    """``2d``, ``36h``, ``90min``, ``500ns`` or ``2us``; raises :class:`ThermolatentError` for anything else."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]+)\s*", text or "")
    unit = found[2] if found else ""
    if unit not in {**_SECONDS, **_PICOSECONDS}:
        what = f"'{text}'" if text else "is missing"
        raise ThermolatentError(f"--budget: {what}; write what further MD may take: 2d, 36h, 90min or 500ns")
    simulated = unit in _PICOSECONDS
    return Budget(float(found[1]) * (_PICOSECONDS if simulated else _SECONDS)[unit], simulated)
