"""Scores at matched sample size, so that all rows have the same floor.

The reference walkers, or blocks of imported MD, are split into halves A and B. The floor is D(A, B), the score of independent
MD of that length. Every other score compares n = |A| points, drawn by weight or from the generated samples, with B; this is
averaged with A and B exchanged. With frames of unequal counts each half is its weighted histogram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermolatent.sampling import systematic_resample
from thermolatent.validate import divergence, sliced
from thermolatent.validate.divergence import PAPER_BINS, Bins
from thermolatent.validate.metrics import FIXED, LATENT, MASS, comparing
from thermolatent.validate.uncertainty import bootstrap_masses, effective_sample_size, resampled
from thermolatent.validate.view import View


@dataclass
class Candidate:
    """A sample to be scored.

    Attributes
    ----------
    points: ``(N, d)``.
    weights: frame weights or counts, ``(N,)``, on any scale; None for equal ones. Weighted points are drawn by systematic
        resampling, which has the least noise and hardly any duplicates; others without replacement.
    units: ``(N,)`` independent piece of MD of each point, or None for independent points.
    strata: ``(units,)`` temperature of each unit, within which the bootstrap draws.
    """

    points: np.ndarray
    weights: np.ndarray | None = None
    units: np.ndarray | None = None
    strata: np.ndarray | None = None

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Indices ``(n,)``."""
        if self.weights is None:
            return rng.permutation(len(self.points))[:n]
        return systematic_resample(np.asarray(self.weights, np.float64), n, rng)

    def mass(self, cells: np.ndarray, count: int) -> np.ndarray:
        """Share of the weight in each cell, ``(count,)``."""
        total = np.bincount(cells, self.weights, minlength=count)
        return total / (len(cells) if self.weights is None else total.sum())

    def histogram(self, cells: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Weight per unit and cell ``(units, count)`` and the units' strata; one row for independent points."""
        if self.units is None:
            return np.bincount(cells, self.weights, minlength=count)[None].astype(float), np.zeros(1, int)
        units = len(self.strata)
        flat = np.bincount(self.units * count + cells, self.weights, minlength=units * count)
        return flat.reshape(units, count).astype(float), self.strata

    def replicates(self, cells: np.ndarray, count: int, n: int | None, replicates: int, rng) -> np.ndarray:
        """Masses ``(replicates, count)`` of n points from resampled units, or of all their frames if n is None; NaN for too few
        units."""
        histogram, strata = self.histogram(cells, count)
        if self.units is None:
            masses = np.repeat(histogram / histogram.sum(), replicates, axis=0)
        else:
            masses = bootstrap_masses(histogram, strata, replicates, rng)
        if n is None or np.isnan(masses).any():
            return masses
        visited = histogram.any(axis=0)
        masses[:, visited] = resampled(masses[:, visited], n, rng)
        return masses


def half_of(view: View, temperature: float, first: bool) -> Candidate:
    """Half A (``first``) or B of the reference."""
    reference = view.reference
    mask = reference.half[temperature] if first else ~reference.half[temperature]
    counts = reference.counts[temperature][mask] if reference.weighted else None
    names, units = np.unique(reference.unit_at(temperature)[mask], return_inverse=True)
    return Candidate(view.points[temperature][mask], counts, units, np.zeros(len(names), int))


@dataclass
class Matched:
    """Scores of one candidate at one temperature: metric -> (value, standard error)."""

    scores: dict[str, tuple[float, float]]
    n_ref: int
    n_gen: int


def matched_scores(view: View, temperature: float, candidate: Candidate | None, replicates: int, rng) -> Matched:
    """Score ``candidate``, or the floor if it is None, in one plane at one simulated temperature with two units or more."""
    values, errors, sizes = [], [], []
    A, B = half_of(view, temperature, True), half_of(view, temperature, False)
    everything = np.concatenate([A.points, B.points])
    counts = None if A.weights is None else np.concatenate([A.weights, B.weights])
    transform = sliced.standardize(everything, view.periodic, counts)
    if counts is not None:
        everything = everything[counts > 0]
    bins = {"": view.bins, "paper": Bins.spanning([everything], PAPER_BINS, view.periodic, margin=0.0)}
    for reference, other in ((B, A), (A, B)):
        generated = other if candidate is None else candidate
        n = min(len(other.points), view.most or len(other.points))
        if generated.weights is None:
            n = min(n, len(generated.points))
        drawn = generated.draw(n, rng)
        # The floor uses the whole other half: only its units are resampled.
        whole = candidate is None and n == len(other.points)
        value, error = {}, {}
        for kind, grid in bins.items():
            p_cells, q_cells = grid.assign(reference.points), grid.assign(generated.points)
            p = reference.mass(p_cells, grid.cells)
            q = generated.mass(q_cells, grid.cells) if whole else np.bincount(q_cells[drawn], minlength=grid.cells) / n
            ps = reference.replicates(p_cells, grid.cells, None, replicates, rng)
            qs = generated.replicates(q_cells, grid.cells, None if whole else n, replicates, rng)
            # Empty cells are dropped for speed; the overflow cell must be the last.
            kept = (ps > 0).any(0) | (qs > 0).any(0) | (p + q > 0)
            kept[-1] = True
            known = not (np.isnan(ps).any() or np.isnan(qs).any())
            for name, function in _functions(kind, grid, n, view).items():
                value[name] = float(function(p, q))
                error[name] = function(ps[:, kept], qs[:, kept]) if known else np.full(replicates, np.nan)
            if not kind and candidate is not None and candidate.weights is not None:
                name = f"js_{'plane' if view.is_fixed else 'latent'}_floor_ess"
                fewer = min(n, max(1, round(effective_sample_size(generated.weights))))
                one_each = slice(None) if other.weights is None else other.draw(len(other.points), rng)
                counts = np.bincount(grid.assign(other.points[one_each]), minlength=grid.cells)
                few = rng.multivariate_hypergeometric(counts, fewer, replicates, method="marginals") / fewer
                value[name], error[name] = float(divergence.js(p, few).mean()), divergence.js(p, few)
        value["sliced_w2"], jackknife = _sliced(reference, generated, drawn, transform, rng)
        values.append(value)
        errors.append((error, jackknife))
        sizes.append((len(reference.points), n))
    scores = {}
    for name in values[0]:
        both = [v[name] for v in values]
        if name == "sliced_w2":
            stderr = float(np.mean([e[1] for e in errors]))
        else:
            stderr = float(np.mean([e[0][name] for e in errors], axis=0).std(ddof=1))
        # If all frames are drawn, every replicate is the floor, up to rounding.
        scores[name] = (float(np.mean(both)), 0.0 if stderr <= 1e-15 else stderr)
    n_ref, n_gen = np.mean(sizes, axis=0).round().astype(int)
    return Matched(scores, int(n_ref), int(n_gen))


def _functions(kind: str, grid: Bins, n: int, view: View) -> dict:
    """Scores ``f(reference mass, generated mass)`` on one set of bins."""
    if kind == "paper":
        return {"kl_sym_paper": lambda p, q: divergence.kl_sym_paper(p, q, grid.area)}
    metrics = comparing(FIXED if view.is_fixed else LATENT, MASS)
    return {name: lambda p, q, number=number: number(p, q, 0.5 / n) for name, number in metrics}


def _sliced(reference: Candidate, generated: Candidate, drawn: np.ndarray, transform, rng) -> tuple[float, float]:
    chosen = reference.draw(min(len(reference.points), sliced.MAX_POINTS), rng)
    drawn = rng.permutation(drawn)[: sliced.MAX_POINTS]
    return sliced.sliced_w2_with_error(
        transform(reference.points[chosen]),
        transform(generated.points[drawn]),
        reference.units[chosen],
        None if generated.units is None else generated.units[drawn],
    )
