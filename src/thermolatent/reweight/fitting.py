"""How a :class:`~thermolatent.reweight.estimator.ConditionalReweighting` is fitted: thinning, ridge, equations, energies."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from thermolatent.reweight.correlation import consecutive, runs, statistical_inefficiency, visits
from thermolatent.reweight.design import Design, build_design
from thermolatent.reweight.equations import Energies, Equations
from thermolatent.reweight.influence import Partition
from thermolatent.reweight.prior import RIDGES, prior_precision
from thermolatent.reweight.sample import Sample
from thermolatent.reweight.solution import Solution, coefficients_and_logits, solved

log = logging.getLogger(__name__)

#: The classification takes about so many frames per statistical inefficiency, which is twice the correlation time.
_FRAMES_PER_INEFFICIENCY = 10
#: Fewer frames than this are not thinned.
_FEW_FRAMES = 20_000
#: Ridge of the networks' columns where too few units are there to choose it.
_RIDGE = 30.0


@dataclass(frozen=True)
class Summary:
    """What a fit rests on.

    Attributes
    ----------
    stride: the classification used every so many frames.
    g_c, g_u: statistical inefficiency of the states among those frames, and of what the features leave of the energies, in
        frames; None without energies.
    ridge: precision of the networks' columns, chosen by held-out likelihood.
    clipped: energies that were too far off to be taken as they are.
    """

    stride: int
    g_c: float
    g_u: float | None
    ridge: float
    clipped: int


def fit(sample: Sample, heat_capacity: float, network: bool, seed: int) -> tuple[Solution, Summary]:
    """Solve the estimator of docs/theory.md for one sample.

    Energies are used twice: first as if each frame were independent; then the residuals say how few of them are.
    """
    pieces = pieces_in_time(sample)
    g = _inefficiency_of_states(sample, pieces)
    stride = max(1, min(int(g / _FRAMES_PER_INEFFICIENCY), len(sample.which) // _FEW_FRAMES))
    design = build_design(sample, stride, network, seed)
    g_c = _inefficiency_of_states(sample, [piece[::stride] for piece in pieces])
    energies = None
    if sample.energies is not None and len(sample.temperatures) > 1:  # of one temperature nothing has to change
        energies = Energies.of(sample.energies, sample.which, sample.counts > 0)
        if energies.clipped:
            log.warning(
                "%d of %d energies lie more than 8 spreads from the median and count as if there: look at them if they are many",
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


def pieces_in_time(sample: Sample) -> list[np.ndarray]:
    """Frame numbers of each series in time at each temperature: of a unit, where the sample does not say more."""
    series = sample.unit if sample.piece is None else sample.piece
    group = series * len(sample.temperatures) + sample.which
    order = np.argsort(group, kind="stable")
    counted = sample.counts[order] > 0
    # Start-up counts 0; what follows it is where the series begins.
    begun = [order[piece][np.argmax(counted[piece]) :] for piece in runs(group[order]) if counted[piece].any()]
    return begun


def _inefficiency_of_states(sample: Sample, pieces: list[np.ndarray]) -> float:
    """The largest of any state at any temperature."""
    largest = 1.0
    for k in range(len(sample.temperatures)):
        own = [piece for piece in pieces if sample.which[piece[0]] == k]
        labels = [sample.states[piece] for piece in own]
        for s in range(len(sample.state_names)):
            largest = max(largest, statistical_inefficiency([(part == s).astype(float) for part in labels]))
    return largest


def _inefficiency_of_residuals(equations: Equations, theta: np.ndarray, pieces: list[np.ndarray]) -> float:
    """Of what the features leave of the energies, in frames; the largest of any temperature."""
    energies, parameters = equations.energies, equations.parameters
    residual = np.empty(len(energies.values))
    which = np.empty(len(residual), int)
    for h, half in enumerate(equations.design.halves):
        own, _ = coefficients_and_logits(parameters, equations.phi, theta, h)
        which[half.frames] = half.which
        mean = (own * equations.slopes[half.which]).sum(1)
        residual[half.frames] = energies.values[half.frames] - mean
    by_temperature: dict[int, list[np.ndarray]] = {}
    for piece in pieces:
        by_temperature.setdefault(int(which[piece[0]]), []).append(residual[piece])
    return max(statistical_inefficiency(parts) for parts in by_temperature.values())


def partition_of(sample: Sample, design: Design, pieces: list[np.ndarray]) -> Partition:
    K, S = len(sample.temperatures), len(sample.state_names)
    frames = np.concatenate([[half.counts[cell].sum() for cell in half.cells] for half in design.halves])
    visit = np.zeros((K, S))
    for k in range(K):
        own = [piece for piece in pieces if sample.which[piece[0]] == k]
        flat = np.concatenate(own)
        slices = consecutive(map(len, own))
        for s in range(S):
            inside = sample.states[flat] == s
            lengths, _ = visits(inside, slices)
            visit[k, s] = sample.counts[flat] @ inside / max(len(lengths), 1)
    visit = np.where(visit > 0, visit, visit.max(axis=0))  # of a state unseen at a temperature, as long as elsewhere
    # A half is normalised by itself, which is as good as drawn by itself: its units scatter about their own mean.
    half = np.zeros(len(sample.stratum), int)
    for h, part in enumerate(design.halves):
        half[np.unique(sample.unit[part.frames])] = h
    kinds, drawn = np.unique(sample.stratum * len(design.halves) + half, return_inverse=True)
    home = np.full(len(kinds), -1) if sample.shared_units else kinds // len(design.halves)
    return Partition(design.cell_unit, design.cell_state, design.cell_which, drawn, home, frames, visit)


def _choose_ridge(sample: Sample, design: Design, energies: Energies | None, g_c: float, heat_capacity: float) -> float:
    """The ridge of the networks' columns with the best likelihood of units that took no part, of two folds."""
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
    """Fold of each unit: every second of each half and stratum; None if a fold of a half has no frame of a temperature."""
    fold, K = np.zeros(len(sample.stratum), int), len(sample.temperatures)
    for half in design.halves:
        frames = half.frames[half.thinned]
        units = np.unique(sample.unit[frames[sample.counts[frames] > 0]])
        for s in np.unique(sample.stratum):
            fold[units[sample.stratum[units] == s][1::2]] = 1
        if (np.bincount(fold[sample.unit[frames]] * K + sample.which[frames], sample.counts[frames], 2 * K) <= 0).any():
            return None
    return fold
