"""Fit of a :class:`~thermolatent.reweight.estimator.ConditionalReweighting`: thinning, ridge, equations, energies."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from thermolatent.correlation import consecutive, runs, statistical_inefficiency, visits
from thermolatent.reweight.design import Design, build_design
from thermolatent.reweight.equations import Energies, Equations
from thermolatent.reweight.influence import Partition
from thermolatent.reweight.parameters import RIDGES, prior_precision
from thermolatent.reweight.sample import Sample
from thermolatent.reweight.solution import Solution, coefficients_and_logits, solved

log = logging.getLogger(__name__)

#: The classification uses about this many frames per statistical inefficiency, which is twice the correlation time.
_FRAMES_PER_INEFFICIENCY = 10
#: Fewer frames than this are not thinned.
_FEW_FRAMES = 20_000
#: Ridge of the networks' columns if there are too few units to choose it.
_RIDGE = 30.0


@dataclass(frozen=True)
class Summary:
    """Parameters of a fit.

    Attributes
    ----------
    stride: stride of the frames in the classification.
    g_c, g_u: statistical inefficiency of the states among those frames, and of the residual energies, in frames; None
        without energies.
    ridge: precision of the networks' columns, chosen by held-out likelihood.
    clipped: number of energies that were clipped as outliers.
    """

    stride: int
    g_c: float
    g_u: float | None
    ridge: float
    clipped: int


def fit(sample: Sample, heat_capacity: float, network: bool, seed: int) -> tuple[Solution, Summary]:
    """Solve the estimator of docs/theory.md for one sample.

    With energies the equations are solved twice: first as if all frames were independent, then with the statistical
    inefficiency of the residuals.
    """
    pieces = pieces_in_time(sample)
    g = _inefficiency_of_states(sample, pieces)
    stride = max(1, min(int(g / _FRAMES_PER_INEFFICIENCY), len(sample.which) // _FEW_FRAMES))
    design = build_design(sample, stride, network, seed)
    g_c = _inefficiency_of_states(sample, [[piece[::stride] for piece in own] for own in pieces])
    energies = None
    if sample.energies is not None and len(sample.temperatures) > 1:
        energies = Energies.of(sample.energies, sample.which, sample.counts > 0)
        if energies.clipped:
            log.warning(
                "%d of %d energies are more than 8 standard deviations from the median and were clipped; check them",
                *(energies.clipped, len(energies.values)),
            )
    ridge = _choose_ridge(sample, design, energies, g_c, heat_capacity)
    equations = Equations(design, sample.inverse_kT, energies)
    precision = prior_precision(design, heat_capacity, ridge, equations.parameters.size)
    g_u, theta = None, None
    if energies is not None:
        theta = equations.solve(precision, g_c, 1.0)[0]
        g_u = _inefficiency_of_residuals(equations, theta, pieces)
    found = solved(equations, precision, g_c, g_u or 1.0, theta)
    solution = Solution(sample.inverse_kT, design, partition_of(sample, design, pieces), found)
    return solution, Summary(stride, g_c, g_u, ridge, energies.clipped if energies is not None else 0)


def pieces_in_time(sample: Sample) -> list[list[np.ndarray]]:
    """By temperature, the frame numbers of each time series (of each unit by default), without its start-up."""
    series = sample.unit if sample.piece is None else sample.piece
    found = []
    for k in range(len(sample.temperatures)):
        rows = np.flatnonzero(sample.which == k)
        rows = rows[np.argsort(series[rows], kind="stable")]
        counted = sample.counts[rows] > 0
        # Start-up has count 0; the series begins at the first frame that counts.
        slices = [piece for piece in runs(series[rows]) if counted[piece].any()]
        found.append([rows[piece][np.argmax(counted[piece]) :] for piece in slices])
    return found


def _inefficiency_of_states(sample: Sample, pieces: list[list[np.ndarray]]) -> float:
    """The largest of any state at any temperature, at least 1."""
    return max(
        statistical_inefficiency([(sample.states[piece] == s).astype(float) for piece in own])
        for own in pieces
        for s in range(len(sample.state_names))
    )


def _inefficiency_of_residuals(equations: Equations, theta: np.ndarray, pieces: list[list[np.ndarray]]) -> float:
    """Of the energies minus their fit by the features, in frames; the largest of any temperature."""
    energies = equations.energies.values
    residual = np.empty(len(energies))
    for h, half in enumerate(equations.design.halves):
        own, _ = coefficients_and_logits(equations.parameters, equations.phi, theta, h)
        residual[half.frames] = energies[half.frames] - (own * equations.slopes[half.which]).sum(1)
    return max(statistical_inefficiency([residual[piece] for piece in own]) for own in pieces)


def partition_of(sample: Sample, design: Design, pieces: list[list[np.ndarray]]) -> Partition:
    """The partition of the design's cells; ``pieces`` of :func:`pieces_in_time`."""
    K, S = len(sample.temperatures), len(sample.state_names)
    frames = np.concatenate([[half.counts[cell].sum() for cell in half.cells] for half in design.halves])
    visit = np.zeros((K, S))
    for k, own in enumerate(pieces):
        flat = np.concatenate(own)
        slices = consecutive(map(len, own))
        for s in range(S):
            inside = sample.states[flat] == s
            lengths, _ = visits(inside, slices)
            visit[k, s] = sample.counts[flat] @ inside / max(len(lengths), 1)
    visit = np.where(visit > 0, visit, visit.max(axis=0))  # unseen at a temperature: as long as at the others
    # Each half is normalised separately: its units scatter about its own mean.
    half = np.zeros(len(sample.stratum), int)
    for h, part in enumerate(design.halves):
        half[np.unique(sample.unit[part.frames])] = h
    kinds, drawn = np.unique(sample.stratum * len(design.halves) + half, return_inverse=True)
    home = np.full(len(kinds), -1) if sample.shared_units else kinds // len(design.halves)
    response = np.zeros((len(drawn), 1)) if sample.response is None else sample.response
    of_cells = (design.cell_unit, design.cell_state, design.cell_which, design.cell_chain)
    return Partition(*of_cells, drawn, home, frames, visit, response)


def _choose_ridge(sample: Sample, design: Design, energies: Energies | None, g_c: float, heat_capacity: float) -> float:
    """The ridge of the networks' columns with the best held-out likelihood in a two-fold cross-validation over units."""
    if sum(design.n_network) == 0:
        return _RIDGE
    fold = _folds(sample, design)
    if fold is None:
        return _RIDGE
    scores = dict.fromkeys(RIDGES, 0.0)
    for f in (0, 1):
        fitted = Equations(design, sample.inverse_kT, energies, allowed=fold[sample.unit] != f)
        judged = Equations(design, sample.inverse_kT, None, allowed=fold[sample.unit] == f)
        theta = None
        for ridge in RIDGES:
            precision = prior_precision(design, heat_capacity, ridge, fitted.parameters.size)
            theta = fitted.solve(precision, g_c, 1.0, theta)[0]
            scores[ridge] += sum(part.cross_entropy(theta) for part in judged.parts)
    return min(scores, key=scores.get)


def _folds(sample: Sample, design: Design) -> np.ndarray | None:
    """Fold of each unit, alternating in each half and stratum; None if a fold of a half has no frame of a temperature."""
    fold, K = np.zeros(len(sample.stratum), int), len(sample.temperatures)
    for half in design.halves:
        frames = half.frames[half.thinned]
        units = np.unique(sample.unit[frames[sample.counts[frames] > 0]])
        for s in np.unique(sample.stratum):
            fold[units[sample.stratum[units] == s][1::2]] = 1
        if (np.bincount(fold[sample.unit[frames]] * K + sample.which[frames], sample.counts[frames], 2 * K) <= 0).any():
            return None
    return fold
