"""Frame weights by MBAR, and its equations, solved by pymbar."""

from __future__ import annotations

import itertools
import logging

import numpy as np

log = logging.getLogger(__name__)

#: Of pymbar's solvers; with overlap ten are enough.
MAX_ITERATIONS = 100
#: Minimum overlap (1 minus the second eigenvalue of MBAR's overlap matrix) without a warning.
LEAST_OVERLAP = 0.01


def log_sum(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """ln sum exp along an axis, many times faster than ``np.logaddexp.reduce``."""
    highest = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - highest).sum(axis=axis)) + highest.squeeze(axis)


def log_weights(
    potential: np.ndarray, at_training: np.ndarray, frames: np.ndarray, f: np.ndarray, counts: np.ndarray | None = None
) -> np.ndarray:
    """ln w_n by MBAR's formula, normalised to sum w = 1, ``(N,)`` float64.

    Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008), eq. 13.

    Parameters
    ----------
    potential: reduced potential at the target temperature, ``(N,)``.
    at_training: the same at the K training temperatures, ``(N, K)``.
    frames, f: N_k and f_k, ``(K,)``.
    counts: how often each frame counts, ``(N,)``; once by default.
    """
    log_w = -np.asarray(potential, np.float64) - log_sum(np.log(frames) + f - at_training)
    if counts is not None:
        with np.errstate(divide="ignore"):
            log_w = log_w + np.log(counts)
    return log_w - log_sum(log_w)


def solve_free_energies(at_training: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Solution f_k of MBAR's equations, ``(K,)``, by pymbar.

    Parameters
    ----------
    at_training: reduced potentials ``(N, K)``, frames sorted by temperature.
    frames: N_k, ``(K,)``.

    Without overlap any f_k solves the equations to rounding, and pymbar's iterations from f = 0 take hours. So they start at
    :func:`initial_free_energies` and are limited; the result is then an estimate, and a warning is logged.
    """
    if len(frames) == 1:
        return np.zeros(1)
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # it recommends JAX at warning level
    from pymbar import MBAR

    initial = initial_free_energies(at_training, frames)
    solved = MBAR(at_training.T, np.asarray(frames, int), initial_f_k=initial, maximum_iterations=MAX_ITERATIONS)
    overlap = float(solved.compute_overlap()["scalar"])
    if overlap < LEAST_OVERLAP:
        log.warning(
            "MBAR: the energies of the training temperatures hardly overlap (%.1g; 1 is best, below %g little): "
            "do not rely on its weights",
            *(max(overlap, 0.0), LEAST_OVERLAP),
        )
    return np.asarray(solved.f_k)


def initial_free_energies(at_training: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """f_k by the trapezoidal rule of thermodynamic integration between neighbours, ``(K,)``, the first 0.

    f_j - f_i = (<u_j - u_i>_i + <u_j - u_i>_j) / 2, the states ordered by their mean reduced potential.
    """
    mean = np.stack([part.mean(axis=0) for part in np.split(at_training, np.cumsum(frames)[:-1])])
    order, f = np.argsort(at_training.mean(axis=0)), np.zeros(len(frames))
    for i, j in itertools.pairwise(order):
        f[j] = f[i] + (mean[i, j] - mean[i, i] + mean[j, j] - mean[j, i]) / 2
    return f - f[0]


def effective_fraction(log_w: np.ndarray) -> float:
    """Effective sample fraction (sum w)^2 / (N sum w^2) of log weights ``(N,)``."""
    shifted = np.exp(log_w - log_w.max())
    return float(shifted.sum() ** 2 / (len(log_w) * (shifted**2).sum()))
