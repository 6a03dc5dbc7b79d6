"""Independent pieces of MD where there are no walkers: blocks of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thermolatent.reweight.correlation import memory

#: A block is so many times the memory of the series long: the variance of block means is then short by a tenth.
MEMORIES = 10.0


def block_length(series: Sequence[np.ndarray]) -> int:
    """Frames of a block for the slowest of several series, ``(frames,)`` each, of one trajectory.

    Of replica exchange, give each state's share averaged over all replicas: replicas wander through temperatures, and what
    one temperature forgets when a replica leaves, another remembers.
    """
    return max(1, int(np.ceil(MEMORIES * max(memory([np.asarray(s, float)]) for s in series))))


def blocks(frames: int, length: int) -> np.ndarray:
    """Number of the block of each frame, ``(frames,)``: of at least ``length`` frames, as equal as can be."""
    count = max(1, frames // length)
    return np.arange(frames) * count // frames
