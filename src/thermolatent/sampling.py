"""Drawing frames for the batch of a training step, each with probability proportional to how often it counts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Sampler:
    """Draws of the numbers 0 to n - 1.

    Parameters
    ----------
    n: of how many.
    counts: how often each of them counts, ``(n,)``, on any scale; None for all alike.
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
        """As many as there are, shuffled, ``(n,)``: each once or, where they count differently, by one comb through the counts.

        So a number that counts c times their mean is there floor(c) or ceil(c) times.
        """
        device = generator.device
        order = torch.randperm(self.n, generator=generator, device=device)
        if self._edges is None:
            return order
        offset = torch.rand((), generator=generator, device=device, dtype=torch.float64)
        return self._at((torch.arange(self.n, device=device, dtype=torch.float64) + offset) / self.n, device)[order]

    def thinned(self, most: int) -> Tensor:
        """At most ``most`` of them, evenly spaced, ascending ``(m,)``: by a stride, or a comb through the counts."""
        stride = -(-self.n // most)
        if self._edges is None:
            return torch.arange(0, self.n, stride)
        m = -(-self.n // stride)
        return self._at((torch.arange(m, dtype=torch.float64) + 0.5) / m, torch.device("cpu"))

    def _at(self, levels: Tensor, device: torch.device) -> Tensor:
        """The numbers at these shares of all counts, 0 to 1."""
        self._edges = self._edges.to(device)
        return torch.searchsorted(self._edges, levels * self._edges[-1], right=True).clamp_(max=self.n - 1)


def systematic_resample(weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` indices drawn with probability proportional to ``weight`` ``(N,)`` by one comb: the least possible variance."""
    edges = np.cumsum(weight)
    comb = (np.arange(n) + rng.random()) * (edges[-1] / n) if n else np.empty(0)
    return np.minimum(np.searchsorted(edges, comb, side="right"), len(weight) - 1)
