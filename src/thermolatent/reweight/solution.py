"""A solved estimator: weights of the frames at any temperature, and predictions with their influences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix

from thermolatent.mbar import log_sum
from thermolatent.reweight.design import Design, Half
from thermolatent.reweight.equations import Equations
from thermolatent.reweight.influence import Influences, Partition
from thermolatent.reweight.parameters import Parameters
from thermolatent.reweight.temperature_basis import FUNCTIONS, TemperatureBasis

#: Stands for a count of 0 in logarithms.
_TINY = 1e-300


@dataclass(frozen=True)
class Solved:
    """The root of the estimating equations.

    Attributes
    ----------
    theta, precision: parameters and diagonal of Lambda, ``(P,)``; hessian ``(P, P)``, including Lambda.
    scores: summed gradient of the frames of each cell, ``(cells, P)``.
    unvisited: by (temperature, state) without frames, the gradient of one such frame, ``(P,)``.
    energies: whether energies were fitted.
    """

    theta: np.ndarray
    hessian: np.ndarray
    precision: np.ndarray
    scores: np.ndarray
    unvisited: dict[tuple[int, int], np.ndarray]
    energies: bool


class Solution:
    """A solved estimator, for predictions at any temperature.

    Parameters
    ----------
    inverse_kT: b_k, ``(K,)``.
    """

    def __init__(self, inverse_kT: np.ndarray, design: Design, partition: Partition, solved: Solved):
        self.inverse_kT, self.design, self.partition, self.solved = inverse_kT, design, partition, solved
        self.basis = TemperatureBasis(inverse_kT)
        self.phi = self.basis.values(inverse_kT)
        self.parameters = Parameters(design, len(inverse_kT), solved.energies)
        self._factor = cho_factor(solved.hessian)
        self.coefficients, self.q, self._mixture = [], [], []
        for h in range(len(self.design.halves)):
            own, logits = coefficients_and_logits(self.parameters, self.phi, solved.theta, h)
            mixture = log_sum(logits)
            self.coefficients.append(own)
            self.q.append(np.exp(logits - mixture[:, None]))
            self._mixture.append(mixture)

    def log_weights(self, b: float) -> list[np.ndarray]:
        """ln w_n of the frames of each half at inverse temperature ``b``, each of sum 1."""
        phi, found = self.basis.values(b)[0], []
        for half, own, mixture in zip(self.design.halves, self.coefficients, self._mixture, strict=True):
            log_w = -(own @ phi) - mixture + np.log(np.maximum(half.counts, _TINY))
            found.append(log_w - log_sum(log_w))
        return found

    def shares(self, b: float) -> np.ndarray:
        """Shares of all named states at ``b``, ``(S,)``."""
        S, n = self.design.n_states, len(self.design.halves)
        parts = zip(self.design.halves, self.log_weights(b), strict=True)
        return sum(_joint(half, np.exp(log_w), self.states, S)[1] / n for half, log_w in parts)

    @cached_property
    def states(self) -> np.ndarray:
        """Named state of each frame in training frame order, ``(N,)``."""
        found = np.empty(sum(len(half.frames) for half in self.design.halves), int)
        for half in self.design.halves:
            found[half.frames] = self.design.cell_state[half.first_cell + half.cell]
        return found

    def populations(self, b: float) -> Influences:
        """Shares of all named states at ``b``, ``m`` = S."""
        return self.histogram(b, self.states, self.design.n_states)

    def histogram(self, b: float, bins: np.ndarray, n_bins: int) -> Influences:
        """Shares of bins at ``b``, ``m`` = ``n_bins``; ``bins`` ``(N,)`` in training frame order.

        Equals :meth:`mean` of the bins' indicators, without an array ``(N, n_bins)``.
        """
        design, n = self.design, len(self.design.halves)
        values, direct = np.zeros(n_bins), np.zeros((len(design.cell_state), n_bins))
        gradient = np.zeros((len(self.solved.theta), n_bins))
        for h, (half, log_w) in enumerate(zip(design.halves, self.log_weights(b), strict=True)):
            w, own = np.exp(log_w), half.rows(bins)
            joint, share = _joint(half, w, bins, n_bins)
            values += share / n
            direct[half.first_cell : half.first_cell + len(joint)] = (joint - joint.sum(1)[:, None] * share) / n
            pull, turned = self._pulls(h, b, w)
            sums = csr_matrix((np.ones(len(w)), (own, np.arange(len(w)))), (n_bins, len(w)))
            lean = [
                csr_matrix((one[sums.indices], sums.indices, sums.indptr), sums.shape) @ half.columns for one in pull.T
            ]
            lean = np.concatenate([*lean, sums @ turned], axis=1)
            gradient[self.parameters.places(h)] += (lean - share[:, None] * lean.sum(0)).T / n
        return self.influences(values, direct, gradient)

    def mean(self, b: float, observable: np.ndarray) -> Influences:
        """Means at ``b`` of observables ``(N, m)`` in training frame order."""
        design, m, n = self.design, observable.shape[1], len(self.design.halves)
        values, direct = np.zeros(m), np.zeros((len(design.cell_state), m))
        gradient = np.zeros((len(self.solved.theta), m))
        for h, (half, log_w) in enumerate(zip(design.halves, self.log_weights(b), strict=True)):
            w = np.exp(log_w)
            own = half.rows(observable)
            mean = w @ own
            values += mean / n
            moved = w[:, None] * (own - mean)
            starts = [piece.start for piece in half.cells]
            direct[half.first_cell : half.first_cell + len(starts)] = np.add.reduceat(moved, starts, axis=0) / n
            pull, turned = self._pulls(h, b, np.ones(len(w)))
            lean = [half.columns.T @ (pull[:, j, None] * moved).astype(np.float32) for j in range(FUNCTIONS)]
            gradient[self.parameters.places(h)] += np.concatenate([*lean, turned.T @ moved]) / n
        return self.influences(values, direct, gradient)

    def _pulls(self, h: int, b: float, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivative of ln w_n by each coefficient ``(n, 3)`` float32 and by the intercepts ``(n, K - 1)``, times w_n."""
        q, phi = self.q[h], self.basis.values(b)[0]
        return (((q @ self.phi) - phi) * w[:, None]).astype(np.float32), -q[:, 1:] * w[:, None]

    def influences(self, values: np.ndarray, direct: np.ndarray, gradient: np.ndarray) -> Influences:
        """Predictions ``values`` ``(m,)`` with influences ``direct`` ``(cells, m)`` at fixed theta and derivatives by theta
        ``gradient`` ``(P, m)``."""
        weighted = cho_solve(self._factor, gradient)
        cells = direct - self.solved.scores @ weighted
        # A frame of a state without frames at a temperature has the weight of the state's frames at the others.
        sums, frames = self.partition.by_state(direct).sum(0), self.partition.by_state(self.partition.frames).sum(0)
        unvisited = np.full((*self.partition.visit.shape, len(values)), np.nan)
        for (k, s), score in self.solved.unvisited.items():
            if frames[s] > 0:
                unvisited[k, s] = sums[s] / frames[s] - score @ weighted
        return Influences(values, cells, weighted, unvisited, self.solved.precision, self.partition)


def _joint(half: Half, w: np.ndarray, bins: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight of each cell of a half in each bin, ``(cells, n_bins)``, and of each bin, ``(n_bins,)``."""
    places = half.cell * n_bins + half.rows(bins)
    joint = np.bincount(places, w, len(half.cells) * n_bins).reshape(-1, n_bins)
    return joint, np.minimum(joint.sum(0), 1.0)


def coefficients_and_logits(
    parameters: Parameters, phi: np.ndarray, theta: np.ndarray, h: int
) -> tuple[np.ndarray, np.ndarray]:
    """e, c, d of every frame of half ``h``, ``(n, 3)``, and a_k - A(x_n, b_k), ``(n, K)``."""
    half = parameters.design.halves[h]
    own = half.columns @ parameters.weights(theta, half)
    return own, parameters.intercepts(theta, h) - own @ phi.T


def solved(equations: Equations, precision: np.ndarray, g_c: float, g_u: float, theta: np.ndarray) -> Solved:
    """Solve the equations and sum the gradients of the frames by cell."""
    theta, hessian, energy_weight = equations.solve(precision, g_c, g_u, theta)
    design, parameters, K = equations.design, equations.parameters, equations.K
    scores = np.zeros((len(design.cell_state), len(theta)))
    counted = np.concatenate([[half.counts[piece].sum() > 0 for piece in half.cells] for half in design.halves])
    there = set(zip(design.cell_which[counted].tolist(), design.cell_state[counted].tolist(), strict=True))
    visited = sorted({s for _, s in there})
    unvisited = {(k, s): np.zeros(len(theta)) for k in range(K) for s in visited if (k, s) not in there}
    frames = dict.fromkeys(unvisited, 0.0)
    for h, half in enumerate(design.halves):
        places = parameters.places(h)
        own, logits = coefficients_and_logits(parameters, equations.phi, theta, h)
        q = np.exp(logits - log_sum(logits)[:, None])
        residual = q.copy()
        residual[np.arange(len(q)), half.which] -= 1
        kept = np.zeros(len(q))
        kept[half.thinned] = half.counts[half.thinned] / g_c
        for i, piece in enumerate(half.cells):
            cell, columns = half.first_cell + i, half.columns[piece].astype(np.float64)
            state, here = int(design.cell_state[cell]), int(design.cell_which[cell])
            scores[cell, places] += _classified(columns, residual[piece] * kept[piece, None], equations.phi)
            for k in range(K):
                if (k, state) in unvisited:
                    moved = (q[piece] - np.eye(K)[k]) * kept[piece, None]
                    unvisited[k, state][places] += _classified(columns, moved, equations.phi)
                    frames[k, state] += half.counts[piece].sum()
            if equations.energies is not None:
                u = equations.energies.values[half.frames[piece]]
                slopes, at = equations.slopes[here], parameters.energy_places(h, here)
                missed = (u - theta[at[-1]] - own[piece] @ slopes) * half.counts[piece] * energy_weight
                pulled = columns.T @ missed
                scores[cell, at] -= np.concatenate([*(slope * pulled for slope in slopes), [missed.sum()]])
    unvisited = {key: score / (frames[key] or 1.0) for key, score in unvisited.items()}
    return Solved(theta, hessian, precision, scores, unvisited, equations.energies is not None)


def _classified(columns: np.ndarray, residual: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Gradient of the classification by one half's parameters, from residuals ``(n, K)``."""
    pull = -(residual @ phi)
    return np.concatenate([(columns.T @ pull).T.ravel(), residual.sum(0)[1:]])
