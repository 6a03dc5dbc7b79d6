"""Noise schedules of the diffusion density, in terms of ell = ln(sigma / alpha): minus half the log signal-to-noise ratio.

A variance-preserving diffusion has alpha^2 + sigma^2 = 1, so ell determines both. A schedule gives the range of ell, its
distribution in training, and the levels of an ancestral sampler. Lowest noise first.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def alpha_sigma(ell: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma at ``ell``, of its shape."""
    return torch.sigmoid(-2 * ell).sqrt(), torch.sigmoid(2 * ell).sqrt()


def stratified(n: int, generator: torch.Generator) -> Tensor:
    """``n`` numbers in [0, 1), one in each of n equal intervals, in random order; float64."""
    device = generator.device
    offset = torch.rand(n, generator=generator, device=device, dtype=torch.float64)
    return (torch.randperm(n, generator=generator, device=device) + offset) / n


class LinearSchedule:
    """beta(t) = 0.1 + 19.9 t in continuous time (Song et al., arXiv:2011.13456)."""

    first, last, earliest = 0.1, 20.0, 1e-4

    def __init__(self, steps: int):
        self.levels = self._ell(torch.linspace(self.earliest, 1, steps, dtype=torch.float64))
        self.low, self.high = float(self.levels[0]), float(self.levels[-1])
        # Likelihood weight of |eps - eps_hat|^2: half its integral over -ln(SNR) = 2 ell.
        self.weight = self.high - self.low

    def _ell(self, t: Tensor) -> Tensor:
        integral = self.first * t + (self.last - self.first) / 2 * t * t
        return torch.log(torch.expm1(integral)) / 2

    def draw(self, n: int, likelihood: bool, generator: torch.Generator) -> Tensor:
        """Levels ``(n,)`` float64, drawn by the likelihood's weight, which is uniform in ell, or uniformly in t."""
        u = stratified(n, generator)
        if likelihood:
            return self.low + (self.high - self.low) * u
        return self._ell(self.earliest + (1 - self.earliest) * u)


class DiscreteSchedule:
    """beta from 1e-4 to 0.2 in 100 equal steps: D-SPIB's schedule. Its last alpha-bar is 2.14e-5."""

    def __init__(self, steps: int = 100):
        self.alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.2, steps, dtype=torch.float64), 0)
        self.levels = (torch.log1p(-self.alpha_bar) - self.alpha_bar.log()) / 2
        self.low, self.high = float(self.levels[0]), float(self.levels[-1])
        # Of the variational bound (Ho et al., arXiv:2006.11239): (SNR_{k-1} / SNR_k - 1) / 2 for all steps but the first.
        step_weights = torch.expm1(2 * self.levels.diff()) / 2
        self.weight = float(step_weights.sum())
        self._cumulative = step_weights.cumsum(0) / step_weights.sum()

    def draw(self, n: int, likelihood: bool, generator: torch.Generator) -> Tensor:
        """Levels ``(n,)`` float64, drawn by the likelihood's weight or uniformly."""
        u = stratified(n, generator)
        levels = self.levels.to(u.device)
        if likelihood:
            cumulative = self._cumulative.to(u.device)
            return levels[1:][torch.searchsorted(cumulative, u, right=True).clamp_max(len(cumulative) - 1)]
        return levels[(u * len(levels)).long()]


def level_time(ell: Tensor, low: float, high: float) -> Tensor:
    """The level scaled to [0, 1], as input of a network."""
    return (ell - low) / (high - low)


def log_variance(ell: float) -> float:
    """ln sigma^2 at ``ell``."""
    return -math.log1p(math.exp(-2 * ell))
