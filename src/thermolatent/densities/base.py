"""The contract of a density model of p(z|T)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Density(nn.Module):
    """A model of p(z|T) on R^d.

    Temperatures enter as theta = T / T_ref, one per row: a density has no unit of temperature.

    Attributes
    ----------
    dim: d, the dimension of z.
    by_ode: whether each value of log_prob takes the solution of an ODE, which is exact but slow.
    """

    dim: int
    by_ode = False

    def log_prob(self, z: Tensor, theta: Tensor) -> Tensor:
        """Normalised ln p(z|T) in nats; ``z`` is ``(n, d)``, ``theta`` is ``(n,)``, the result ``(n,)``."""
        raise NotImplementedError

    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Exactly ``n`` samples ``(n, d)`` at one temperature."""
        raise NotImplementedError

    def sample_with_log_prob(self, n: int, theta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Exactly ``n`` samples ``(n, d)`` and their ln p(z|T) ``(n,)``; an ODE gives both in one integration."""
        z = self.sample(n, theta, generator)
        return z, self.log_prob(z, torch.full((n,), theta, dtype=z.dtype, device=z.device))

    def loss(self, z: Tensor, theta: Tensor) -> Tensor:
        """The scalar training loss: the mean of -ln p(z|T), unless a density has a better surrogate."""
        return -self.log_prob(z, theta).mean()

    def fit_scale(self, z: Tensor) -> None:
        """Set the saved affine whitening from a sample ``(n, d)`` before training; log_prob includes its log-det."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Called by training after each optimiser step; a density with averaged weights updates them here."""

    def from_representation(self, spib: nn.Module) -> None:
        """Called by training once, before :meth:`fit_scale`; a density built from the representation sets itself here."""


class Whitening(nn.Module):
    """The saved affine map ``w = scale * L^-1 (z - mean)``, L the Cholesky factor of the sample's covariance."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("forward_matrix", torch.eye(dim))
        self.register_buffer("inverse_matrix", torch.eye(dim))
        self.register_buffer("log_det", torch.zeros(()))

    def fit(self, z: Tensor, scale: float = 1.0) -> None:
        """Whiten ``z`` ``(n, d)`` to standard deviation ``scale`` along each axis."""
        centred = z.double() - z.double().mean(0)
        covariance = centred.T @ centred / len(z)
        # avoids division by zero along a direction without variance
        jitter = 1e-12 * covariance.diagonal().mean().clamp_min(1e-30)
        root = torch.linalg.cholesky(covariance + jitter * torch.eye(z.shape[1], dtype=torch.float64, device=z.device))
        self.mean.copy_(z.double().mean(0))
        self.inverse_matrix.copy_(root / scale)
        self.forward_matrix.copy_(torch.linalg.inv(root / scale))
        self.log_det.copy_(-(root / scale).diagonal().log().sum())

    def forward(self, z: Tensor) -> Tensor:
        return (z - self.mean) @ self.forward_matrix.T

    def inverse(self, w: Tensor) -> Tensor:
        return w @ self.inverse_matrix.T + self.mean
