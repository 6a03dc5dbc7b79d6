"""VampPrior: a mixture of the encoder's own posteriors at representative frames (SPIB's prior; no temperature).

r(z) = sum_k w_k q(z|x_k),        w = softmax(free logits).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def vampprior_log_prob(z: Tensor, means: Tensor, log_sigma: Tensor, logits: Tensor) -> Tensor:
    """ln r(z), ``(n,)``, for ``z`` ``(n, d)``, component means and log-sigmas ``(K, d)`` and free logits ``(K,)``.

    By logsumexp: adding 1e-10 inside a logarithm instead would floor the density at e^-23 and kill its gradient.
    """
    scaled = (z[:, None, :] - means) * torch.exp(-log_sigma)
    constant = -log_sigma.sum(-1) - means.shape[1] / 2 * math.log(2 * math.pi)
    return torch.logsumexp(torch.log_softmax(logits, 0) + constant - scaled.square().sum(-1) / 2, dim=1)
