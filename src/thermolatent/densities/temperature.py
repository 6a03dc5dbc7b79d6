"""How temperature enters a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TemperatureEmbedding(nn.Module):
    """Smooth features of ln theta: itself, and sines and cosines whose wavelengths are of order one and longer.

    Random high frequencies (scale 100 in the public D-SPIB code) hash temperature: neighbours share nothing and
    nothing can be interpolated. Here a step of ten per cent moves no feature by more than 0.2.
    """

    #: angular frequencies in ln theta
    frequencies = (0.5, 1.0, 2.0)
    size = 1 + 2 * len(frequencies)

    def forward(self, theta: Tensor) -> Tensor:
        """``theta`` ``(n,)`` to ``(n, size)``."""
        log_theta = torch.log(theta)[:, None]
        phase = log_theta * torch.tensor(self.frequencies, dtype=theta.dtype, device=theta.device)
        return torch.cat([log_theta, torch.sin(phase), torch.cos(phase)], dim=1)
