"""The contract of a feature: a function of the positions of single frames."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict


class Feature(BaseModel):
    """A feature and its parameters, as a study writes them below ``featurize.features`` or ``featurize.plane``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    def names(self, n_particles: int) -> list[str]:
        """One name per column."""
        raise NotImplementedError

    def periodic(self, n_particles: int) -> list[bool]:
        """Whether each column is an angle in radians, -pi to pi."""
        return [False] * len(self.names(n_particles))

    def compute(self, positions: np.ndarray) -> np.ndarray:
        """Columns ``(frames, n)`` of positions ``(frames, n_particles, 3)`` in nm."""
        raise NotImplementedError
