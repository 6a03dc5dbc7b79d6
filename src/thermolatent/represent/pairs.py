"""Pairs of frames one lag apart, split by whole walkers into training and held-out pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thermolatent.frames import Frames
from thermolatent.sampling import Sampler


@dataclass(frozen=True)
class LaggedPairs:
    """Numbers, in training frame order, of the frames ``now`` and, one lag later in the same walker, ``later``.

    ``counts`` ``(n,)``: how often each pair counts, as often as its first frame; None for equal counts.
    """

    now: Tensor
    later: Tensor
    counts: np.ndarray | None = None

    def to(self, device: torch.device) -> LaggedPairs:
        return LaggedPairs(self.now.to(device), self.later.to(device), self.counts)

    def thinned(self, most: int) -> LaggedPairs:
        """At most ``most`` of them, evenly spaced by their counts; the result has equal counts."""
        rows = Sampler(len(self.now), self.counts).thinned(most).to(self.now.device)
        return LaggedPairs(self.now[rows], self.later[rows])


def lagged_pairs(frames: Frames, lag: int, walkers: np.ndarray) -> LaggedPairs:
    """Pairs ``lag`` frames apart in the walkers of the mask ``(walkers,)``, at every temperature, none across an exchange."""
    linked = np.concatenate([frames.linked(T, lag).ravel() for T in frames.temperatures])
    rows = np.flatnonzero(linked & frames.of_walkers(walkers))
    now = torch.from_numpy(rows)
    return LaggedPairs(now, now + lag, frames.counts_of(rows))
