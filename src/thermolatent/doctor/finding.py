"""Result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ok; note: nothing has to be done; problem: works, but not well; broken: cannot work.
Level = Literal["ok", "note", "problem", "broken"]
#: Command that repairs an installation, in the folder of the repository.
INSTALL = "pip install -e . -c envs/constraints.txt"


@dataclass(frozen=True)
class Finding:
    """Result of a check, and the command or setting that helps."""

    level: Level
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "" if self.level == "ok" else f"{self.level}: "
        return f"  {mark}{self.what}" + (f"\n      -> {self.remedy}" if self.remedy else "")
