"""A thermodynamic identity that every p_T(z) must fulfil, checked where there is MD: at the training temperatures.

With b = 1/kT, whatever the system and the latent,

    d ln p_T(z) / db = <U>_T - E[U | z, T].

The left side is the model's, by a finite difference; the right side is the MD's. A model can match p_T(z) at the training
temperatures and still turn the wrong way from there; then the two sides differ. How much that matters depends on how far
off the temperature asked for is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from thermolatent.densities.tabulated import Table
from thermolatent.validate.divergence import Bins

#: Bins per axis in which both sides are averaged: coarse, since the noise of the figure grows with their number.
BINS = 20
#: Frames of one temperature at the most, evenly spaced.
MAX_FRAMES = 40_000
#: Violations up to this are not told from noise: of U by a bath, whose spread makes little of any of them, and of the slope.
RESOLVED = 0.25
#: Relative step in b of the finite difference.
STEP = 0.02
#: Error of a slope from a table, in standard deviations of U: less than the figure's own scatter.
SLOPE_ERROR = 0.02


def slope_in_b(
    log_prob: Callable[[np.ndarray, float], np.ndarray],
    z: np.ndarray,
    temperature: float,
    b: float,
    learned: tuple[float, float],
) -> np.ndarray:
    """d ln p_T(z) / db, ``(n,)`` in the inverse unit of ``b``, to second order in :data:`STEP`.

    Parameters
    ----------
    log_prob: ``(z, temperature)`` -> ln p(z|T), ``(n,)``.
    b: 1/kT at ``temperature``; kT is proportional to T.
    learned: lowest and highest temperature that the model learned; it is not asked beyond, so that the difference is
        one-sided at either end. NaN everywhere where they are the same.
    """
    room_up, room_down = temperature / learned[0] - 1, 1 - temperature / learned[1]  # in b, relative
    if min(room_up, room_down) > (1 - 1e-9) * STEP:
        stencil = {-STEP: -0.5 / STEP, STEP: 0.5 / STEP}
    elif max(room_up, room_down) < 1e-9:
        return np.full(len(z), np.nan)
    else:
        step = min(STEP, room_up / 2) if room_up >= room_down else -min(STEP, room_down / 2)
        stencil = {0.0: -1.5 / step, step: 2.0 / step, 2 * step: -0.5 / step}
    return sum(weight * log_prob(z, temperature / (1 + shift)) for shift, weight in stencil.items()) / b


def identity_discrepancy(
    slope: np.ndarray,
    energies: np.ndarray,
    z: np.ndarray,
    half: np.ndarray,
    std: float | None = None,
    counts: np.ndarray | None = None,
) -> float:
    """Root mean square of d ln p/db - (<U> - E[U|z]) over the latent plane, in standard deviations of U.

    Both sides are averaged in bins of the first two latent coordinates, where the identity holds as it does at a point,
    and centred; bins are weighted by their frames. Sampling noise: the square is the product of the discrepancies of
    two disjoint halves of the walkers, so that it has no bias; what comes out negative by noise is 0. What scatter is
    left is about sqrt(2 var(U|z)/var(U)) (bins)^(1/4) / n^(1/2) for n independent frames: .03 with 40,000 of them.

    Parameters
    ----------
    slope, energies: d ln p_T(z_n)/db of the model and U_n of each MD frame at T, in the unit of 1/b, ``(n,)``.
    z: latents, ``(n, d)``.
    half: whether a frame's walker is in half A, ``(n,)`` bool.
    std: standard deviation of U to divide by; by default that of ``energies``.
    counts: how often each frame counts, ``(n,)``; once by default.

    Returns NaN if no bin is visited by both halves or U is constant.
    """
    bins = Bins.spanning([z if counts is None else z[counts > 0]], BINS)
    cell, y = bins.assign(z), slope + energies
    each = np.ones(len(z)) if counts is None else counts
    means, filled, mass = [], True, np.bincount(cell, each, minlength=bins.cells)
    for side in (half, ~half):
        count = np.bincount(cell[side], each[side], minlength=bins.cells)
        total = np.bincount(cell[side], each[side] * y[side], minlength=bins.cells)
        means.append(total / np.where(count > 0, count, 1))
        filled = filled & (count > 0)
    scale = float(energies.std()) if std is None else std
    if not filled.any() or scale == 0:
        return float("nan")
    weight = mass[filled] / mass[filled].sum()
    a, b = (mean[filled] - weight @ mean[filled] for mean in means)
    return float(np.sqrt(max(weight @ (a * b), 0.0)) / scale)


def log_density_error(violations: Mapping[float, tuple[float, float]], b: float) -> float:
    """What violations of the identity come to in ln p at ``b``, where ln p itself is right at the ``b_k`` they are of.

    Beyond these the nearest error of the slope times the distance. Between two, L apart and x from 0 to 1, the cubic with
    these errors of the slope and none at either end, L (x (1-x)^2 e_0 + x^2 (1-x) e_1), both counted as adding up.

    Parameters
    ----------
    violations: ``b_k`` -> the discrepancy of :func:`trust_identity` there and the standard deviation it is in. One up to
        :data:`RESOLVED` counts as none.
    b: 1/kT asked for, in the inverse unit of the standard deviations.
    """
    errors = {k: share * std if share > RESOLVED else 0.0 for k, (share, std) in violations.items()}
    below, above = [k for k in errors if k <= b], [k for k in errors if k >= b]
    if not below or not above:
        nearest = min(errors, key=lambda k: abs(k - b))
        return abs(b - nearest) * errors[nearest]
    left, right = max(below), min(above)
    if left == right:
        return 0.0
    x = (b - left) / (right - left)
    return (right - left) * (x * (1 - x) ** 2 * errors[left] + x**2 * (1 - x) * errors[right])


def spread(energies: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Standard deviation of energies that count ``counts`` times each (once by default)."""
    if counts is None or np.ptp(counts) == 0:
        return float(np.std(energies))
    return float(np.sqrt(np.cov(np.ravel(energies), aweights=np.ravel(counts), ddof=0)))


def trust_identity(
    model,
    kT: float,
    temperature: float,
    z: np.ndarray,
    energies: np.ndarray,
    half: np.ndarray,
    counts: np.ndarray | None = None,
) -> float:
    """The discrepancy of one model at one training temperature.

    Parameters
    ----------
    model: a :class:`thermolatent.learn.model.Model`.
    z: noised latents of the MD at ``temperature``, ``(walkers, frames, d)``; that is what r(z|T) is a density of.
    energies: ``(walkers, frames)``, kJ/mol.
    half: which walkers are in half A, ``(walkers,)`` bool.
    counts: how often each frame counts, ``(walkers, frames)``; once by default.

    Returns NaN for a model that learned one temperature only.
    """
    every = -(-energies.size // MAX_FRAMES)
    kept = z[:, ::every].reshape(-1, z.shape[-1])
    frames = z[:, ::every].shape[1]
    learned = tuple(theta * model.about["T_ref"] for theta in model.about["theta_range"])

    def slope_at(points: np.ndarray) -> np.ndarray:
        return slope_in_b(model.log_prob, points, temperature, 1 / kT, learned)

    if not np.isfinite(slope_at(kept[:1])).all():
        return float("nan")
    if model.density.by_ode:  # of the slope itself: errors of two tables of ln p would be divided by the step
        slope_at = Table(slope_at, kept, SLOPE_ERROR * spread(energies, counts))
    slope = slope_at(kept)
    if not np.isfinite(slope).all():
        return float("nan")
    u = np.asarray(energies[:, ::every], np.float64)
    each = None if counts is None else counts[:, ::every].ravel()
    return identity_discrepancy(slope, u.ravel(), kept, np.repeat(half, frames), spread(energies, counts), each)
