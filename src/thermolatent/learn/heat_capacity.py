"""The conditional heat capacity c(x) of a reduced potential, refitted to energies that are mostly a solvent's noise.

With two training temperatures the classification fixes A(x, b) at both and nothing between: c(x) is the energies' alone.
Where a solvent's noise is most of their variance the network does not find it in its many directions. Here it is asked in
few: a change of c(x) in each of some cells of the fixed plane, as far as the last hidden layer can tell them apart, by
linear least squares at fixed A(x, b_cold), the sum shrunk towards the network's own c(x) by the positive-part rule of
James and Stein (1961): what is no larger than its noise is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import torch

from thermolatent.densities.reweighting import ReducedPotential

log = logging.getLogger(__name__)

#: Cells of the fixed plane, k-means clusters: about as many as there are states.
CELLS = 8
_RIDGE = 1e-6


@torch.no_grad()
def refit_heat_capacity(
    network: ReducedPotential, parts: Iterable[torch.Tensor], cells: np.ndarray, which: np.ndarray, energies: np.ndarray
) -> float:
    """Change the last layer of a network (on the CPU) with two training temperatures in place; returns the share kept.

    Parameters
    ----------
    parts: descriptions of the frames to fit to, one part ``(m, n_features)`` after another, n rows together.
    cells: cell of each, ``(n,)`` int64 from 0.
    which: temperature index of each, ``(n,)``.
    energies: (U_n - <U>_k) / std_k(U), as in :meth:`ReducedPotential.loss`, ``(n,)``.
    """
    b, std = network.b.numpy(), network.energy_std.cpu().numpy()
    hidden = [network.network[:-1]((part - network.feature_mean) / network.feature_std) for part in parts]
    coefficients = torch.cat([network.network[-1](part) for part in hidden]).double().numpy()
    hidden = torch.cat(hidden).double().numpy()
    slopes, end = network._slopes(b), network._basis(np.array([network.b_cold]))[0, 1]
    # Per unit of c(x), when e(x) makes up for it at b_cold: the change of dA/db at each temperature.
    turn = (slopes[:, 1] - end * slopes[:, 0]) / std
    residual = energies - (coefficients * slopes[which]).sum(1) / std[which]

    scale = hidden.std(0) + 1e-12
    hidden = (hidden - hidden.mean(0)) / scale
    indicators = np.eye(cells.max() + 1)[cells]
    gram = hidden.T @ hidden + _RIDGE * len(hidden) * np.eye(hidden.shape[1])
    directions = np.linalg.solve(gram, hidden.T @ (indicators - indicators.mean(0)))
    design = (hidden @ directions) * turn[which, None]
    for k in range(len(b)):  # a constant of each temperature is free
        rows = which == k
        design[rows] -= design[rows].mean(0)
        residual[rows] -= residual[rows].mean()
    # The cells' directions add up to nothing, so one of them is superfluous: an eigenvalue that is zero.
    values, vectors = np.linalg.eigh(design.T @ design)
    used = values > 1e-8 * values[-1]
    values, vectors = values[used], vectors[:, used]
    change = vectors.T @ (design.T @ residual) / values
    chi2 = float(change**2 @ values / residual.var())
    kept = max(0.0, 1 - max(len(change) - 2, 0) / chi2)
    weight = torch.from_numpy(kept * (directions @ vectors @ change) / scale)
    for row, factor in ((1, 1.0), (0, -end)):  # biases only add a function of b, which weights do not see
        network.network[-1].weight[row] += (factor * weight).to(network.network[-1].weight.dtype)
    log.info("heat capacity refitted in %d directions: chi2 %.1f, %.0f %% kept", len(change), chi2, 100 * kept)
    return kept
