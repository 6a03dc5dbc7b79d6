"""State Predictive Information Bottleneck (Wang & Tiwary 2021; the representation of LaTF, arXiv:2507.03174, Eq. 1).

    L = E[ -ln p(y|z) ]  +  beta_ib E[ ln q(z|x) - ln r(z|T) ],        z ~ q(z|x) = N(mu(x), sigma^2)

with ``y`` the state one lag later. The prior ``r`` is a VampPrior here, or any density model. Both the encoder's entropy
and every normaliser are kept: without them the loss is unbounded below (shrink z and sigma together).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

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


class Spib(nn.Module):
    """Encoder, decoder and VampPrior, with the scaler of its inputs.

    Parameters
    ----------
    n_features, latent_dim, n_states: sizes; any latent_dim >= 1.
    encoder: "linear" or "mlp" (two ReLU layers of ``encoder_width``).
    variance: "global" (one trainable sigma) or "input" (a linear function of the features gives ln sigma).
    components: the encoder sees so many linear combinations of the features (``projection``); None: the features themselves.
    """

    def __init__(
        self,
        n_features: int,
        latent_dim: int,
        n_states: int,
        encoder: str = "linear",
        variance: str = "global",
        encoder_width: int = 32,
        decoder_width: int = 16,
        components: int | None = None,
    ):
        super().__init__()
        self.spec: dict[str, Any] = {
            "n_features": n_features,
            "latent_dim": latent_dim,
            "n_states": n_states,
            "encoder": encoder,
            "variance": variance,
            "encoder_width": encoder_width,
            "decoder_width": decoder_width,
            "components": components,
        }
        inputs = components or n_features
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_std", torch.ones(n_features))
        self.register_buffer("projection", torch.zeros(n_features, components) if components else None)
        if encoder == "linear":
            self.encoder: nn.Module = nn.Linear(inputs, latent_dim)
        else:
            self.encoder = nn.Sequential(
                nn.Linear(inputs, encoder_width),
                nn.ReLU(),
                nn.Linear(encoder_width, encoder_width),
                nn.ReLU(),
                nn.Linear(encoder_width, latent_dim),
            )
        if variance == "global":
            self.log_sigma: nn.Parameter | nn.Module = nn.Parameter(torch.full((1,), math.log(0.1)))
        else:
            self.log_sigma = nn.Linear(inputs, latent_dim)
            nn.init.zeros_(self.log_sigma.weight)
            nn.init.constant_(self.log_sigma.bias, math.log(0.1))
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, decoder_width),
            nn.ReLU(),
            nn.Linear(decoder_width, decoder_width),
            nn.ReLU(),
            nn.Linear(decoder_width, n_states),
        )
        self.register_buffer("representatives", torch.zeros(n_states, inputs))
        self.prior_logits = nn.Parameter(torch.zeros(n_states))

    @property
    def n_states(self) -> int:
        return self.spec["n_states"]

    @property
    def latent_dim(self) -> int:
        return self.spec["latent_dim"]

    def standardise(self, features: Tensor) -> Tensor:
        """Features as measured to the encoder's input ``x``."""
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
        beta_ib: with a density, the factor by which the *encoder* feels the gradient of ``neg_log_r``; the density feels
            it whole. At beta_ib = 1e-4 its share of the total loss would drown in the cross-entropy's noise. The
            value of each term does not depend on it.
        """
        mean, log_sigma = self.posterior(x)
        z = torch.addcmul(mean, log_sigma.exp().expand_as(mean), noise)
        cross_entropy = F.cross_entropy(self.decoder(z), y)
        # E[ln q(z|x)] is minus a Gaussian's entropy: exact, no need to sample it.
        d = mean.shape[1]
        log_q = -d * log_sigma.mean() - d / 2 * (1 + math.log(2 * math.pi))
        if density is None:
            return Terms(cross_entropy, log_q, -self.log_vampprior(z).mean())
        return Terms(cross_entropy, log_q, density.loss(_ScaleGradient.apply(z, beta_ib), theta))

    def with_states(self, keep: Tensor) -> Spib:
        """A copy whose states are ``keep`` (indices), in that order: rows of decoder, prior and representatives."""
        keep = keep.to(self.prior_logits.device)
        other = Spib(**{**self.spec, "n_states": len(keep)}).to(self.prior_logits.device)
        rows = {"decoder.4.weight", "decoder.4.bias", "prior_logits", "representatives"}
        other.load_state_dict({k: v[keep] if k in rows else v for k, v in self.state_dict().items()})
        return other


class _ScaleGradient(torch.autograd.Function):
    """The identity forwards; gradients are multiplied by ``factor`` on the way back."""

    @staticmethod
    def forward(ctx, z: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return z.view_as(z)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None
