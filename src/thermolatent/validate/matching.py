"""Scores at matched sample size, so that every row can be read against the same floor.

The reference walkers are split into halves A and B. The floor is D(A, B): what perfect, independent MD of that length
scores. Everything else is n = |A| points, drawn by weight or from the generated samples, against B; then the same with
A and B exchanged; the two are averaged. Of MD whose frames do not count alike, either half is its weighted histogram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermolatent.validate import divergence, sliced
from thermolatent.validate.divergence import BINNED, PAPER_BINS, Bins
from thermolatent.validate.free_energy import free_energy_rmse
from thermolatent.validate.uncertainty import bootstrap_masses, effective_sample_size, resampled
from thermolatent.validate.view import View


@dataclass
class Candidate:
    """A sample to be judged.

    Attributes
    ----------
    points: ``(N, d)``.
    weights: ``(N,)``, on any scale, or None for equal ones: frame weights, or how often frames of MD count. Weighted points
        are drawn by systematic resampling, others without replacement.
    walkers: ``(N,)`` MD walker of each point, or None for independent points.
    strata: ``(walkers,)`` temperature of each walker, within which the bootstrap draws.
    """

    points: np.ndarray
    weights: np.ndarray | None = None
    walkers: np.ndarray | None = None
    strata: np.ndarray | None = None

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Indices ``(n,)``."""
        if self.weights is None:
            return rng.permutation(len(self.points))[:n]
        cumulative = np.cumsum(self.weights, dtype=np.float64)
        # Systematic resampling: as little noise of its own as n points can have, and like the floor's points hardly any
        # frame twice where weights are even.
        levels = (np.arange(n) + rng.random()) * (cumulative[-1] / n)
        return np.minimum(np.searchsorted(cumulative, levels, side="right"), len(self.points) - 1)

    def mass(self, cells: np.ndarray, count: int) -> np.ndarray:
        """Share of the weight in each cell, ``(count,)``."""
        total = np.bincount(cells, self.weights, minlength=count)
        return total / (len(cells) if self.weights is None else total.sum())

    def histogram(self, cells: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Weight per walker and cell ``(walkers, count)`` and the walkers' strata; one row for independent points."""
        if self.walkers is None:
            return np.bincount(cells, self.weights, minlength=count)[None].astype(float), np.zeros(1, int)
        walkers = len(self.strata)
        flat = np.bincount(self.walkers * count + cells, self.weights, minlength=walkers * count)
        return flat.reshape(walkers, count).astype(float), self.strata

    def replicates(self, cells: np.ndarray, count: int, n: int | None, replicates: int, rng) -> np.ndarray:
        """Masses ``(replicates, count)`` of n points from resampled walkers; of all their frames where n is None."""
        histogram, strata = self.histogram(cells, count)
        masses = bootstrap_masses(histogram, strata, replicates, rng)
        if n is None:
            return masses
        visited = histogram.any(axis=0)
        masses[:, visited] = resampled(masses[:, visited], n, rng)
        return masses


def half_of(view: View, temperature: float, first: bool) -> Candidate:
    """Half A (``first``) or B of the reference."""
    mask = view.reference.half[temperature]
    mask = mask if first else ~mask
    points = view.points[temperature][mask]
    walkers, frames = points.shape[:2]
    counts = view.reference.counts[temperature][mask].ravel() if view.reference.weighted else None
    walker = np.repeat(np.arange(walkers), frames)
    return Candidate(points.reshape(walkers * frames, -1), counts, walker, np.zeros(walkers, int))


@dataclass
class Matched:
    """Scores of one candidate at one temperature: metric -> (value, standard error)."""

    scores: dict[str, tuple[float, float]]
    n_ref: int
    n_gen: int


def matched_scores(view: View, temperature: float, candidate: Candidate | None, replicates: int, rng) -> Matched:
    """Score ``candidate``, or the floor if it is None, in one plane at one simulated temperature."""
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
        # The whole other half is drawn from by nothing but its walkers.
        whole = candidate is None and n == len(other.points)
        value, error = {}, {}
        for kind, grid in bins.items():
            p_cells, q_cells = grid.assign(reference.points), grid.assign(generated.points)
            p = reference.mass(p_cells, grid.cells)
            q = generated.mass(q_cells, grid.cells) if whole else np.bincount(q_cells[drawn], minlength=grid.cells) / n
            ps = reference.replicates(p_cells, grid.cells, None, replicates, rng)
            qs = generated.replicates(q_cells, grid.cells, None if whole else n, replicates, rng)
            # Cells empty on all sides change nothing but the time it takes; the overflow cell must stay the last.
            kept = (ps > 0).any(0) | (qs > 0).any(0) | (p + q > 0)
            kept[-1] = True
            for name, function in _functions(kind, grid, n, view.js_name).items():
                value[name] = float(function(p, q))
                error[name] = function(ps[:, kept], qs[:, kept])
            if not kind and candidate is not None and candidate.weights is not None:
                name = f"{view.js_name}_floor_ess"
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
        # All frames drawn is the floor itself, every time: rounding would leave 1e-19 here.
        scores[name] = (float(np.mean(both)), stderr if stderr > 1e-15 else 0.0)
    n_ref, n_gen = np.mean(sizes, axis=0).round().astype(int)
    return Matched(scores, int(n_ref), int(n_gen))


def _functions(kind: str, grid: Bins, n: int, js_name: str) -> dict:
    """Scores ``f(reference mass, generated mass)`` on one set of bins."""
    if kind == "paper":
        return {"kl_sym_paper": lambda p, q: divergence.kl_sym_paper(p, q, grid.area)}
    named = {js_name if name == "js" else name: function for name, function in BINNED.items()}
    return {**named, "free_energy_rmse_kT": lambda p, q: free_energy_rmse(p[..., :-1], q[..., :-1], 0.5 / n)}


def _sliced(reference: Candidate, generated: Candidate, drawn: np.ndarray, transform, rng) -> tuple[float, float]:
    chosen = reference.draw(min(len(reference.points), sliced.MAX_POINTS), rng)
    drawn = rng.permutation(drawn)[: sliced.MAX_POINTS]
    return sliced.sliced_w2_with_error(
        transform(reference.points[chosen]),
        transform(generated.points[drawn]),
        reference.walkers[chosen],
        None if generated.walkers is None else generated.walkers[drawn],
    )
