"""The conditional heat capacity c(x) of a reduced potential, estimated from energies that are mostly a solvent's noise.

With two training temperatures the classification fixes A(x, b) at both and nothing between: c(x) is the energies' alone, and
where a solvent's noise is most of their variance, stochastic gradients leave much of it in c(x) and miss much of the signal.
But at fixed A(x, b_cold) the energies are linear in c(x), and so in the last layer's weights: a linear regression, which has a
closed form. The weights have a Gaussian prior of one width, the one that makes the energies most likely (MacKay, Neural
Computation 4, 415, 1992). Where noise hides the signal that is 0, and A stays linear in b.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from thermolatent.densities.reweighting import ReducedPotential

log = logging.getLogger(__name__)

#: The regression takes what A leaves of the energies for noise. Where x says most of the energy that would be the network's
#: own misfit, a function of x, and not small beside a standard error from so many frames; and training sees c(x) well.
LEAST_NOISE = 0.5
#: ln of the prior's variance, nats^2 for a hidden unit of unit standard deviation: from nothing to as good as free.
_LOG_VARIANCES = np.linspace(-30.0, 10.0, 161)


@torch.no_grad()
def estimate_heat_capacity(
    network: ReducedPotential,
    parts: Iterable[torch.Tensor],
    which: np.ndarray,
    energies: np.ndarray,
    frame_counts: np.ndarray | None = None,
) -> float | None:
    """Replace c(x) of a network (on the CPU) with two training temperatures in place; A at both stays as it is.

    Parameters
    ----------
    parts: descriptions of the frames to fit to, one part ``(m, n_features)`` after another, n rows together.
    which: temperature index of each, ``(n,)``.
    energies: (U_n - <U>_k) / std_k(U), as in :meth:`ReducedPotential.loss`, ``(n,)``.
    frame_counts: how often each counts, ``(n,)``; once by default.

    Returns
    -------
    float or None
        How many of the hidden layer's directions the energies determine: the trace of the shrinkage, 0 to the width. None
        where x says more than half of the energies' variance: then the network stays as it was trained.
    """
    b, std = network.b.numpy(), network.energy_std.cpu().numpy()
    slopes, end = network._slopes(b), network._basis(np.array([network.b_cold]))[0, 1]
    turn = network.bend_slopes() / std
    each = np.ones(len(which)) if frame_counts is None else frame_counts
    counts, covariances = _moments(network, _with_columns(parts, which, energies, each), slopes[:, 0] / std, end)
    scale = np.sqrt(np.average([np.diag(c)[:-1] for c in covariances], axis=0, weights=counts)) + 1e-12
    gram = sum(n * t**2 * c[:-1, :-1] for n, t, c in zip(counts, turn, covariances, strict=True))
    force = sum(n * t * c[:-1, -1] for n, t, c in zip(counts, turn, covariances, strict=True))
    squares = sum(n * c[-1, -1] for n, c in zip(counts, covariances, strict=True))
    information, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    used = information > 1e-9 * information[-1]
    information, vectors = information[used], vectors[:, used]
    best = vectors.T @ (force / scale) / information  # least squares, in directions whose errors are independent
    noise = (squares - best**2 @ information) / sum(counts)
    if noise < LEAST_NOISE:
        log.info("heat capacity: as trained, x leaves %.0f %% of the energies' variance", 100 * noise)
        return None
    variance = noise / information

    def misfit(log_prior: float) -> float:
        """-2 ln of the evidence, up to a constant."""
        spread = np.exp(log_prior) + variance
        return float(np.log(spread).sum() + (best**2 / spread).sum())

    start = _LOG_VARIANCES[np.argmin([misfit(x) for x in _LOG_VARIANCES])]
    prior = np.exp(minimize_scalar(misfit, bounds=(start - 0.5, start + 0.5), method="bounded").x)
    shrinkage = prior / (prior + variance)
    weight = network.network[-1].weight  # biases only add a function of b, which weights do not see
    at_cold = weight[0] + end * weight[1]
    weight[1] = torch.from_numpy(vectors @ (shrinkage * best) / scale).to(weight.dtype)
    weight[0] = at_cold - end * weight[1]
    determined = float(shrinkage.sum())
    log.info(
        "heat capacity: %.1f of %d directions determined, prior of %.2g nats, %.0f %% of the energies' variance is noise",
        *(determined, len(best), np.sqrt(prior), 100 * noise),
    )
    return determined


def _with_columns(parts: Iterable[torch.Tensor], *columns: np.ndarray) -> Iterator[tuple]:
    """Each part with its own rows of the columns."""
    first = 0
    for part in parts:
        rows = slice(first, first := first + len(part))
        yield part, *(column[rows] for column in columns)


def _moments(
    network: ReducedPotential, parts: Iterator[tuple], slope: np.ndarray, end: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Frames at each temperature, and the covariance there of the hidden layer and the energies less dA/db for c = 0.

    Covariances, ``(width + 1, width + 1)``, since a constant of each temperature is free. One pass over the parts, each of
    descriptions, temperature index, energies and how often frames count.
    """
    width = network.network[-1].in_features
    counts, totals = np.zeros(len(slope)), np.zeros((len(slope), width + 1))
    squares = np.zeros((len(slope), width + 1, width + 1))
    for part, which, energies, each in parts:
        hidden = network.network[:-1]((part - network.feature_mean) / network.feature_std)
        at_cold = (network.network[-1](hidden).double() @ torch.tensor([1.0, end], dtype=torch.float64)).numpy()
        columns = np.column_stack([hidden.double().numpy(), energies - at_cold * slope[which]])
        for k in range(len(slope)):
            own, times = columns[which == k], each[which == k]
            counts[k] += times.sum()
            totals[k] += times @ own
            squares[k] += (own * times[:, None]).T @ own
    means = totals / counts[:, None]
    return counts, [s / n - np.outer(m, m) for s, n, m in zip(squares, counts, means, strict=True)]
