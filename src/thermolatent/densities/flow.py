"""Normalizing flow onto a temperature-steerable base: the density of LaTF (arXiv:2507.03174).

    ln p(z|T) = ln r_T(f(z)) + ln |det df/dz|,        f = couplings, or autoregressive layers, after a saved whitening.

Temperature enters the base density ("steer", the paper), the layers' context ("condition"), or both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thermolatent.densities.autoregressive import AutoregressiveSpline
from thermolatent.densities.base import Density, Whitening
from thermolatent.densities.couplings import AffineCoupling, SplineCoupling
from thermolatent.densities.networks import TemperatureEmbedding
from thermolatent.densities.specs import FlowSpec
from thermolatent.densities.tilted import TiltedGaussian


class FlowDensity(Density):
    """Flow density on R^d.

    Parameters
    ----------
    spec: the study's parameters.
    dim: d >= 1 (realnvp needs 2).
    temperature: subset of {"steer", "condition"}.
    theta_range: lowest and highest theta of the learning range; a spline's box must hold the base at the hottest.
    """

    def __init__(self, spec: FlowSpec, dim: int, temperature: list[str], theta_range: tuple[float, float]):
        super().__init__()
        if dim == 1 and spec.transform == "realnvp":
            raise ValueError("a realnvp coupling needs d >= 2; use transform: spline")
        self.dim = dim
        self.base = TiltedGaussian(dim, spec.tau if spec.base == "tilted" else 0.0, "steer" in temperature)
        self.whitening = Whitening(dim)
        self.embedding = TemperatureEmbedding() if "condition" in temperature else None
        n_context = TemperatureEmbedding.size if self.embedding is not None else 0
        box = self.base.outer_radius(theta_range[1])
        # Even and odd coordinates are transformed in turn; one alone, and those of an autoregressive layer, together.
        self.halves = dim > 1 and spec.transform != "autoregressive"
        self.n_first = (dim + 1) // 2 if self.halves else 0
        sizes = [(self.n_first, dim - self.n_first), (dim - self.n_first, self.n_first)] if self.halves else [(0, dim)]
        layers = []
        for i in range(spec.couplings):
            n_resting, n_moving = sizes[i % len(sizes)]
            if spec.transform == "realnvp":
                layers.append(AffineCoupling(n_resting, n_moving, n_context, spec.width))
            elif spec.transform == "spline" or dim == 1:
                layers.append(SplineCoupling(n_resting, n_moving, n_context, spec.width, spec.bins, box))
            else:
                layers.append(AutoregressiveSpline(dim, n_context, spec.width, spec.bins, box, backwards=i % 2 == 1))
        self.couplings = nn.ModuleList(layers)
        order = [*range(0, dim, 2), *range(1, dim, 2)]
        self.register_buffer("order", torch.tensor(order))
        self.register_buffer("order_back", torch.tensor(order).argsort())

    def fit_scale(self, z: Tensor) -> None:
        """Whiten ``z`` to the standard deviation of the base, so that the couplings start near the identity."""
        self.whitening.fit(z, self.base.deviation())

    def transform(self, z: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """u = f(z) ``(n, d)`` and ln|det df/dz| ``(n,)``."""
        context = self.embedding(theta) if self.embedding is not None else None
        w = self.whitening(z)
        log_det = self.whitening.log_det.to(z.dtype).expand(len(z))
        resting, moving = self._split(w)
        for coupling in self.couplings:
            moved, change = coupling(resting, moving, context)
            log_det = log_det + change
            resting, moving = (moved, resting) if self.halves else (resting, moved)
        return self._join(resting, moving), log_det

    def invert(self, u: Tensor, theta: Tensor) -> Tensor:
        """z = f^-1(u)."""
        context = self.embedding(theta) if self.embedding is not None else None
        resting, moving = self._unjoin(u)
        for coupling in reversed(self.couplings):
            if self.halves:
                resting, moving = moving, resting
            moving = coupling.inverse(resting, moving, context)
        return self.whitening.inverse(torch.cat([resting, moving], dim=1)[:, self.order_back])

    def log_prob(self, z: Tensor, theta: Tensor) -> Tensor:
        u, log_det = self.transform(z, theta)
        return self.base.log_prob(u, theta) + log_det

    def sample(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        u = self.sample_base(n, theta, generator)
        dtype = self.whitening.mean.dtype
        with torch.no_grad():
            parts = u.to(dtype).split(65536)
            return torch.cat(
                [self.invert(p, torch.full((len(p),), theta, dtype=dtype, device=p.device)) for p in parts]
            )

    def sample_base(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Samples ``(n, d)`` of the base density at theta, float64."""
        return self.base.sample(n, theta, generator)

    def _split(self, w: Tensor) -> tuple[Tensor, Tensor]:
        w = w[:, self.order]
        return w[:, : self.n_first], w[:, self.n_first :]

    def _join(self, resting: Tensor, moving: Tensor) -> Tensor:
        # An odd number of couplings exchanges the halves.
        pair = (moving, resting) if self.halves and len(self.couplings) % 2 else (resting, moving)
        return torch.cat(pair, dim=1)[:, self.order_back]

    def _unjoin(self, u: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self._split(u)
        return (second, first) if self.halves and len(self.couplings) % 2 else (first, second)
