"""Networks of the densities: embeddings, the vector field, its averaged copy, and the noise of its loss."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Fourier(nn.Module):
    """A scalar, and its sines and cosines at the angular ``frequencies``: ``(n,)`` to ``(n, size)``."""

    frequencies: tuple[float, ...]
    size: int

    def forward(self, x: Tensor) -> Tensor:
        phase = x[:, None] * torch.tensor(self.frequencies, dtype=x.dtype, device=x.device)
        return torch.cat([x[:, None], torch.sin(phase), torch.cos(phase)], dim=1)


class TimeEmbedding(Fourier):
    """Fourier features of a time in [0, 1]."""

    frequencies = (math.pi, 2 * math.pi, 4 * math.pi, 8 * math.pi)
    size = 9


class TemperatureEmbedding(Fourier):
    """Fourier features of ln theta, with wavelengths of order one and longer.

    A change of ten per cent in theta changes each feature by at most 0.2.
    """

    frequencies = (0.5, 1.0, 2.0)
    size = 7

    def forward(self, theta: Tensor) -> Tensor:
        return super().forward(torch.log(theta))


class RandomEmbedding(nn.Module):
    """Gaussian random Fourier features of theta (Tancik et al., arXiv:2006.10739) as in the public D-SPIB code: sines and
    cosines of 2 pi w theta, w from N(0, 100^2), ``(n,)`` to ``(n, size)``.

    Frequencies of this scale hash temperature: features of temperatures a hundredth apart have nothing in common. The
    frequencies are the same for every seed of a training, and saved with the model.
    """

    size = 64

    def __init__(self):
        super().__init__()
        drawn = torch.randn(self.size // 2, generator=torch.Generator().manual_seed(0))
        self.register_buffer("frequencies", 100 * drawn)

    def forward(self, theta: Tensor) -> Tensor:
        phase = 2 * math.pi * theta[:, None] * self.frequencies
        return torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)


EMBEDDINGS = {"smooth": TemperatureEmbedding, "random": RandomEmbedding}


class FieldNetwork(nn.Module):
    """Residual MLP from R^d to R^d; embeddings of time and temperature are added before each activation.

    The last layer starts at zero, so that the network is at first no correction.

    Parameters
    ----------
    dim, width, layers: d, hidden units, hidden layers.
    temperature: name of the embedding of theta, a key of :data:`EMBEDDINGS`; None if theta is no input of the network.
    """

    def __init__(self, dim: int, width: int, layers: int, temperature: str | None):
        super().__init__()
        self.time_embedding = TimeEmbedding()
        self.time = nn.Linear(TimeEmbedding.size, width)
        self.temperature_embedding = EMBEDDINGS[temperature]() if temperature else None
        self.temperature = nn.Linear(self.temperature_embedding.size, width) if temperature else None
        self.first = nn.Linear(dim, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(layers - 1))
        self.context = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers))
        self.last = nn.Linear(width, dim)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, t: Tensor, theta: Tensor) -> Tensor:
        """``x`` ``(n, d)``, times ``t`` in [0, 1] and ``theta``, each ``(n,)`` or, where all are equal, ``(1,)``."""
        embedding = self.time(self.time_embedding(t))
        if self.temperature is not None:
            embedding = embedding + self.temperature(self.temperature_embedding(theta))
        embedding = F.silu(embedding)
        # Sampling is bound by memory bandwidth: without gradients, operate in place.
        inplace = not torch.is_grad_enabled()
        h = F.silu(_shifted(self.first, x, self.context[0](embedding)), inplace)
        for layer, context in zip(self.hidden, self.context[1:], strict=True):
            change = F.silu(_shifted(layer, h, context(embedding)), inplace)
            h = h.add_(change) if inplace else h + change
        return self.last(h)


def _shifted(layer: nn.Linear, x: Tensor, shift: Tensor) -> Tensor:
    """``layer(x) + shift``; a shift of a single row is added to the layer's bias."""
    if len(shift) == 1:
        return torch.addmm(shift[0] + layer.bias, x, layer.weight.T)
    return layer(x) + shift


class Averaged(nn.Module):
    """A module and the exponential moving average of its weights.

    ``raw`` is optimised. ``average`` is a copy whose weights are buffers: saved with the model, on its device, but not
    parameters. It follows at each :meth:`update`, faster at first, so that the initial weights are soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float):
        super().__init__()
        self.raw = module
        self.average = copy.deepcopy(module)
        for part in self.average.modules():
            for name, parameter in list(part.named_parameters(recurse=False)):
                delattr(part, name)
                part.register_buffer(name, parameter.detach().clone())
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self) -> None:
        """Update the average; called once after each optimiser step."""
        self.updates += 1
        k = int(self.updates)
        names = [name for name, _ in self.raw.named_parameters()]
        buffers, parameters = dict(self.average.named_buffers()), dict(self.raw.named_parameters())
        decay = min(self.decay, k / (10 + k))
        torch._foreach_lerp_([buffers[n] for n in names], [parameters[n] for n in names], 1 - decay)


class LossNoise(nn.Module):
    """Random generators for a loss with noise, seeded by the number of calls, which is saved with the model.

    So an interrupted training is resumed exactly. Without gradients, in evaluations, the noise is the same each time:
    held-out losses then differ by the model only.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))

    def generator(self, device: torch.device) -> torch.Generator:
        seed = 0
        if torch.is_grad_enabled():
            self.draws += 1
            seed = int(self.draws)
        return torch.Generator(device).manual_seed(seed)


def one_if_equal(theta: Tensor) -> Tensor:
    """``theta`` ``(n,)``, as ``(1,)`` if all are equal: one embedding is then enough for the batch."""
    return theta[:1] if len(theta) and bool((theta == theta[0]).all()) else theta
