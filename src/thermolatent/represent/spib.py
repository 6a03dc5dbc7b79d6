"""State Predictive Information Bottleneck (Wang & Tiwary 2021; the representation of LaTF, arXiv:2507.03174, Eq. 1).

    L = E[ -ln p(y|z) ]  +  beta_ib E[ ln q(z|x) - ln r(z|T) ],        z ~ q(z|x) = N(mu(x), sigma^2)

with ``y`` the state one lag later. The prior ``r`` is SPIB's VampPrior or a density model. The loss includes the encoder's
entropy and all normalisers; without them it is unbounded below (z and sigma shrink together).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from thermolatent.densities.base import Density
from thermolatent.densities.vampprior import vampprior_log_prob


class Terms(NamedTuple):
    """The objective's parts, each a mean over the batch in nats."""

    cross_entropy: Tensor  # E[-ln p(y|z)]
    log_q: Tensor  # E[ln q(z|x)], minus the encoder's entropy
    neg_log_r: Tensor  # E[-ln r(z|T)], the prior's cross-entropy


@dataclass(frozen=True)
class SpibSpec:
    """Architecture of a :class:`Spib`, saved with its weights.

    Attributes
    ----------
    n_features, latent_dim, n_states: sizes, each at least 1.
    encoder: "linear" or "mlp" (two ReLU layers of ``encoder_width``).
    variance: "global" (one trainable sigma) or "input" (ln sigma is a linear function of the features).
    components: number of linear combinations of the features (``projection``) that are the encoder's input; None: the
        features are.
    """

    n_features: int
    latent_dim: int
    n_states: int
    encoder: str = "linear"
    variance: str = "global"
    encoder_width: int = 32
    decoder_width: int = 16
    components: int | None = None


class Spib(nn.Module):
    """Encoder, decoder and VampPrior, with the scaler of its inputs."""

    def __init__(self, spec: SpibSpec):
        super().__init__()
        self.spec, self.latent_dim, self.n_states = spec, spec.latent_dim, spec.n_states
        inputs = spec.components or spec.n_features
        self.register_buffer("feature_mean", torch.zeros(spec.n_features))
        self.register_buffer("feature_std", torch.ones(spec.n_features))
        projection = torch.zeros(spec.n_features, spec.components) if spec.components else None
        self.register_buffer("projection", projection)
        linear = spec.encoder == "linear"
        self.encoder = (
            nn.Linear(inputs, spec.latent_dim) if linear else _mlp(inputs, spec.encoder_width, spec.latent_dim)
        )
        if spec.variance == "global":
            self.log_sigma: nn.Parameter | nn.Module = nn.Parameter(torch.full((1,), math.log(0.1)))
        else:
            self.log_sigma = nn.Linear(inputs, spec.latent_dim)
            nn.init.zeros_(self.log_sigma.weight)
            nn.init.constant_(self.log_sigma.bias, math.log(0.1))
        self.decoder = _mlp(spec.latent_dim, spec.decoder_width, spec.n_states)
        self.register_buffer("representatives", torch.zeros(spec.n_states, inputs))
        self.prior_logits = nn.Parameter(torch.zeros(spec.n_states))

    def standardise(self, features: Tensor) -> Tensor:
        """The encoder's input ``x`` from features in their own unit."""
        x = (features - self.feature_mean).div_(self.feature_std)
        return x if self.projection is None else x @ self.projection

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``(n, d)`` and ln sigma (broadcastable to it) of q(z|x) for inputs ``x`` of the encoder."""
        log_sigma = self.log_sigma(x) if isinstance(self.log_sigma, nn.Module) else self.log_sigma
        return self.encoder(x), log_sigma

    def log_vampprior(self, z: Tensor) -> Tensor:
        """ln r(z) of SPIB's own prior, ``(n,)``."""
        means, log_sigma = self.posterior(self.representatives)
        return vampprior_log_prob(z, means, log_sigma.expand_as(means), self.prior_logits)

    def terms(
        self,
        x: Tensor,
        y: Tensor,
        noise: Tensor,
        density: Density | None = None,
        theta: Tensor | None = None,
        beta_ib: float = 1.0,
    ) -> Terms:
        """The objective's parts for a batch.

        Parameters
        ----------
        x, y: inputs of the encoder ``(n, n_features or components)`` and labels one lag later ``(n,)``.
        noise: standard normal ``(n, d)``; z = mu + sigma * noise.
        density, theta: the prior r(z|T) and its temperatures ``(n,)``; None means SPIB's own VampPrior.
        beta_ib: with a density, factor on the gradient of ``neg_log_r`` by the *encoder*; the density gets the full
            gradient, which at beta_ib = 1e-4 would be lost in the noise of the cross-entropy. The values of the terms do
            not depend on it.
        """
        mean, log_sigma = self.posterior(x)
        z = torch.addcmul(mean, log_sigma.exp().expand_as(mean), noise)
        cross_entropy = F.cross_entropy(self.decoder(z), y)
        # E[ln q(z|x)] is minus the entropy of a Gaussian, known exactly.
        d = mean.shape[1]
        log_q = -d * log_sigma.mean() - d / 2 * (1 + math.log(2 * math.pi))
        if density is None:
            return Terms(cross_entropy, log_q, -self.log_vampprior(z).mean())
        return Terms(cross_entropy, log_q, density.loss(_ScaleGradient.apply(z, beta_ib), theta))

    def with_states(self, keep: Tensor) -> Spib:
        """A copy whose states are ``keep`` (indices), in that order: rows of decoder, prior and representatives."""
        keep = keep.to(self.prior_logits.device)
        other = Spib(replace(self.spec, n_states=len(keep))).to(self.prior_logits.device)
        rows = {"decoder.4.weight", "decoder.4.bias", "prior_logits", "representatives"}
        other.load_state_dict({k: v[keep] if k in rows else v for k, v in self.state_dict().items()})
        return other


def _mlp(n_in: int, width: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, n_out))


class _ScaleGradient(torch.autograd.Function):
    """The identity; its gradient is multiplied by ``factor``."""

    @staticmethod
    def forward(ctx, z: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return z.view_as(z)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None
