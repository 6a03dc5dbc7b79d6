"""VampPrior: a mixture of the encoder's own posteriors at representative frames (SPIB's prior; no temperature).

r(z) = sum_k w_k q(z|x_k),        w = softmax(free logits).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Components this many nats below the largest count as this far below: their share, 1e-35, is lost in rounding anyway,
#: and exponentials that underflow to denormals are ten times slower than others.
_FLOOR = 80.0


def vampprior_log_prob(z: Tensor, means: Tensor, log_sigma: Tensor, logits: Tensor) -> Tensor:
    """ln r(z), ``(n,)``, for ``z`` ``(n, d)``, component means and log-sigmas ``(K, d)`` and free logits ``(K,)``.

    By logsumexp: adding 1e-10 inside a logarithm instead would floor the density at e^-23 and kill its gradient. The
    squares are expanded, so that all components cost one matrix product; centring keeps the cancellation small.
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
    """ln sum_k exp(x_k) over the rows of ``(n, K)``, ``(n,)``: half the passes of the generic one, which dominated a step."""

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
