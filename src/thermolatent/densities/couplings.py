"""Coupling layers: one half of the coordinates is transformed, with parameters from the other half (and temperature).

Affine couplings are RealNVP's (Dinh et al., arXiv:1605.08803), splines are monotone rational-quadratic ones (Durkan et
al., arXiv:1906.04032). One network gives scale and shift together. Its last layer starts at zero, so that each coupling
starts as the identity (the public LaTF code multiplies its log-scales by uninitialised memory).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conditioner(nn.Module):
    """MLP with two hidden layers from the fixed coordinates and the context to the parameters of the transformed ones."""

    def __init__(self, n_resting: int, n_context: int, width: int, n_out: int):
        super().__init__()
        self.constant = n_resting + n_context == 0  # d = 1 without temperature: there is no input
        self.first = nn.Linear(max(1, n_resting + n_context), width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, n_out)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, resting: Tensor, context: Tensor | None) -> Tensor:
        inputs = resting if context is None else torch.cat([resting, context], dim=1)
        if self.constant:
            inputs = resting.new_ones(len(resting), 1)
        return self.last(F.silu(self.second(F.silu(self.first(inputs)))))


class AffineCoupling(nn.Module):
    """y = x exp(s) + t with s smoothly bounded to +-``bound``."""

    bound = 3.0

    def __init__(self, n_resting: int, n_moving: int, n_context: int, width: int):
        super().__init__()
        self.conditioner = Conditioner(n_resting, n_context, width, 2 * n_moving)

    def _scale_shift(self, resting: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        raw, shift = self.conditioner(resting, context).chunk(2, dim=1)
        return self.bound * torch.tanh(raw / self.bound), shift

    def forward(self, resting: Tensor, moving: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """The moved coordinates and ln|det|, ``(n,)``."""
        scale, shift = self._scale_shift(resting, context)
        return torch.addcmul(shift, moving, scale.exp()), scale.sum(1)

    def inverse(self, resting: Tensor, moved: Tensor, context: Tensor | None) -> Tensor:
        scale, shift = self._scale_shift(resting, context)
        return (moved - shift) * torch.exp(-scale)


class Splines(nn.Module):
    """Monotone rational-quadratic splines on [-box, box], the identity outside.

    ``raw`` has the parameters of each value's spline: ``3 * bins - 1`` unbounded numbers, of which zeros give the identity.
    """

    smallest = 1e-3  # of a bin's share of the box, and of a knot's slope

    def __init__(self, bins: int, box: float):
        super().__init__()
        self.bins = bins
        self.register_buffer("box", torch.tensor(float(box)))
        # The bins below each knot, 1 or 0: a matrix product with it is faster than a cumulative sum
        self.register_buffer("below", torch.triu(torch.ones(bins, bins + 1), 1), persistent=False)

    def _bins_of(self, v: Tensor, raw: Tensor, axis: int) -> tuple[tuple[Tensor, ...], Tensor]:
        """The bin of each value along ``axis``, 0 for x and 1 for y: x, y and slope at its two ends, and whether the value is
        inside the box."""
        n, k = len(v), self.bins
        raw = raw.view(n, -1, 3 * k - 1)
        shares = torch.softmax(raw[..., : 2 * k].view(n, -1, 2, k), dim=-1).view(-1, k)
        # The bins fill the box from -box to box: each is of the smallest size, and of its share of the rest
        lowest = self.box * (2 * self.smallest * self.below.sum(0) - 1)
        rest = self.box * 2 * (1 - k * self.smallest)
        knots = torch.addmm(lowest, shares, rest * self.below).view(n, -1, 2, k + 1)
        inside = v.abs() < self.box
        with torch.no_grad():
            clipped = torch.where(inside, v, torch.zeros_like(v))  # outside, any finite value: masked afterwards
            left = torch.searchsorted(knots[..., axis, 1:-1].contiguous(), clipped[..., None], right=True)
            ends = torch.cat([left, left + 1], dim=-1)
        places = knots.flatten(2).gather(-1, torch.cat([ends, ends + k + 1], dim=-1)).movedim(-1, 0).contiguous()
        # softplus(x + offset) is 1 at x = 0: the spline starts as the identity, and has that slope at the box
        slopes = F.pad(raw[..., 2 * k :], (1, 1)).gather(-1, ends).movedim(-1, 0) + math.log(math.e - 1)
        slopes = self.smallest + (1 - self.smallest) * F.softplus(slopes)
        return (*places, *slopes), inside

    def moved(self, v: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Values ``(n, m)`` moved by their splines, and ln|det|, ``(n,)``."""
        (x0, x1, y0, y1, d0, d1), inside = self._bins_of(v, raw, 0)
        width, height = x1 - x0, y1 - y0
        t, s = (v - x0) / width, height / width
        left = 1 - t
        rise, square = t * left, t * t
        denominator = s + (d0 + d1 - 2 * s) * rise
        moved = y0 + height * (s * square + d0 * rise) / denominator
        gradient = (s / denominator).square() * (d1 * square + 2 * s * rise + d0 * left * left)
        log_det = torch.where(inside, gradient.log(), torch.zeros_like(gradient))
        return torch.where(inside, moved, v), log_det.sum(1)

    def moved_back(self, v: Tensor, raw: Tensor) -> Tensor:
        """The inverse of :meth:`moved`."""
        (x0, x1, y0, y1, d0, d1), inside = self._bins_of(v, raw, 1)
        width, height = x1 - x0, y1 - y0
        s = height / width
        dy = v - y0
        curve = dy * (d0 + d1 - 2 * s)
        a, b, c = height * (s - d0) + curve, height * d0 - curve, -s * dy
        root = 2 * c / (-b - torch.sqrt((b * b - 4 * a * c).clamp_min(0)))
        return torch.where(inside, x0 + root * width, v)


class SplineCoupling(Splines):
    """A spline for each moving coordinate, with parameters from the resting ones."""

    def __init__(self, n_resting: int, n_moving: int, n_context: int, width: int, bins: int, box: float):
        super().__init__(bins, box)
        self.conditioner = Conditioner(n_resting, n_context, width, n_moving * (3 * bins - 1))

    def forward(self, resting: Tensor, moving: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """The moved coordinates and ln|det|, ``(n,)``."""
        return self.moved(moving, self.conditioner(resting, context))

    def inverse(self, resting: Tensor, moved: Tensor, context: Tensor | None) -> Tensor:
        return self.moved_back(moved, self.conditioner(resting, context))
