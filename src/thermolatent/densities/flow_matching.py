"""Flow matching (Lipman et al., arXiv:2210.02747): an ODE from the temperature-steerable base to the data.

    dx/dt = v(x, t, T),   x(0) ~ r_T,   x(1) ~ p(.|T),        loss: E |v((1-t) u + t w, t, T) - (w - u)|^2

with w the whitened latent and u ~ r_T drawn independently of it, or coupled by optimal transport within a batch (Tong et
al., arXiv:2302.00482), which straightens the trajectories.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thermolatent.densities.base import Density, Whitening
from thermolatent.densities.networks import Averaged, FieldNetwork, LossNoise, one_if_equal
from thermolatent.densities.ode import integrate
from thermolatent.densities.schedules import stratified
from thermolatent.densities.specs import FlowMatchingSpec
from thermolatent.densities.tilted import TiltedGaussian

_CHUNK = 2048  # rows whose activations stay in a core's cache
_OT_ROWS = 128  # the assignment's cost grows with the cube


class FlowMatchingDensity(Density):
    """Flow-matching density on R^d, any d >= 1. Not differentiable but for :meth:`loss`.

    Parameters
    ----------
    spec: the study's parameters.
    dim: d.
    temperature: subset of {"steer", "condition"}: the base r_T, and a network that sees theta.
    theta_range: not needed.
    """

    by_ode = True

    def __init__(self, spec: FlowMatchingSpec, dim: int, temperature: list[str], theta_range: tuple[float, float]):
        super().__init__()
        self.dim, self.spec = dim, spec
        self.steer = "steer" in temperature
        self.base = TiltedGaussian(dim, spec.tau if spec.base == "tilted" else 0.0)
        self.whitening = Whitening(dim)
        self.network = Averaged(FieldNetwork(dim, spec.width, spec.layers, "condition" in temperature), spec.ema)
        self.noise = LossNoise()

    def fit_scale(self, z: Tensor) -> None:
        """Whiten ``z`` to the base's own spread, so that trajectories are short."""
        sample = self.base.sample(100_000, 1.0, torch.Generator().manual_seed(0))
        self.whitening.fit(z, scale=float(sample.square().mean().sqrt()))

    def after_step(self) -> None:
        self.network.update()

    def velocity(self, x: Tensor, t: Tensor, theta: Tensor, network: torch.nn.Module) -> Tensor:
        """v(x, t, T) ``(n, d)``; times and temperatures ``(n,)`` or ``(1,)``."""
        return network(x, t, theta)

    def loss(self, z: Tensor, theta: Tensor) -> Tensor:
        """Mean over coordinates of the squared error of the velocity, with the raw weights; no likelihood.

        Its least value is not zero but the conditional variance of w - u, so it compares states of one model only.
        """
        generator = self.noise.generator(z.device)
        w = self.whitening(z)
        u = self.base.sample_each(self._base_theta(theta), generator).to(w.dtype)
        if self.spec.coupling == "ot":
            u = u[optimal_pairing(u, w, theta)]
        t = stratified(len(w), generator).to(w.dtype)
        x = torch.lerp(u, w, t[:, None])
        return (self.velocity(x, t, theta, self.network.raw) - (w - u)).square().mean()

    @torch.no_grad()
    def log_prob(self, z: Tensor, theta: Tensor) -> Tensor:
        w = self.whitening(z)
        parts = [self._log_prob(*part) for part in zip(w.split(_CHUNK), theta.split(_CHUNK), strict=True)]
        return torch.cat(parts) + self.whitening.log_det

    def _log_prob(self, w: Tensor, theta: Tensor) -> Tensor:
        u, change = integrate(self._field(theta), w, 1.0, 0.0, self.spec.tolerance, divergence=True)
        return self.base.log_prob(u, self._base_theta(theta)) + change

    @torch.no_grad()
    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        like = self.whitening.mean
        at = torch.full((1,), theta, dtype=like.dtype, device=like.device)
        parts = self.sample_base(n, theta, generator).to(like).split(_CHUNK)
        ends = [integrate(self._field(at), part, 0.0, 1.0, self.spec.tolerance)[0] for part in parts]
        return self.whitening.inverse(torch.cat(ends))

    @torch.no_grad()
    def sample_with_log_prob(self, n: int, theta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        like = self.whitening.mean
        at = torch.full((1,), theta, dtype=like.dtype, device=like.device)
        ends, log_p = [], []
        for u in self.sample_base(n, theta, generator).to(like).split(_CHUNK):
            w, change = integrate(self._field(at), u, 0.0, 1.0, self.spec.tolerance, divergence=True)
            ends.append(w)
            log_p.append(self.base.log_prob(u, self._base_theta(at).expand(len(u))) - change)
        return self.whitening.inverse(torch.cat(ends)), torch.cat(log_p) + self.whitening.log_det

    def sample_base(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Samples ``(n, d)`` of the base density at theta, float64."""
        return self.base.sample(n, theta if self.steer else 1.0, generator)

    def _base_theta(self, theta: Tensor) -> Tensor:
        return theta if self.steer else torch.ones_like(theta)

    def _field(self, theta: Tensor):
        theta = one_if_equal(theta)

        def field(x: Tensor, t: float) -> Tensor:
            return self.velocity(x, torch.full((1,), t, dtype=x.dtype, device=x.device), theta, self.network.average)

        return field


def optimal_pairing(u: Tensor, w: Tensor, theta: Tensor) -> Tensor:
    """A permutation ``p`` ``(n,)`` that makes sum |u[p] - w|^2 least among rows of the same temperature, 128 at a time.

    Rows of different temperatures never exchange their base points: hot data would attract outer points, and p(u|T) would
    no longer be r_T. Where every row has a temperature of its own this is the independent coupling, which is always right.
    """
    from scipy.optimize import linear_sum_assignment

    order = torch.argsort(theta, stable=True)
    sizes = torch.unique_consecutive(theta[order], return_counts=True)[1].tolist()
    pairing = torch.arange(len(u))
    for group in order.split(sizes):
        for rows in group.split(_OT_ROWS):
            if len(rows) > 1:
                cost = torch.cdist(w[rows].detach(), u[rows]).square().cpu().numpy()
                chosen = linear_sum_assignment(np.asarray(cost, np.float64))[1]
                pairing[rows.cpu()] = rows.cpu()[torch.from_numpy(chosen)]
    return pairing.to(u.device)
