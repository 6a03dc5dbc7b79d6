"""Diffusion density: the prior of D-SPIB (arXiv:2510.09784) as a score model (Song et al., arXiv:2011.13456).

    dz = -beta(t) z dt / 2 + s sqrt(beta(t)) dW,        z_t = alpha z_0 + s sigma eps,        alpha^2 + sigma^2 = 1,

on whitened z, with s = theta^exponent, so that the base is N(0, s^2 I). The network predicts the noise eps; the score is
-eps_hat / (s sigma). The same s is in the score, the reverse drift, the ODE and the initial noise of a sampler.

With x = z_t / alpha and S = s sigma / alpha the probability-flow ODE is dx / dS = eps_hat for every schedule. It is
integrated in y = x / sqrt(v + S^2), which is constant for Gaussian data of variance v, over ell = ln(sigma / alpha).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thermolatent.densities.base import Density
from thermolatent.densities.field import FieldDensity
from thermolatent.densities.networks import one_if_equal
from thermolatent.densities.ode import integrate
from thermolatent.densities.schedules import DiscreteSchedule, LinearSchedule, alpha_sigma, level_time, log_variance
from thermolatent.densities.specs import DiffusionSpec

#: Variance, in whitened units, of the narrowest features that do not need a large network output.
_SHARP = 0.1


class DiffusionDensity(FieldDensity):
    """Diffusion density; parameters as in :class:`FieldDensity`. If steered, the base is scaled by s(theta).

    It models z at the schedule's lowest noise, a thousandth (``linear``) or a hundredth (``discrete``) of the whitened
    data's standard deviation times s. Samples of the ODE follow ``log_prob`` exactly, ancestral ones approximately.
    """

    def __init__(self, spec: DiffusionSpec, dim: int, temperature: list[str], theta_range: tuple[float, float]):
        super().__init__(spec, dim, temperature, theta_range)
        self.schedule = DiscreteSchedule() if spec.schedule == "discrete" else LinearSchedule(spec.steps)

    def fit_scale(self, z: Tensor) -> None:
        self.whitening.fit(z)

    def scale(self, theta: Tensor) -> Tensor:
        """s(theta), of its shape."""
        return theta**self.spec.exponent if self.steer else torch.ones_like(theta)

    def predict_noise(self, z: Tensor, ell: Tensor, theta: Tensor, network: torch.nn.Module) -> Tensor:
        """eps_hat ``(n, d)`` for ``z`` ``(n, d)`` at levels ``ell`` and temperatures ``theta``, ``(n,)`` or ``(1,)``.

        The exact noise for a Gaussian of variance v plus a correction by the network. At low noise the correction is a score
        that falls like 1/theta when steered, as in a Boltzmann distribution; at high noise it vanishes with alpha.
        """
        alpha, sigma = alpha_sigma(ell)
        s, v = self.scale(theta), self._variance(theta)
        noise = s * sigma
        gaussian = noise / (v * alpha**2 + noise**2)
        weight = noise * alpha / (v * _SHARP**0.5 * alpha**2 + noise**2)
        field = network(z, level_time(ell, self.schedule.low, self.schedule.high), theta)
        return gaussian[:, None] * z + weight[:, None] * field

    def loss(self, z: Tensor, theta: Tensor) -> Tensor:
        """``weighting: likelihood``: an unbiased estimate of a bound, E[-ln p(z|T)] <= loss, equal for the exact score.

        ``weighting: paper``: the mean squared error of eps_hat, uniform in time, which is not a likelihood. Both use the raw
        weights. Levels are stratified over the batch.
        """
        generator = self.noise.generator(z.device)
        likelihood = self.spec.weighting == "likelihood"
        w = self.whitening(z)
        ell = self.schedule.draw(len(w), likelihood, generator).to(w.dtype)
        eps = torch.randn(w.shape, generator=generator, device=w.device, dtype=w.dtype)
        alpha, sigma = alpha_sigma(ell)
        s = self.scale(theta)
        noised = alpha[:, None] * w + (s * sigma)[:, None] * eps
        square = (eps - self.predict_noise(noised, ell, theta, self.network.raw)).square().sum(1)
        if not likelihood:
            return square.mean() / self.dim
        # A control variate: E|eps|^2 = d, and at low noise eps_hat is small compared with eps. Gradients do not change.
        explained = torch.sigmoid(-2 * ell) * self._variance(theta)
        share = (explained / (explained + (s * sigma) ** 2)) ** 2
        square = square - share * (eps.square().sum(1) - self.dim)
        return self.schedule.weight * square.mean() + self._constant_terms(w, s) - self.whitening.log_det

    def _constant_terms(self, w: Tensor, s: Tensor) -> Tensor:
        """Terms of the bound without the network: the last level against the base, and the data given the first level,
        N(z / alpha, S^2 I)."""
        low, high = self.schedule.low, self.schedule.high
        log_variance_last = log_variance(high)
        base = -math.expm1(log_variance_last) * (w / s[:, None]).square().sum(1)
        base = base + self.dim * (math.expm1(log_variance_last) - log_variance_last)
        decoder = self.dim * (math.log(2 * math.pi) + 1 + 2 * low + 2 * s.log())
        return (base + decoder).mean() / 2

    def _to_base(self, w: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        theta = one_if_equal(theta)
        low, high = self.schedule.low, self.schedule.high
        y = w / self._spread(low, theta)[:, None]
        y, change = integrate(self._velocity(theta), y, low, high, self.spec.tolerance, divergence=True)
        return self._last(theta)[:, None] * y, change

    def _log_prob_at_base(self, u: Tensor, change: Tensor, theta: Tensor) -> Tensor:
        s = self.scale(theta)
        base = -(u / s[:, None]).square().sum(1) / 2 - self.dim * (s.log() + math.log(2 * math.pi) / 2)
        return base + change + self.dim * (self._last(theta).log() - self._spread(self.schedule.low, theta).log())

    def _last(self, theta: Tensor) -> Tensor:
        """Length in z_t of a unit of y at the highest noise, of theta's shape."""
        alpha, _ = alpha_sigma(torch.tensor(self.schedule.high, dtype=theta.dtype, device=theta.device))
        return alpha * self._spread(self.schedule.high, theta)

    @torch.no_grad()
    def sample_with_log_prob(self, n: int, theta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if self.spec.sampler == "ancestral":  # samples do not follow the ODE, so ln p needs a second integration
            return Density.sample_with_log_prob(self, n, theta, generator)
        return super().sample_with_log_prob(n, theta, generator)

    def sample_base(self, n: int, theta: float, generator: torch.Generator) -> Tensor:
        """Samples ``(n, d)`` of the base N(0, s^2 I), float64: the start of every sampler."""
        s = float(self.scale(torch.tensor(theta, dtype=torch.float64)))
        return s * torch.randn(n, self.dim, generator=generator, dtype=torch.float64, device=generator.device)

    def _draw(self, u: Tensor, theta: Tensor, generator: torch.Generator) -> Tensor:
        ancestral = self.spec.sampler == "ancestral"
        return self._ancestral(u, theta, generator) if ancestral else super()._draw(u, theta, generator)

    def _to_data(self, u: Tensor, theta: Tensor, divergence: bool = False) -> tuple[Tensor, Tensor]:
        low, high = self.schedule.low, self.schedule.high
        y = u / self._last(theta)[:, None]
        y, change = integrate(self._velocity(theta), y, high, low, self.spec.tolerance, divergence)
        return y * self._spread(low, theta)[:, None], change

    def _ancestral(self, z: Tensor, theta: Tensor, generator: torch.Generator) -> Tensor:
        """One step per level (Ho et al., arXiv:2006.11239), with beta_k as its variance and the mean at the end.

        With a hundred steps variances are a few per cent too large; with the variance of q(z_{k-1} | z_k, z_0), the other
        usual choice, they are ten per cent too small.
        """
        levels = self.schedule.levels.to(z)
        alphas, sigmas = alpha_sigma(levels)
        s = self.scale(theta)
        for k in range(len(levels) - 1, -1, -1):
            eps = self.predict_noise(z, levels[k : k + 1], theta, self.network.average)
            clean = (z - s[:, None] * sigmas[k] * eps) / alphas[k]
            if k == 0:
                return clean
            ratio = alphas[k] / alphas[k - 1]
            # sigma_k^2 - ratio^2 sigma_{k-1}^2 without the cancellation
            fresh = -(sigmas[k] ** 2) * torch.expm1(2 * (levels[k - 1] - levels[k]))
            kept = (sigmas[k - 1] / sigmas[k]) ** 2
            mean = ratio * kept * z + alphas[k - 1] * fresh / sigmas[k] ** 2 * clean
            noise = torch.randn(z.shape, generator=generator, dtype=torch.float64, device=generator.device)
            z = mean + s[:, None] * fresh.sqrt() * noise.to(z)
        raise AssertionError("a schedule has at least one level")

    def _variance(self, theta: Tensor) -> Tensor:
        """v: the variance of whitened data in a harmonic well, of theta's shape."""
        return theta if self.steer else torch.ones_like(theta)

    def _spread(self, ell: float, theta: Tensor) -> Tensor:
        """sqrt(v + S^2), of theta's shape."""
        return (self._variance(theta) + (self.scale(theta) * math.exp(ell)) ** 2).sqrt()

    def _velocity(self, theta: Tensor):
        """dy / d ell as a function of y and ell, with averaged weights."""

        def velocity(y: Tensor, ell: float) -> Tensor:
            level = torch.full((1,), ell, dtype=y.dtype, device=y.device)
            alpha, _ = alpha_sigma(level)
            spread = self._spread(ell, theta)[:, None]
            share = self.scale(theta)[:, None] * math.exp(ell) / spread
            eps = self.predict_noise(alpha * spread * y, level, theta, self.network.average)
            return share * (eps - share * y)

        return velocity
