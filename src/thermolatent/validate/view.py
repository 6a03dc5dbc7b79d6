"""The planes in which samples are compared with the MD."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from thermolatent.frames import Frames
from thermolatent.validate.divergence import Bins


@dataclass
class View:
    """One plane: points of the MD at every simulated temperature, with the same bins at all of them.

    Attributes
    ----------
    name: the ``plane`` column of the scores.
    reference: the MD at every simulated temperature.
    training: the MD at the training temperatures, in training frame order.
    points: per temperature ``(walkers, frames, d)``.
    periodic: per coordinate.
    most: maximum number of compared points (the number of generated samples), None for no limit.
    """

    name: str
    reference: Frames
    training: Frames
    points: dict[float, np.ndarray]
    periodic: list[bool]
    n_bins: int
    most: int | None = None
    bins: Bins = field(init=False)

    def __post_init__(self):
        self.bins = Bins.spanning(self.visited(), self.n_bins, self.periodic)

    @property
    def is_fixed(self) -> bool:
        return self.name == "fixed"

    def counts(self, temperature: float) -> np.ndarray | None:
        """How often each frame counts at one temperature, ``(walkers * frames,)``; None for equal counts."""
        return self.reference.counts[temperature].ravel() if self.reference.weighted else None

    def visited(self) -> list[np.ndarray]:
        """Points ``(m, d)`` at each temperature, without those of count 0, which must not widen the bins."""
        flat = {T: p.reshape(-1, p.shape[-1]) for T, p in self.points.items()}
        return [p[self.counts(T) > 0] if self.reference.weighted else p for T, p in flat.items()]

    @cached_property
    def training_points(self) -> np.ndarray:
        """Points of the training frames, ``(N, d)``."""
        return self.training.flat(self.points)
