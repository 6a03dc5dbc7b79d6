"""SPIB's own prior as a density: a mixture of the encoder's posteriors at one real frame per state. It knows no temperature."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from thermolatent.densities.base import Density
from thermolatent.densities.specs import VampPriorSpec
from thermolatent.densities.vampprior import vampprior_log_prob


class VampPriorDensity(Density):
    """r(z) = sum_k w_k q(z|x_k), the same at every temperature.

    Means and sigmas are those of the representation (:meth:`from_representation`) and stay; the weights start as SPIB's and
    go on being fitted to the same E[-ln r].

    Parameters
    ----------
    spec: nothing to set.
    dim: d.
    temperature, theta_range: ignored.
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
        """Nothing: the mixture lives in z itself."""

    def log_prob(self, z: Tensor, theta: Tensor) -> Tensor:
        return vampprior_log_prob(z, self.means, self.log_sigma, self.logits)

    @torch.no_grad()
    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Exact: a component by its weight, then its Gaussian. ``theta`` changes nothing."""
        device = generator.device
        weights = torch.softmax(self.logits.double(), 0).to(device)
        component = torch.multinomial(weights, n, replacement=True, generator=generator).to(self.means.device)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64, device=device).to(self.means)
        return self.means[component] + self.log_sigma[component].exp() * noise

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        # The number of states is the file's, not known when the density is built.
        if prefix + "means" in state:
            old = self.means
            self._hold(*(state[prefix + name].to(old) for name in ("means", "log_sigma", "logits")))
        super()._load_from_state_dict(state, prefix, *rest)
