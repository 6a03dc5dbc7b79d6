"""What was found of the MD as a whole (:mod:`thermolatent.reweight.examination`), as the estimator keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Columns of :attr:`Soundness.table`.
COLUMNS = ("temperature", "kinetic_temperature", "kinetic_stderr", "start_up", "starts", "doubt")


@dataclass(frozen=True)
class Soundness:
    """What was found.

    Attributes
    ----------
    table: one row per training temperature with :data:`COLUMNS`; NaN where the MD does not tell.
    doubts: lines about the MD as a whole, for which nothing is trusted.
    """

    table: pd.DataFrame
    doubts: tuple[str, ...] = ()

    @classmethod
    def unknown(cls, temperatures: Sequence[float]) -> Soundness:
        """Of MD that nobody looked at."""
        table = pd.DataFrame({name: np.nan for name in COLUMNS}, index=range(len(temperatures)))
        return cls(table.assign(temperature=list(temperatures), doubt=""))
