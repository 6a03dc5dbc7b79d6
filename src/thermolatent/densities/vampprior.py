"""VampPrior: SPIB's own prior, a mixture of the encoder's posteriors at one representative frame per state.

r(z) = sum_k w_k q(z|x_k),        w = softmax(free logits).        It does not depend on temperature.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from thermolatent.densities.base import Density
from thermolatent.densities.specs import VampPriorSpec

#: Components are at most this many nats below the largest one: a share of 1e-35 is lost in rounding, and exponentials that
#: underflow to denormals are ten times slower.
_FLOOR = 80.0


def vampprior_log_prob(z: Tensor, means: Tensor, log_sigma: Tensor, logits: Tensor) -> Tensor:
    """ln r(z), ``(n,)``, for ``z`` ``(n, d)``, component means and log-sigmas ``(K, d)`` and free logits ``(K,)``.

    By logsumexp: adding 1e-10 inside a logarithm instead would bound the density at e^-23, without a gradient. The squares
    are expanded, so that all components take one matrix product; centring keeps the cancellation small.
    """
    precision = torch.exp(-2 * log_sigma)
    centre = means.detach().mean(0)
    z, means = z - centre, means - centre
    constant = (
        torch.log_softmax(logits, 0)
        - log_sigma.sum(1)
        - (means * means * precision).sum(1) / 2
        - means.shape[1] / 2 * math.log(2 * math.pi)
    )
    table = torch.cat([precision / -2, means * precision], dim=1)
    components = torch.addmm(constant, torch.cat([z * z, z], dim=1), table.T)
    return _LogSumExp.apply(components)


class _LogSumExp(torch.autograd.Function):
    """ln sum_k exp(x_k) over the rows of ``(n, K)``, ``(n,)``, with half the memory passes of torch.logsumexp."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        largest = x.amax(1, keepdim=True)
        shares = (x - largest).clamp_min_(-_FLOOR).exp_()
        total = shares.sum(1, keepdim=True)
        ctx.save_for_backward(shares.div_(total))
        return (largest + total.log()).squeeze(1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient[:, None] * ctx.saved_tensors[0]


class VampPriorDensity(Density):
    """The VampPrior as a density, the same at every temperature.

    Means and sigmas are those of the representation (:meth:`from_representation`) and fixed; the weights start as SPIB's
    and are trained further.

    Parameters
    ----------
    spec: without parameters.
    dim: d.
    temperature, theta_range: not used.
    """

    def __init__(self, spec: VampPriorSpec, dim: int, temperature: list[str], theta_range: tuple[float, float]):
        super().__init__()
        self.dim = dim
        self._hold(torch.zeros(1, dim), torch.zeros(1, dim), torch.zeros(1))

    def _hold(self, means: Tensor, log_sigma: Tensor, logits: Tensor) -> None:
        self.register_buffer("means", means.detach().clone())
        self.register_buffer("log_sigma", log_sigma.detach().clone())
        self.logits = nn.Parameter(logits.detach().clone())

    def from_representation(self, spib: Any) -> None:
        means, log_sigma = spib.posterior(spib.representatives)
        self._hold(means, log_sigma.expand_as(means), spib.prior_logits)

    def fit_scale(self, z: Tensor) -> None:
        """No whitening: the mixture is defined in z."""

    def log_prob(self, z: Tensor, theta: Tensor) -> Tensor:
        return vampprior_log_prob(z, self.means, self.log_sigma, self.logits)

    @torch.no_grad()
    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Exact samples: a component by its weight, then its Gaussian."""
        device = generator.device
        weights = torch.softmax(self.logits.double(), 0).to(device)
        component = torch.multinomial(weights, n, replacement=True, generator=generator).to(self.means.device)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64, device=device).to(self.means)
        return self.means[component] + self.log_sigma[component].exp() * noise

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        # The number of states is known only from the file.
        if prefix + "means" in state:
            old = self.means
            self._hold(*(state[prefix + name].to(old) for name in ("means", "log_sigma", "logits")))
        super()._load_from_state_dict(state, prefix, *rest)
