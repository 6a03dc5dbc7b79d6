"""The encoder's noise relative to the latent space, and its effect on densities.

r(z|T) models z = mu(x) + sigma eps, so it is the density of mu(x) convolved with the noise. On a barrier, where the free
energy has curvature -kappa (kT per unit of z squared), this density is too high by a factor 1 + sigma^2 kappa / 2 to leading
order, by Taylor expansion of the convolution.
"""

from __future__ import annotations

import logging

import numpy as np
import torch

from thermolatent.represent.spib import Spib
from thermolatent.rows import Rows, picked_at_once
from thermolatent.sampling import Sampler

log = logging.getLogger(__name__)

#: sigma/std(z) at which the free energy on top of a barrier of 5 kT is 0.1 kT too low (:func:`barrier_excess`).
NOISE_WARNING = 0.1
_BARRIER = 5.0


@torch.no_grad()
def noise_ratio(spib: Spib, x: Rows, counts: np.ndarray | None) -> np.ndarray:
    """sigma / std(z) along each latent coordinate, ``(d,)``, on every hundredth frame or so."""
    at_once = picked_at_once(x, 20_000)
    mean, log_sigma = spib.posterior(
        x[:: max(1, len(x) // at_once)] if counts is None else x[Sampler(len(x), counts).thinned(at_once).to(x.device)]
    )
    return (log_sigma.exp().expand_as(mean).square().mean(0).sqrt() / mean.std(0)).cpu().numpy()


def barrier_excess(ratio: float, barrier: float = _BARRIER) -> float:
    """Relative increase of the density on top of a barrier (kT) between two wells by noise of ``ratio`` standard deviations.

    By quadrature, for F(z) = barrier (z^2 - 1)^2. Two wells far apart in units of their width are the worst
    case: the standard deviation is that between the wells.
    """
    z = np.linspace(-4, 4, 8001)
    density = np.exp(-barrier * (z**2 - 1) ** 2)
    sigma = ratio * np.sqrt(np.average(z**2, weights=density))
    on_top = np.average(density, weights=np.exp(-0.5 * (z / sigma) ** 2))
    return float(on_top / np.exp(-barrier)) - 1


def warn_if_blurred(ratio: np.ndarray) -> None:
    """Warn of a coordinate with noise above :data:`NOISE_WARNING`, with the resulting error."""
    if (worst := float(ratio.max())) > NOISE_WARNING:
        log.warning(
            "sigma/std(z) is %.2f, above %g: a model's samples and densities of z are blurred by the encoder's noise, and on top "
            "of a barrier of %g kT between two wells %.0f %% too high; lower representation.beta_ib",
            worst,
            NOISE_WARNING,
            _BARRIER,
            100 * barrier_excess(worst),
        )
