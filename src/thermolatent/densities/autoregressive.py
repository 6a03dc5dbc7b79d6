"""Autoregressive layers: each coordinate has a spline with parameters from the coordinates before it (and temperature).

Splines are those of the couplings (Durkan et al., arXiv:1906.04032, who have both), their parameters come from one masked
network (MADE; Germain et al., arXiv:1502.03509). ln p takes one pass through it, a sample one pass per coordinate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from thermolatent.densities.couplings import Splines


class MaskedLinear(nn.Linear):
    """A linear layer in which an output sees the inputs of its own degree and below; degrees are ``(n,)`` integers."""

    def __init__(self, inputs: Tensor, outputs: Tensor):
        super().__init__(len(inputs), len(outputs))
        self.register_buffer("mask", (outputs[:, None] >= inputs).to(self.weight.dtype), persistent=False)

    def forward(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """All outputs, or those of ``rows``."""
        return F.linear(x, self.weight[rows] * self.mask[rows], self.bias[rows])


class MaskedConditioner(nn.Module):
    """MLP with two hidden layers whose outputs for a coordinate see the context and the coordinates before it.

    Its last layer starts at zero.

    Parameters
    ----------
    order: the coordinates, first to last; at least two.
    n_context: size of the context.
    width: hidden units of each layer; with fewer than coordinates, some do not see the one right before them.
    n_each: outputs per coordinate.
    """

    def __init__(self, order: list[int], n_context: int, width: int, n_each: int):
        super().__init__()
        self.n_each = n_each
        place = torch.tensor(order).argsort()
        # The coordinate at place k has degree k + 1 as an input and k as an output; what sees the context alone has 0
        lowest = 0 if n_context else 1
        hidden = torch.linspace(lowest, len(order) - 1, width).round().long()
        self.first = MaskedLinear(torch.cat([place + 1, torch.zeros(n_context, dtype=torch.long)]), hidden)
        self.second = MaskedLinear(hidden, hidden)
        self.last = MaskedLinear(hidden, place.repeat_interleave(n_each))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, context: Tensor | None, coordinate: int | None = None) -> Tensor:
        """Outputs ``(n, d * n_each)``, or ``(n, n_each)`` of one coordinate."""
        inputs = x if context is None else torch.cat([x, context], dim=1)
        start = None if coordinate is None else coordinate * self.n_each
        rows = slice(None) if start is None else slice(start, start + self.n_each)
        return self.last(F.silu(self.second(F.silu(self.first(inputs)))), rows)


class AutoregressiveSpline(Splines):
    """A spline for each coordinate, with parameters from those before it; called like a coupling that moves all of them.

    Parameters
    ----------
    dim: d >= 2.
    backwards: whether the last coordinate is the first of the order.
    """

    def __init__(self, dim: int, n_context: int, width: int, bins: int, box: float, backwards: bool):
        super().__init__(bins, box)
        self.order = list(reversed(range(dim))) if backwards else list(range(dim))
        self.conditioner = MaskedConditioner(self.order, n_context, width, 3 * bins - 1)

    def forward(self, resting: Tensor, moving: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """The moved coordinates and ln|det|, ``(n,)``."""
        return self.moved(moving, self.conditioner(moving, context))

    def inverse(self, resting: Tensor, moved: Tensor, context: Tensor | None) -> Tensor:
        x = torch.zeros_like(moved)
        for i in self.order:
            column = self.moved_back(moved[:, i : i + 1], self.conditioner(x, context, i))
            x = torch.cat([x[:, :i], column, x[:, i + 1 :]], dim=1)
        return x
