"""Flow matching (Lipman et al., arXiv:2210.02747): an ODE from the temperature-steerable base to the data.

    dx/dt = v(x, t, T),   x(0) ~ r_T,   x(1) ~ p(.|T),        loss: E |v((1-t) u + t w, t, T) - (w - u)|^2

with w the whitened latent and u ~ r_T drawn independently, or coupled by optimal transport within a batch (Tong et al.,
arXiv:2302.00482), which straightens the trajectories.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thermolatent.densities.field import FieldDensity
from thermolatent.densities.networks import one_if_equal
from thermolatent.densities.ode import integrate
from thermolatent.densities.schedules import stratified
from thermolatent.densities.specs import FlowMatchingSpec
from thermolatent.densities.tilted import TiltedGaussian

_OT_ROWS = 128  # the cost of the assignment is cubic in it
_SHARE_ROWS = 64 * _OT_ROWS


class FlowMatchingDensity(FieldDensity):
    """Flow-matching density; parameters as in :class:`FieldDensity`. If steered, the base is r_T."""

    def __init__(self, spec: FlowMatchingSpec, dim: int, temperature: list[str], theta_range: tuple[float, float]):
        super().__init__(spec, dim, temperature, theta_range)
        self.base = TiltedGaussian(dim, spec.tau if spec.base == "tilted" else 0.0, self.steer)
        # 1 minus the correlation of u and w. Saved with the weights, which depend on it.
        self.register_buffer("gaussian_share", torch.ones(()))

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        state_dict.setdefault(f"{prefix}gaussian_share", torch.tensor(0.0))  # of a file from before it was added
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def fit_scale(self, z: Tensor) -> None:
        """Whiten ``z`` to the standard deviation of the base, so that trajectories are short; and measure how far an optimal
        coupling correlates both ends: within a batch hardly, in many dimensions."""
        self.whitening.fit(z, self.base.deviation())
        if self.spec.coupling == "ot":
            w = self.whitening(z[:: -(-len(z) // _SHARE_ROWS)])
            generator = torch.Generator(w.device).manual_seed(0)
            theta = torch.ones(len(w), dtype=w.dtype, device=w.device)
            u = self.base.sample_each(theta, generator).to(w.dtype)
            covariance = (w * u[optimal_pairing(u, w, theta)]).mean()
            self.gaussian_share.copy_(1 - covariance / (w.square().mean() * u.square().mean()).sqrt())

    def velocity(self, x: Tensor, t: Tensor, theta: Tensor, network: torch.nn.Module) -> Tensor:
        """v(x, t, T) ``(n, d)``; times and temperatures ``(n,)`` or ``(1,)``.

        The network is a correction to the velocity between two Gaussians of equal width and correlation 1 - s,
        E[w - u | x] = x s (2t - 1) / (1 - 2 s t (1-t)): along most of many dimensions that is exact, and a small network is
        slow to learn it.
        """
        gaussian = self.gaussian_share * (2 * t - 1) / (1 - 2 * self.gaussian_share * t * (1 - t))
        return gaussian[:, None] * x + network(x, t, theta)

    def loss(self, z: Tensor, theta: Tensor) -> Tensor:
        """Mean over coordinates of the squared error of the velocity, with the raw weights; not a likelihood.

        Its minimum is the conditional variance of w - u, so it compares states of one model only.
        """
        generator = self.noise.generator(z.device)
        w = self.whitening(z)
        u = self.base.sample_each(theta, generator).to(w.dtype)
        if self.spec.coupling == "ot":
            u = u[optimal_pairing(u, w, theta)]
        t = stratified(len(w), generator).to(w.dtype)
        x = torch.lerp(u, w, t[:, None])
        return (self.velocity(x, t, theta, self.network.raw) - (w - u)).square().mean()

    def sample_base(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        return self.base.sample(n, theta, generator)

    def _to_data(self, u: Tensor, theta: Tensor, divergence: bool = False) -> tuple[Tensor, Tensor]:
        return integrate(self._field(theta), u, 0.0, 1.0, self.spec.tolerance, divergence)

    def _to_base(self, w: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return integrate(self._field(theta), w, 1.0, 0.0, self.spec.tolerance, divergence=True)

    def _log_prob_at_base(self, u: Tensor, change: Tensor, theta: Tensor) -> Tensor:
        return self.base.log_prob(u, theta.expand(len(u))) + change

    def _field(self, theta: Tensor):
        theta = one_if_equal(theta)

        def field(x: Tensor, t: float) -> Tensor:
            return self.velocity(x, torch.full((1,), t, dtype=x.dtype, device=x.device), theta, self.network.average)

        return field


def optimal_pairing(u: Tensor, w: Tensor, theta: Tensor) -> Tensor:
    """A permutation ``p`` ``(n,)`` that minimises sum |u[p] - w|^2 among rows of the same temperature, 128 at a time.

    Rows of different temperatures never exchange base points: hot data would attract outer points, and p(u|T) would not be
    r_T. Where every row has a different temperature this is the independent coupling, which is always correct.
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
