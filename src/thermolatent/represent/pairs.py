"""Pairs of frames one lag apart, split by whole walkers into those that are learned from and those that are judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thermolatent.densities.fit import held_out_units
from thermolatent.frames import Frames
from thermolatent.sampling import Sampler

#: Share of the walkers kept out of every training, to judge it by.
HELD_OUT = 0.2


def held_out_walkers(walkers: int, share: float = HELD_OUT) -> np.ndarray:
    """Mask ``(walkers,)`` of the walkers kept out of training, at least one and never all.

    Whole walkers: frames shuffled between the sides would leak, as neighbours in time are nearly copies. They are picked
    by the golden ratio, since an even stride would pick one starting structure only (those repeat evenly too).
    """
    return held_out_units(walkers, share)


@dataclass(frozen=True)
class LaggedPairs:
    """Numbers, in training frame order, of the frames ``now`` and, one lag later in the same walker, ``later``.

    ``counts`` is how often each pair counts, ``(n,)``: as often as its first frame. None where all count alike.
    """

    now: Tensor
    later: Tensor
    counts: np.ndarray | None = None

    def to(self, device: torch.device) -> LaggedPairs:
        return LaggedPairs(self.now.to(device), self.later.to(device), self.counts)

    def thinned(self, most: int) -> LaggedPairs:
        """At most so many of them, evenly spaced by how often they count; these count alike."""
        rows = Sampler(len(self.now), self.counts).thinned(most).to(self.now.device)
        return LaggedPairs(self.now[rows], self.later[rows])


def lagged_pairs(frames: Frames, lag: int, walkers: np.ndarray) -> LaggedPairs:
    """Pairs ``lag`` frames apart within the walkers of the mask ``(walkers,)``, at every temperature, across no exchange."""
    linked = np.concatenate([frames.linked(T, lag).ravel() for T in frames.temperatures])
    rows = np.flatnonzero(linked & frames.of_walkers(walkers))
    now = torch.from_numpy(rows)
    return LaggedPairs(now, now + lag, frames.counts_of(rows))
