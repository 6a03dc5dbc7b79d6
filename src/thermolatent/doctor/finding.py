"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ok; note: as it is, nothing to do unless you want it; problem: works, but worse than it could; broken: cannot work.
Level = Literal["ok", "note", "problem", "broken"]
#: What repairs an installation, in the folder of the repository.
INSTALL = "pip install -e . -c envs/constraints.txt"


@dataclass(frozen=True)
class Finding:
    """What was found, and the exact command or setting that helps."""

    level: Level
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "" if self.level == "ok" else f"{self.level}: "
        return f"  {mark}{self.what}" + (f"\n      -> {self.remedy}" if self.remedy else "")
