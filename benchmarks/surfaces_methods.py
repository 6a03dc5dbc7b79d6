"""Three surfaces of one plane from the same weighted frames: histogram, kernel density, density model (benchmarks/surfaces.py).

Every choice here was fixed before any of them was judged.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.fft import fftfreq, irfft2, rfft2, rfftfreq

from thermolatent.densities.descent import FitSettings
from thermolatent.densities.fit import FittedDensity, Split, fit_samples
from thermolatent.learn.informed import InformedPool
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.sampling import held_out_units
from thermolatent.validate.divergence import Bins
from thermolatent.validate.uncertainty import effective_sample_size

sys.path.append(str(Path(__file__).parents[1] / "workflow/papers"))
from survey_torsions import emptiest, wrapped

#: Cells per bin and axis on which kernel densities and density models are tabulated.
SUB = 6
#: Bandwidths that held-out walkers choose among, in units of Scott's.
FACTORS = 2.0 ** np.arange(0.5, -4.1, -0.5)
FOLDS = 4
#: Kernels are cut off at so many of their standard deviations.
REACH = 6
#: As a study's `learn` and its model `latf` have them.
DENSITY = {"kind": "flow", "transform": "spline", "base": "tilted", "couplings": 6, "width": 32, "bins": 16}
TEMPERATURE = ("steer", "condition")
SETTINGS = FitSettings()
HELD_OUT = 0.2
#: Informed pairs: pools of 32 temperatures each, and as many training frames at their own temperatures beside them.
PER_STEP, POOL_STEPS, POOLS = 4096, 16, 4


@dataclass(frozen=True)
class ShortMd:
    """The frames of one set in training frame order, and the estimator fitted to them.

    Attributes
    ----------
    points: in the plane, ``(N, 2)``.
    walker: number of the walker among those of its temperature, ``(N,)``; ``frame_temperature`` likewise.
    """

    estimator: ConditionalReweighting
    points: np.ndarray
    walker: np.ndarray
    frame_temperature: np.ndarray
    periodic: bool

    @property
    def smallest(self) -> float:
        """What an empty bin counts as: half a frame."""
        return 0.5 / len(self.points)


# kernel density


def scott(points: np.ndarray, weights: np.ndarray, periodic: bool) -> np.ndarray:
    """Scott's bandwidth matrix ``(2, 2)`` for weighted points; in two dimensions Silverman's is the same.

    The sample size is Kish's. The spread of angles is about their circular mean.
    """
    if periodic:
        mean = np.angle(weights @ np.exp(1j * points))
        deviation = wrapped(points - mean)
    else:
        deviation = points - weights @ points
    covariance = (deviation * weights[:, None]).T @ deviation
    return covariance * effective_sample_size(weights) ** (-1 / 3)


class Grid:
    """The bins cut finer, on which kernels are added up by FFT: around the circle, or with empty margins."""

    def __init__(self, bins: Bins, periodic: bool):
        self.bins, self.periodic = bins, periodic
        self.fine = Bins(tuple(np.linspace(e[0], e[-1], SUB * (len(e) - 1) + 1) for e in bins.edges))
        self.step = np.array([e[1] - e[0] for e in self.fine.edges])

    def counts(self, cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Weight in each fine cell ``(n, n)``; the bins span all of the MD, so no frame is outside."""
        return np.bincount(cells, weights, minlength=self.fine.cells)[:-1].reshape(self.fine.shape)

    def smooth(self, counts: np.ndarray, bandwidths: list[np.ndarray]) -> list[np.ndarray]:
        """Fine masses ``(n, n)`` under each bandwidth matrix; what is missing from their sum has left the plane."""
        reach = REACH * np.sqrt(np.max([np.diag(H) for H in bandwidths], axis=0))
        margin = 0 if self.periodic else np.ceil(reach / self.step).astype(int)
        shape = tuple(int(n) for n in np.array(counts.shape) + margin)
        spectrum = rfft2(counts, shape)
        fx = fftfreq(shape[0], self.step[0])[:, None]
        fy = rfftfreq(shape[1], self.step[1])[None]
        found = []
        for H in bandwidths:
            kernel = np.exp(-2 * np.pi**2 * (H[0, 0] * fx**2 + 2 * H[0, 1] * fx * fy + H[1, 1] * fy**2))
            mass = irfft2(spectrum * kernel, shape)[: counts.shape[0], : counts.shape[1]]
            found.append(np.maximum(mass, 0))
        return found

    def coarse(self, mass: np.ndarray) -> np.ndarray:
        """Mass ``(cells,)`` in the bins and the overflow cell."""
        a, b = self.bins.shape
        inside = mass.reshape(a, SUB, b, SUB).sum((1, 3)).ravel()
        inside = inside / max(1.0, inside.sum())
        return np.append(inside, 1 - inside.sum())


def kernel_densities(md: ShortMd, bins: Bins, temperature: float) -> dict[str, tuple[np.ndarray, float]]:
    """Mass ``(cells,)`` and bandwidth in units of Scott's, by Scott's rule and by held-out walkers."""
    grid = Grid(bins, md.periodic)
    weights = md.estimator.weights(temperature)
    H = scott(md.points, weights, md.periodic)
    cells = grid.fine.assign(md.points)
    candidates = [H * factor**2 for factor in FACTORS]
    score, fold = np.zeros(len(FACTORS)), md.walker % FOLDS
    for k in range(FOLDS):
        mine, own = np.where(fold == k, 0, weights), fold == k
        for c, mass in enumerate(grid.smooth(grid.counts(cells, mine / mine.sum()), candidates)):
            # One frame's share of the mass lies everywhere alike, so that no single frame decides.
            share = mass.ravel() + 1 / (len(weights) * mass.size)
            score[c] += weights[own] @ np.log(share[cells[own]])
    best = int(score.argmax())
    counts = grid.counts(cells, weights)
    scotts, chosen = grid.smooth(counts, [H, candidates[best]])
    return {
        "kernel, Scott": (grid.coarse(scotts), 1.0),
        "kernel, held out": (grid.coarse(chosen), float(FACTORS[best])),
    }


# density model


@dataclass(frozen=True)
class PlaneDensity:
    """A density of the plane, on the line or around the circle.

    Attributes
    ----------
    middle: opposite to where angles are cut open, ``(2,)``; None where there are none.
    """

    fitted: FittedDensity
    middle: np.ndarray | None

    def mass(self, bins: Bins, temperature: float) -> np.ndarray:
        """Mass ``(cells,)`` by the midpoint rule; of angles, that of all periodic images one turn away."""
        grid = Grid(bins, self.middle is not None)
        centers = [(e[1:] + e[:-1]) / 2 for e in grid.fine.edges]
        points = np.stack(np.meshgrid(*centers, indexing="ij"), axis=-1).reshape(-1, 2)
        turns = [(0, 0)]
        if self.middle is not None:
            points, turns = wrapped(points - self.middle), [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        p = sum(np.exp(self.fitted.log_prob(points + 2 * np.pi * np.array(turn), temperature)) for turn in turns)
        return grid.coarse((p * grid.step.prod()).reshape(grid.fine.shape))


def fit_plane_density(md: ShortMd, inverse_range: tuple[float, float], tau: float, seed: int) -> PlaneDensity:
    """An informed spline flow of the plane, stopped by the held-out walkers of the same short MD."""
    points, middle = md.points, None
    if md.periodic:
        middle = emptiest(points) + np.pi
        points = wrapped(points - middle)
    low, high = inverse_range
    T_ref = float(min(md.estimator.temperatures))
    held = held_out_units(int(md.walker.max()) + 1, HELD_OUT)[md.walker]
    parts = []
    for mask, pools in ((~held, POOLS), (held, 1)):
        rows, at = _informed(md, mask, inverse_range, pools, seed)
        parts += [points[rows].astype(np.float32), (at / T_ref).astype(np.float32)]
    theta_range = [1 / high / T_ref, 1 / low / T_ref]
    split = Split(*(torch.from_numpy(part) for part in parts))
    descent = fit_samples({**DENSITY, "tau": tau}, split, TEMPERATURE, theta_range, SETTINGS, seed)
    about = {"T_ref": T_ref, "theta_range": theta_range, "steps": descent.step}
    return PlaneDensity(FittedDensity(descent.density, about), middle)


def _informed(
    md: ShortMd, mask: np.ndarray, inverse_range: tuple[float, float], pools: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and their temperatures: half drawn by weight, half frames of ``mask`` at their own; in random order."""
    pool = InformedPool(
        md.estimator.weights, inverse_range, mask.astype(float), md.frame_temperature, PER_STEP, POOL_STEPS, seed
    )
    rows, at = (np.concatenate(part) for part in zip(*map(pool.draw, range(pools * POOL_STEPS)), strict=True))
    own = np.flatnonzero(mask)
    own = own[np.arange(len(rows)) * len(own) // len(rows)]
    rows, at = np.concatenate([rows, own]), np.concatenate([at, md.frame_temperature[own]])
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows[order], at[order]
