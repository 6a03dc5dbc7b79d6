"""Weights of MD frames at temperatures nobody simulated: MBAR, and conditional reweighting by a learned potential of mean force.

With b = 1/kT, MBAR gives frame n the weight

    w_n(b) = exp(-b U_n) / sum_k N_k exp(f_k - b_k U_n).

Conditional reweighting puts A(x_n, b) in place of b U_n. A is a reduced potential of mean force of the features x: the
marginal of x obeys p_b(x) = g(x) exp(-A(x, b)) / Z(b), with the identity dA/db = E[U | x, b] up to a function of b. What
x does not see, a solvent's energy noise first of all, averages out of it. With a constant conditional heat capacity,

    A(x, b) = e(x) (b - b_hot) + c(x) [ln(b / b_hot) - (b - b_hot) / b_hot].

Two things are fitted at once: the classification of frames by temperature, logits ln N_k + f_k - A(x, b_k), which is
MBAR's own likelihood, and the regression of U_n on dA/db. Without the regression, and with c = 0, it is ``which_t``, which
needs no energies. Sources and prior art: docs/theory.md.
"""

from __future__ import annotations

import itertools
import logging

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

log = logging.getLogger(__name__)

#: Of pymbar's solvers. With overlap ten are enough.
MAX_ITERATIONS = 100
#: Below this overlap (1 minus the second eigenvalue of MBAR's overlap matrix) MBAR is warned of.
LEAST_OVERLAP = 0.01


class ReducedPotential(nn.Module):
    """The network of A(x, b).

    Parameters
    ----------
    n_features, width: sizes; two hidden SiLU layers of ``width``.
    inverse_kT: b_k of the training temperatures, mol/kJ.
    counts: N_k of the training frames used in the fit.
    heat_capacity: whether c(x) is there; False is linear in b.
    """

    def __init__(self, n_features: int, width: int, inverse_kT: list[float], counts: list[int], heat_capacity: bool):
        super().__init__()
        self.spec = {
            "n_features": n_features,
            "width": width,
            "inverse_kT": list(inverse_kT),
            "counts": list(counts),
            "heat_capacity": heat_capacity,
        }
        self.heat_capacity = heat_capacity
        b = torch.tensor(inverse_kT, dtype=torch.float64)
        self.register_buffer("b", b)
        self.register_buffer("log_counts", torch.tensor(counts, dtype=torch.float64).log())
        # Unit: the span of b, so that the network's outputs are of order one.
        self.b_hot, self.b_cold = float(b.min()), float(b.max())
        self.span = self.b_cold - self.b_hot
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_std", torch.ones(n_features))
        self.network = nn.Sequential(
            nn.Linear(n_features, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1 + heat_capacity),
        )
        self.free_energies = nn.Parameter(torch.zeros(len(inverse_kT)))  # f_k of the classification
        self.energy_offsets = nn.Parameter(torch.zeros(len(inverse_kT)))  # the function of b that dA/db leaves open

    def coefficients(self, features: Tensor) -> Tensor:
        """e(x) and, with a heat capacity, c(x), in units of 1/span and 1: ``(n, 1 or 2)``."""
        return self.network((features - self.feature_mean) / self.feature_std)

    def _basis(self, b: np.ndarray) -> np.ndarray:
        """Values ``(m, 2)`` of the two basis functions of A; below b_hot as they are, above b_cold continued linearly."""
        inside = np.minimum(b, self.b_cold)
        curve = np.log(inside / self.b_hot) - (inside - self.b_hot) / self.b_hot
        slope = 1 / self.b_cold - 1 / self.b_hot
        curve = curve + np.where(b > self.b_cold, slope * (b - self.b_cold), 0.0)
        return np.stack([(b - self.b_hot) / self.span, curve], axis=1)

    def _slopes(self, b: np.ndarray) -> np.ndarray:
        """Derivatives by b of the basis at the training temperatures, ``(m, 2)``."""
        return np.stack([np.full_like(b, 1 / self.span), 1 / b - 1 / self.b_hot], axis=1)

    def bend(self, b: np.ndarray) -> np.ndarray:
        """What a unit of c(x) adds to A(x, b) when e(x) makes up for it at b_hot and b_cold, nats, ``(m,)``."""
        basis = self._basis(b)
        return basis[:, 1] - self._basis(np.array([self.b_cold]))[0, 1] * basis[:, 0]

    def bend_slopes(self) -> np.ndarray:
        """Derivative of :meth:`bend` by b at the training temperatures, kJ/mol, ``(K,)``."""
        slopes = self._slopes(self.b.cpu().numpy())
        return slopes[:, 1] - self._basis(np.array([self.b_cold]))[0, 1] * slopes[:, 0]

    def potential(self, coefficients: Tensor, b: np.ndarray) -> Tensor:
        """A(x, b), ``(n, m)`` in nats, for ``m`` inverse temperatures."""
        basis = torch.as_tensor(self._basis(np.asarray(b, float)), dtype=coefficients.dtype, device=coefficients.device)
        return coefficients @ basis[:, : coefficients.shape[1]].T

    def mean_energy(self, coefficients: Tensor, which: Tensor) -> Tensor:
        """E[U | x, b] = dA/db at each frame's own training temperature, kJ/mol, up to a constant of each: ``(n,)``.

        ``which`` ``(n,)`` are indices of training temperatures.
        """
        slopes = torch.as_tensor(
            self._slopes(self.b.cpu().numpy()), dtype=coefficients.dtype, device=coefficients.device
        )
        return (coefficients * slopes[which][:, : coefficients.shape[1]]).sum(1)

    def loss(self, features: Tensor, which: Tensor, energies: Tensor | None) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the temperature, and half the mean squared standardised energy residual (0 without energies).

        ``which`` ``(n,)`` is each frame's temperature index; ``energies`` ``(n,)`` are (U_n - <U>_k) / std_k(U), and
        :attr:`energy_std` must be set.
        """
        coefficients = self.coefficients(features)
        logits = self.log_counts.to(features.dtype) + self.free_energies
        logits = logits - self.potential(coefficients, self.b.cpu().numpy())
        cross_entropy = F.cross_entropy(logits, which)
        if energies is None:
            return cross_entropy, torch.zeros_like(cross_entropy)
        mean = self.mean_energy(coefficients, which) / self.energy_std[which] + self.energy_offsets[which]
        residual = energies - mean
        return cross_entropy, residual.square().mean() / 2

    def set_energy_scale(self, std: Tensor) -> None:
        """Standard deviation of U at each training temperature, kJ/mol, ``(K,)``."""
        self.energy_std = std


def log_weights(potential: np.ndarray, at_training: np.ndarray, counts: np.ndarray, f: np.ndarray) -> np.ndarray:
    """ln w_n by MBAR's formula, normalised to sum w = 1, ``(N,)`` float64.

    Parameters
    ----------
    potential: reduced potential (b U_n or A) at the temperature asked for, ``(N,)``.
    at_training: the same at the K training temperatures, ``(N, K)``.
    counts, f: N_k and f_k, ``(K,)``.
    """
    mixture = np.logaddexp.reduce(np.log(counts) + f - at_training, axis=1)
    log_w = -np.asarray(potential, np.float64) - mixture
    return log_w - np.logaddexp.reduce(log_w)


def solve_free_energies(at_training: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The f_k that make MBAR's equations hold, ``(K,)``, by pymbar.

    Without overlap the equations hold for whatever f_k, to rounding, and pymbar's iterations from f = 0 go on for hours. So
    they begin at :func:`initial_free_energies` and are bounded; what comes out then is a guess, and a warning is logged.
    """
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # it greets and advertises JAX at warning level
    from pymbar import MBAR

    initial = initial_free_energies(at_training, counts)
    solved = MBAR(at_training.T, np.asarray(counts, int), initial_f_k=initial, maximum_iterations=MAX_ITERATIONS)
    overlap = float(solved.compute_overlap()["scalar"])
    if overlap < LEAST_OVERLAP:
        log.warning(
            "MBAR: the energies of the training temperatures hardly overlap (%.1g; 1 is best, below %g little): "
            "do not rely on its weights",
            *(max(overlap, 0.0), LEAST_OVERLAP),
        )
    return np.asarray(solved.f_k)


def initial_free_energies(at_training: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """f_k by the trapezoidal rule of thermodynamic integration between neighbours, ``(K,)``, the first 0.

    f_j - f_i = (<u_j - u_i>_i + <u_j - u_i>_j) / 2, the states ordered by their mean reduced potential.
    """
    mean = np.stack([part.mean(axis=0) for part in np.split(at_training, np.cumsum(counts)[:-1])])
    order, f = np.argsort(at_training.mean(axis=0)), np.zeros(len(counts))
    for i, j in itertools.pairwise(order):
        f[j] = f[i] + (mean[i, j] - mean[i, i] + mean[j, j] - mean[j, i]) / 2
    return f - f[0]


def effective_fraction(log_w: np.ndarray) -> float:
    """Effective sample fraction (sum w)^2 / (N sum w^2) of log weights ``(N,)``."""
    shifted = np.exp(log_w - log_w.max())
    return float(shifted.sum() ** 2 / (len(log_w) * (shifted**2).sum()))
