"""The estimating equations: classification by temperature, regression of the energies, and prior. Solved by Newton's method.

theta = (weights of e, c and d; for each half an intercept a_k of each temperature but the first; an energy offset U0_k of
each temperature) is the minimum of

    sum_n (1/g_c) [-ln softmax_k(a_k - A(x_n, b_k)) at the frame's own k]
  + sum_n (1/(g_u s^2)) [u_n - U0_k - (dA/db)(x_n, b_k) / std_k]^2 / 2
  + theta Lambda theta / 2.

The first line is MBAR's likelihood with a_k = ln N_k + f_k. g are statistical inefficiencies, s^2 the mean squared residual
of the energies u_n in units of their standard deviation std_k at each temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from thermolatent.errors import ThermolatentError
from thermolatent.mbar import log_sum
from thermolatent.reweight.design import Design, Half
from thermolatent.reweight.parameters import Parameters
from thermolatent.reweight.sample import spread_of
from thermolatent.reweight.temperature_basis import FUNCTIONS, TemperatureBasis

_MOST_STEPS = 100
_TOLERANCE = 1e-9
#: Square of a step in units of the posterior's standard deviations: below the first, Newton's step needs no line search;
#: below the second it is rounding (along directions that data and prior hardly determine).
_NEAR, _NEGLIGIBLE = 1e-6, 1e-12
#: Minimum of s^2: it would be 0, and the Hessian singular, for an exact fit or more columns than frames.
_LEAST_RESIDUAL = 1e-4
#: s^2 is fixed once a step is smaller than this; further changes would be rounding errors.
_SETTLED = 1e-5
#: Energies are clipped at this many standard deviations from the median.
CLIP = 8.0


@dataclass(frozen=True)
class Energies:
    """Energies minus their median, in units of their standard deviation.

    Attributes
    ----------
    values: ``(N,)`` in training frame order, clipped at :data:`CLIP`.
    middle, spread: median and :func:`~thermolatent.reweight.sample.spread_of` at each temperature, ``(K,)``.
    clipped: number of clipped frames.
    """

    values: np.ndarray
    middle: np.ndarray
    spread: np.ndarray
    clipped: int

    @classmethod
    def of(cls, energies: np.ndarray, which: np.ndarray, counted: np.ndarray | None = None) -> Energies:
        """From energies and temperature indices ``(N,)``; ``counted`` masks the frames with counts above 0."""
        K, counted = int(which.max()) + 1, np.ones(len(which), bool) if counted is None else counted
        middle = np.array([np.median(energies[counted & (which == k)]) for k in range(K)])
        spread = np.array([spread_of(energies[counted & (which == k)]) for k in range(K)])
        with np.errstate(over="ignore"):
            scaled = (energies - middle[which]) / spread[which]
        return cls(np.clip(scaled, -CLIP, CLIP), middle, spread, int((np.abs(scaled[counted]) > CLIP).sum()))


class Equations:
    """The equations of one design.

    Parameters
    ----------
    inverse_kT: b_k, ``(K,)``.
    energies: of all frames, or None.
    allowed: mask ``(N,)`` in training frame order of the frames in the fit; None for all.
    """

    def __init__(
        self, design: Design, inverse_kT: np.ndarray, energies: Energies | None, allowed: np.ndarray | None = None
    ):
        self.design, self.K, self.energies = design, len(inverse_kT), energies
        self.parameters = Parameters(design, self.K, energies is not None)
        basis = TemperatureBasis(inverse_kT)
        self.phi = basis.values(inverse_kT)
        self.parts = [_Part(self, half, h, allowed) for h, half in enumerate(design.halves)]
        if energies is not None:
            self.slopes = basis.slopes(inverse_kT) / energies.spread[:, None]

    @cached_property
    def moments(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
        """Moments of the energies, by half and temperature: indices in theta, sums of R R^T, R u and u^2."""
        found = []
        for h, part in enumerate(self.parts):
            for k in range(self.K):
                columns, u, counts = part.energy_rows(k)
                R = np.concatenate([np.ones((len(u), 1)), columns], axis=1)
                weighted = R * counts[:, None]
                gram, force = weighted.T @ R, weighted.T @ u
                # A row of the regression is (slope_j * column, ..., 1): its moments follow from those of the columns.
                C = columns.shape[1]
                T = np.zeros((FUNCTIONS * C + 1, C + 1))
                for j in range(FUNCTIONS):
                    T[j * C : (j + 1) * C, 1:] = self.slopes[k, j] * np.eye(C)
                T[-1, 0] = 1
                found.append((self.parameters.energy_places(h, k), T @ gram @ T.T, T @ force, float(counts @ u**2)))
        return found

    def mean_squared_residual(self, theta: np.ndarray) -> float:
        """s^2 of the energies, in units of their spread squared."""
        return max(self._squared_residuals(theta) / sum(part.total for part in self.parts), _LEAST_RESIDUAL)

    def _squared_residuals(self, theta: np.ndarray) -> float:
        return float(sum(uu - 2 * theta[at] @ ru + theta[at] @ rr @ theta[at] for at, rr, ru, uu in self.moments))

    def evaluate(
        self, theta: np.ndarray, precision: np.ndarray, g_c: float, energy_weight: float
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Objective, its gradient ``(P,)`` and its Hessian ``(P, P)``."""
        value = precision @ theta**2 / 2
        gradient, hessian = precision * theta, np.diag(precision)
        for h, part in enumerate(self.parts):
            v, g, H = part.classification(theta, g_c)
            at = self.parameters.places(h)
            value += v
            gradient[at] += g
            hessian[np.ix_(at, at)] += H
        if self.energies is not None:
            for at, rr, ru, uu in self.moments:
                own = theta[at]
                value += energy_weight * (uu - 2 * own @ ru + own @ rr @ own) / 2
                gradient[at] += energy_weight * (rr @ own - ru)
                hessian[np.ix_(at, at)] += energy_weight * rr
        return float(value), gradient, hessian

    def objective(self, theta: np.ndarray, precision: np.ndarray, g_c: float, energy_weight: float) -> float:
        """The objective alone."""
        value = precision @ theta**2 / 2
        value += sum(part.cross_entropy(theta) for part in self.parts) / g_c
        if self.energies is not None:
            value += energy_weight * self._squared_residuals(theta) / 2
        return float(value)

    def solve(
        self, precision: np.ndarray, g_c: float, g_u: float, theta: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Newton's method with step halving; s^2 is updated in each iteration.

        Returns theta ``(P,)``, the Hessian there and the weight 1/(g_u s^2) of the energies. Raises
        :class:`ThermolatentError` if it does not converge.
        """
        theta = np.zeros(self.parameters.size) if theta is None else theta.copy()
        if not theta.any():
            for h, part in enumerate(self.parts):
                theta[self.parameters.intercept_places(h)] = np.log(part.frames_at[1:] / part.frames_at[0])
        weight, settled = 0.0, False
        for _ in range(_MOST_STEPS):
            if self.energies is not None and not settled:
                weight = 1 / (g_u * self.mean_squared_residual(theta))
            value, gradient, hessian = self.evaluate(theta, precision, g_c, weight)
            try:
                step = cho_solve(cho_factor(hessian), gradient)
            except (np.linalg.LinAlgError, ValueError):
                break
            size, squared = 1.0, float(gradient @ step)
            highest = value + 1e-9 * (1 + abs(value))
            while (
                squared > _NEAR
                and size > 1e-4
                and self.objective(theta - size * step, precision, g_c, weight) > highest
            ):
                size /= 2
            theta = theta - size * step
            longest, scale = np.abs(step).max(), 1 + np.abs(theta).max()
            settled = longest < _SETTLED * scale
            if size == 1.0 and (longest < _TOLERANCE * scale or (settled and squared < _NEGLIGIBLE)):
                return theta, hessian, weight
        raise ThermolatentError(
            "reweighting: Newton's method does not converge; check features, counts and energies for outliers"
        )


class _Part:
    """The frames of one half in the fit: thinned for the classification, all for the energies."""

    def __init__(self, equations: Equations, half: Half, h: int, allowed: np.ndarray | None):
        self.equations, self.half, self.h = equations, half, h
        inside = np.ones(len(half.frames), bool) if allowed is None else half.rows(allowed)
        self.thinned = half.thinned[inside[half.thinned]]
        self.columns = half.columns[self.thinned].astype(np.float64)
        self.which, self.counts = half.which[self.thinned], half.counts[self.thinned]
        self.inside, self.total = inside, float(half.counts[inside].sum())
        self.frames_at = np.maximum(np.bincount(self.which, self.counts, minlength=equations.K), 1e-300)
        self.own = (np.arange(len(self.which)), self.which)

    def energy_rows(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Columns ``(n, C)``, energies ``(n,)`` and counts of the frames at temperature ``k``."""
        at = np.flatnonzero((self.half.which == k) & self.inside)
        u = self.equations.energies.values[self.half.frames[at]]
        return self.half.columns[at].astype(np.float64), u, self.half.counts[at]

    def _logits(self, theta: np.ndarray) -> np.ndarray:
        A = (self.columns @ self.equations.parameters.weights(theta, self.half)) @ self.equations.phi.T
        return self.equations.parameters.intercepts(theta, self.h) - A

    def cross_entropy(self, theta: np.ndarray) -> float:
        """Sum over frames of -ln softmax at their own temperature."""
        logits = self._logits(theta)
        return float(self.counts @ (log_sum(logits) - logits[self.own]))

    def residuals(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """q_nk minus 1 at the frame's own temperature, and q_nk, each ``(m, K)``."""
        logits = self._logits(theta)
        q = np.exp(logits - log_sum(logits)[:, None])
        r = q.copy()
        r[self.own] -= 1
        return r, q

    def classification(self, theta: np.ndarray, g_c: float) -> tuple[float, np.ndarray, np.ndarray]:
        """The first line of the objective, its gradient and Hessian, by this half's parameters."""
        phi, H, c = self.equations.phi, self.columns, self.counts / g_c
        r, q = self.residuals(theta)
        value = float(c @ -np.log(np.maximum(q[self.own], 1e-300)))
        pull = -(r @ phi) * c[:, None]
        C, K = H.shape[1], self.equations.K
        gradient = np.concatenate([(H.T @ pull).T.ravel(), (r * c[:, None]).sum(0)[1:]])
        hessian = np.empty((len(gradient), len(gradient)))
        mean = q @ phi
        for i in range(FUNCTIONS):
            for j in range(i, FUNCTIONS):
                spread = c * (q @ (phi[:, i] * phi[:, j]) - mean[:, i] * mean[:, j])
                block = (H * spread[:, None]).T @ H
                hessian[i * C : (i + 1) * C, j * C : (j + 1) * C] = block
                hessian[j * C : (j + 1) * C, i * C : (i + 1) * C] = block
            cross = H.T @ (-(q[:, 1:] * (phi[1:, i] - mean[:, i : i + 1])) * c[:, None])
            hessian[i * C : (i + 1) * C, FUNCTIONS * C :] = cross
            hessian[FUNCTIONS * C :, i * C : (i + 1) * C] = cross.T
        tail = -(q[:, 1:] * c[:, None]).T @ q[:, 1:]
        tail[np.diag_indices(K - 1)] += c @ q[:, 1:]
        hessian[FUNCTIONS * C :, FUNCTIONS * C :] = tail
        return value, gradient, hessian
