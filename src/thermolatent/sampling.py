"""Choice of frames: batches drawn in proportion to the frames' counts, and the units held out of training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Sampler:
    """Draws of the numbers 0 to n - 1.

    Parameters
    ----------
    counts: weight of each number, ``(n,)``, on any scale; None for equal weights.
    """

    def __init__(self, n: int, counts: np.ndarray | None = None):
        self.n = n
        self._edges = None if counts is None else torch.from_numpy(np.cumsum(counts, dtype=np.float64))

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """Independent draws ``(size,)`` on the generator's device."""
        device = generator.device
        if self._edges is None:
            return torch.randint(self.n, (size,), generator=generator, device=device)
        levels = torch.rand(size, generator=generator, device=device, dtype=torch.float64)
        return self._at(levels, device)

    def epoch(self, generator: torch.Generator) -> Tensor:
        """``n`` numbers, shuffled: each once or, with counts, by systematic resampling.

        A number whose count is c times the mean occurs floor(c) or ceil(c) times.
        """
        device = generator.device
        order = torch.randperm(self.n, generator=generator, device=device)
        if self._edges is None:
            return order
        offset = torch.rand((), generator=generator, device=device, dtype=torch.float64)
        return self._at((torch.arange(self.n, device=device, dtype=torch.float64) + offset) / self.n, device)[order]

    def thinned(self, most: int) -> Tensor:
        """At most ``most`` numbers, evenly spaced, ascending ``(m,)``: by a stride or, with counts, by a comb through them."""
        stride = -(-self.n // most)
        if self._edges is None:
            return torch.arange(0, self.n, stride)
        m = -(-self.n // stride)
        return self._at((torch.arange(m, dtype=torch.float64) + 0.5) / m, torch.device("cpu"))

    def _at(self, levels: Tensor, device: torch.device) -> Tensor:
        """The numbers at ``levels`` from 0 to 1 of the cumulative counts."""
        self._edges = self._edges.to(device)
        return torch.searchsorted(self._edges, levels * self._edges[-1], right=True).clamp_(max=self.n - 1)


def systematic_resample(weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` indices drawn by systematic resampling with weights ``(N,)``: the least possible variance."""
    edges = np.cumsum(weight)
    comb = (np.arange(n) + rng.random()) * (edges[-1] / n) if n else np.empty(0)
    return np.minimum(np.searchsorted(edges, comb, side="right"), len(weight) - 1)


def held_out_units(count: int, share: float = 0.2) -> np.ndarray:
    """Mask ``(count,)`` of the walkers or blocks that are held out of training, at least one and never all.

    Whole units: single frames would leak, since neighbours in time are nearly copies. They are chosen by the golden ratio:
    an even stride could coincide with a period among them, e.g. of starting structures.
    """
    chosen = min(max(1, round(share * count)), count - 1)
    mask = np.zeros(count, bool)
    mask[np.argsort(np.arange(count) * 0.6180339887498949 % 1)[:chosen]] = True
    return mask
