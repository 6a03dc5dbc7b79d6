"""Temperature-steerable tilted Gaussian, the base density of LaTF (arXiv:2507.03174, Eqs. 4 and 5).

    ln r_T(u) = tau |u| - |u|^2 / (2 theta) - ln Z,        theta = T / T_ref.

Only the quadratic term depends on T: the most likely radius and the variance are linear in it. tau = 0 is the Gaussian
N(0, theta I). With u = sqrt(theta) s and a = tau sqrt(theta), the normaliser follows from one function of a,

    Z = theta^(d/2) S_d I(a),      I(a) = int_0^inf s^(d-1) exp(a s - s^2/2) ds,      S_d = 2 pi^(d/2) / Gamma(d/2).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

# The integrand of I(a) is bounded by a unit Gaussian about its mode: beyond twelve units lies 1e-31 of it.
_HALF_WIDTH = 12.0
_NODES, _WEIGHTS = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(96))


def radial_mode(a: Tensor, dim: int) -> Tensor:
    """Mode of s^(d-1) exp(a s - s^2/2)."""
    return (a + torch.sqrt(a * a + 4 * (dim - 1))) / 2


def log_radial_integral(a: Tensor, dim: int) -> Tensor:
    """ln I(a) for ``a`` of any shape, float64, differentiable; by Gauss-Legendre quadrature in log space."""
    a = a.double()
    with torch.no_grad():  # the bounds enclose all of the mass, so they do not contribute to the derivative
        mode = radial_mode(a, dim)
        low, high = (mode - _HALF_WIDTH).clamp_min(0), mode + _HALF_WIDTH
        half = (high - low) / 2
        s = low[..., None] + half[..., None] * (_NODES.to(a.device) + 1)
        log_measure = torch.log(half)[..., None] + torch.log(_WEIGHTS.to(a.device))
        if dim > 1:
            log_measure = log_measure + (dim - 1) * torch.log(s)
    return torch.logsumexp(log_measure + a[..., None] * s - s * s / 2, dim=-1)


class TiltedGaussian(nn.Module):
    """The base density r_T(u) on R^d.

    Parameters
    ----------
    dim: d >= 1.
    tau: tilting factor, >= 0.
    steer: whether the base depends on theta; else it is r at theta = 1 for every theta.
    """

    def __init__(self, dim: int, tau: float = 0.0, steer: bool = True):
        super().__init__()
        self.dim, self.steer = dim, steer
        self.register_buffer("tau", torch.tensor(float(tau), dtype=torch.float64))

    def log_normaliser(self, theta: Tensor) -> Tensor:
        """ln Z for each ``theta``, float64, differentiable in tau and theta."""
        theta = theta.double()
        log_sphere = math.log(2) + self.dim / 2 * math.log(math.pi) - math.lgamma(self.dim / 2)
        return self.dim / 2 * theta.log() + log_sphere + log_radial_integral(self.tau * theta.sqrt(), self.dim)

    def log_prob(self, u: Tensor, theta: Tensor) -> Tensor:
        """ln r_T(u) in nats; ``u`` ``(n, d)``, ``theta`` ``(n,)``."""
        theta = theta if self.steer else torch.ones_like(theta)
        # Quadrature is expensive, and a batch has few temperatures.
        different, which = torch.unique(theta, return_inverse=True)
        log_z = self.log_normaliser(different).to(u.dtype)[which]
        square = (u * u).sum(-1)
        quadratic = -square / (2 * theta) - log_z
        if self.tau == 0:
            return quadratic
        # The gradient of |u| at u = 0 is undefined; with the floor it is zero.
        return self.tau.to(u.dtype) * square.clamp_min(torch.finfo(u.dtype).tiny).sqrt() + quadratic

    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Exactly ``n`` samples ``(n, d)``, float64: a radius by rejection sampling times a uniform direction.

        Proposals are from a unit Gaussian about the mode, which bounds the log-concave radial density in every d; at least
        half of them are accepted.
        """
        theta, device = theta if self.steer else 1.0, generator.device
        a = self.tau.to(device) * math.sqrt(theta)
        mode = radial_mode(a, self.dim)

        def log_density(s: Tensor) -> Tensor:
            return (self.dim - 1) * torch.log(s) + a * s - s * s / 2 if self.dim > 1 else a * s - s * s / 2

        radius = torch.empty(0, dtype=torch.float64, device=device)
        while len(radius) < n:
            size = 2 * (n - len(radius)) + 64
            offset = torch.randn(size, generator=generator, dtype=torch.float64, device=device)
            uniform = torch.rand(size, generator=generator, dtype=torch.float64, device=device)
            s = mode + offset
            inside = s > 0
            log_ratio = log_density(s.clamp_min(1e-300)) - log_density(mode.clamp_min(1e-300)) + offset * offset / 2
            radius = torch.cat([radius, s[inside & (uniform.log() < log_ratio)]])
        direction = torch.randn(n, self.dim, generator=generator, dtype=torch.float64, device=device)
        return math.sqrt(theta) * radius[:n, None] * direction / direction.norm(dim=-1, keepdim=True)

    def sample_each(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """One sample per row of ``theta`` ``(n,)``, ``(n, d)`` float64, on its device; sampled as in :meth:`sample`."""
        root = (theta if self.steer else torch.ones_like(theta)).double().sqrt()
        a = self.tau.to(theta.device) * root
        mode = radial_mode(a, self.dim)
        top = (self.dim - 1) * torch.log(mode.clamp_min(1e-300)) + a * mode - mode * mode / 2
        radius = torch.empty_like(root)
        left = torch.arange(len(theta), device=theta.device)
        while len(left):
            offset = torch.randn(len(left), generator=generator, dtype=torch.float64, device=theta.device)
            uniform = torch.rand(len(left), generator=generator, dtype=torch.float64, device=theta.device)
            s = mode[left] + offset
            log_density = (self.dim - 1) * torch.log(s.clamp_min(1e-300)) + a[left] * s - s * s / 2
            taken = (s > 0) & (uniform.log() < log_density - top[left] + offset * offset / 2)
            radius[left[taken]] = s[taken]
            left = left[~taken]
        direction = torch.randn(len(theta), self.dim, generator=generator, dtype=torch.float64, device=theta.device)
        return (root * radius)[:, None] * direction / direction.norm(dim=-1, keepdim=True)

    def deviation(self) -> float:
        """Standard deviation along a coordinate at theta = 1, from a fixed sample."""
        return float(self.sample(100_000, 1.0, torch.Generator().manual_seed(0)).square().mean().sqrt())

    def outer_radius(self, theta: float) -> float:
        """A radius that encloses all but about 1e-7 of the mass at ``theta``."""
        theta = theta if self.steer else 1.0
        a = self.tau * math.sqrt(theta)
        return math.sqrt(theta) * (float(radial_mode(a, self.dim)) + 5.5)
