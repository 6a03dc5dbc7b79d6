"""Base class of the densities that are defined by a learned vector field: whitening, network, evaluation in chunks."""

from __future__ import annotations

import torch
from torch import Tensor

from thermolatent.densities.base import Density, Whitening
from thermolatent.densities.networks import Averaged, FieldNetwork, LossNoise
from thermolatent.densities.specs import FieldSpec

_CHUNK = 2048  # rows per chunk: their activations fit into a core's cache


class FieldDensity(Density):
    """A density on R^d, d >= 1, defined by an ODE from a base density to whitened z.

    Only :meth:`loss` is differentiable. A subclass provides the loss, the base, and the integration in both directions.

    Parameters
    ----------
    spec: the study's parameters.
    dim: d.
    temperature: subset of {"steer", "condition"}: a base that depends on theta, and a network with theta as input.
    theta_range: not used.
    """

    by_ode = True

    def __init__(self, spec: FieldSpec, dim: int, temperature: list[str], theta_range: tuple[float, float]):
        super().__init__()
        self.dim, self.spec = dim, spec
        self.steer = "steer" in temperature
        self.whitening = Whitening(dim)
        embedding = spec.embedding if "condition" in temperature else None
        self.network = Averaged(FieldNetwork(dim, spec.width, spec.layers, embedding), spec.ema)
        self.noise = LossNoise()

    def after_step(self) -> None:
        self.network.update()

    @torch.no_grad()
    def log_prob(self, z: Tensor, theta: Tensor) -> Tensor:
        pieces = zip(self.whitening(z).split(_CHUNK), theta.split(_CHUNK), strict=True)
        log_p = []
        for w, at in pieces:
            u, change = self._to_base(w, at)
            log_p.append(self._log_prob_at_base(u, change, at))
        return torch.cat(log_p) + self.whitening.log_det

    @torch.no_grad()
    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        base, at = self._base_points(n, theta, generator)
        return self.whitening.inverse(torch.cat([self._draw(u, at, generator) for u in base]))

    @torch.no_grad()
    def sample_with_log_prob(self, n: int, theta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        base, at = self._base_points(n, theta, generator)
        ends, log_p = [], []
        for u in base:
            w, change = self._to_data(u, at, divergence=True)
            ends.append(w)
            log_p.append(self._log_prob_at_base(u, -change, at))
        return self.whitening.inverse(torch.cat(ends)), torch.cat(log_p) + self.whitening.log_det

    def sample_base(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Samples ``(n, d)`` of the base density at theta, float64."""
        raise NotImplementedError

    def _base_points(self, n: int, theta: float, generator: torch.Generator) -> tuple[tuple[Tensor, ...], Tensor]:
        """``n`` base points in chunks, and theta ``(1,)``, both of the model's type and device."""
        like = self.whitening.mean
        at = torch.full((1,), theta, dtype=like.dtype, device=like.device)
        return self.sample_base(n, theta, generator).to(like).split(_CHUNK), at

    def _draw(self, u: Tensor, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Whitened samples ``(n, d)`` from base points ``u``; the generator is for stochastic samplers."""
        return self._to_data(u, theta)[0]

    def _to_data(self, u: Tensor, theta: Tensor, divergence: bool = False) -> tuple[Tensor, Tensor]:
        """Whitened samples ``(n, d)`` from base points ``u``, and the integral of the divergence ``(n,)``."""
        raise NotImplementedError

    def _to_base(self, w: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of :meth:`_to_data`, always with the integral of the divergence."""
        raise NotImplementedError

    def _log_prob_at_base(self, u: Tensor, change: Tensor, theta: Tensor) -> Tensor:
        """ln p ``(n,)`` of whitened points, from the base points ``u`` and the integral ``change`` of :meth:`_to_base`.

        ``theta`` is ``(n,)`` or ``(1,)``.
        """
        raise NotImplementedError
