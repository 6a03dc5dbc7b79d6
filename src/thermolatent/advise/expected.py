"""The expected error of a prediction after MD that does not exist yet.

The estimator's equations are solved once more, with the frames that the new MD is expected to bring, and its variance is
evaluated there:

* more MD at a training temperature: its frames count more, and the variance between its units falls in proportion;
* MD at another temperature T: all present frames with their weights at T. The variance between its walkers is that of the
  influence of a frame at T, times the statistical inefficiency of this influence in the present MD, whose logarithm is taken
  to be linear in 1/kT.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thermolatent.correlation import runs, statistical_inefficiency
from thermolatent.errors import ThermolatentError
from thermolatent.reweight.design import Design, Half
from thermolatent.reweight.equations import Energies, Equations
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.influence import Influences, Partition, Parts
from thermolatent.reweight.parameters import prior_precision
from thermolatent.reweight.solution import Solution, solved
from thermolatent.reweight.temperature_basis import FUNCTIONS


@dataclass(frozen=True)
class NewMd:
    """MD at one temperature beside what there is: ``walkers`` of ``frames`` each, at the present interval between frames."""

    temperature: float
    walkers: int
    frames: int


@dataclass(frozen=True)
class _Refit:
    """The equations with expected frames, solved; ``weight`` is that of the energies."""

    equations: Equations
    solution: Solution
    weight: float


class Expectation:
    """Expected errors of the populations of a fitted estimator.

    Parameters
    ----------
    energies: those it was fitted to, ``(N,)`` in training frame order; None if it was fitted without.

    Raises :class:`ThermolatentError` for an estimator of one temperature or of replica exchange, and for energies of other MD.
    """

    def __init__(self, reweighting: ConditionalReweighting, energies: np.ndarray | None = None):
        self.reweighting, self.solution = reweighting, reweighting._fitted
        if len(reweighting.temperatures) < 2:
            raise ThermolatentError(
                f"the only MD is at {reweighting.temperatures[0]:g}; what a second temperature is worth cannot be known from it"
            )
        if reweighting.shared_units:
            raise ThermolatentError(
                "the MD is replica exchange; advice is for MD that is independent at each temperature"
            )
        n = reweighting.n_frames
        self._which, self._unit, self._counts = np.empty(n, int), np.empty(n, int), np.empty(n)
        design = self.solution.design
        for half in design.halves:
            self._which[half.frames], self._counts[half.frames] = half.which, half.counts
            self._unit[half.frames] = design.cell_unit[half.first_cell + half.cell]
        self._energies = None
        if self.solution.solved.energies:
            if energies is None or energies.shape != (n,):
                there = "none" if energies is None else f"{len(energies)}"
                raise ThermolatentError(
                    f"energies: {there} for {n} frames; give those that the estimator was fitted to"
                )
            self._energies = Energies.of(energies, self._which, self._counts > 0)

    def present(self, asked: float) -> tuple[np.ndarray, Parts]:
        """Shares of the named states at temperature ``asked`` ``(S,)``, and their variances."""
        found = self.reweighting.population_influences(asked)
        return found.values, found.parts()

    def parts(self, asked: float, md: NewMd) -> Parts:
        """Expected variances of the shares of the named states at temperature ``asked`` after ``md``."""
        b = self.reweighting.inverse_kT(asked)
        if md.temperature in self.reweighting.temperatures:
            return self._extended(b, self.reweighting.temperatures.index(md.temperature), md)
        return self._added(b, 1 / (self.reweighting.k * md.temperature), md)

    def _extended(self, b: float, k: int, md: NewMd) -> Parts:
        """After more MD at the k-th temperature."""
        design, partition = self.solution.design, self.solution.partition
        factor = 1 + md.walkers * md.frames / self._counts[self._which == k].sum()
        times = np.where(np.arange(len(self.solution.inverse_kT)) == k, factor, 1.0)
        halves = tuple(replace(half, counts=half.counts * times[half.which]) for half in design.halves)
        partition = replace(partition, frames=partition.frames * times[partition.which])
        fit = self._solve(replace(design, halves=halves), self.solution.inverse_kT, partition, self._energies)
        influences = fit.solution.populations(b)
        variance, freedom = influences.sampling()
        # Sums over ``factor`` times the frames vary ``factor`` times as much, those of multiplied counts factor^2 times.
        variance = np.where((partition.home == k)[:, None], variance / factor, variance)
        return Parts.of(variance, freedom, influences.form, influences.visits())

    def _added(self, b: float, b_new: float, md: NewMd) -> Parts:
        """After MD at the new temperature 1/k ``b_new``."""
        old = self.solution
        n, n_halves = self.reweighting.n_frames, len(old.design.halves)
        each = md.walkers * md.frames / n_halves
        halves, first, own = [], 0, []
        for half, log_w in zip(old.design.halves, old.log_weights(b_new), strict=True):
            halves.append(_doubled(half, n, len(old.inverse_kT), each * np.exp(log_w), first))
            cells = np.arange(half.first_cell, half.first_cell + len(half.cells))
            own += [(cells, False), (cells, True)]
            first += 2 * len(cells)
        cells = np.concatenate([part for part, _ in own])
        new = np.concatenate([np.full(len(part), copied) for part, copied in own])
        design = replace(
            old.design,
            halves=tuple(halves),
            cell_unit=old.design.cell_unit[cells],
            cell_state=old.design.cell_state[cells],
            cell_which=np.where(new, len(old.inverse_kT), old.design.cell_which[cells]),
            cell_chain=np.where(new, 0, old.design.cell_chain[cells]),
        )
        frames = np.concatenate([np.add.reduceat(half.counts, [c.start for c in half.cells]) for half in halves])
        partition = replace(
            old.partition,
            **{"unit": design.cell_unit, "state": design.cell_state, "which": design.cell_which},
            **{"chain": design.cell_chain, "frames": frames},
            visit=np.concatenate([old.partition.visit, self._at(b_new, old.partition.visit)[None]]),
        )
        energies = self._energies and self._with_new(self._energies, b_new)
        fit = self._solve(design, np.append(old.inverse_kT, b_new), partition, energies)
        influences = fit.solution.populations(b)
        variance, freedom = _of_old_units(influences, ~new)
        walkers = max(md.walkers / n_halves - 1, 1.0)
        variance = np.concatenate([variance, self._between_walkers(fit, influences, b, b_new, each)])
        freedom = np.concatenate([freedom, np.full(n_halves, walkers)])
        return Parts.of(variance, freedom, influences.form, influences.visits())

    def _with_new(self, energies: Energies, b_new: float) -> Energies:
        """With the energies of the frames at a new temperature: expected there, with each frame's present deviation.

        The offset of each temperature is free, and drops out.
        """
        old, theta = self.solution, self.solution.solved.theta
        spread = np.mean(energies.spread * old.inverse_kT) / b_new  # in proportion to kT
        values, slopes = np.empty(len(energies.values)), old.basis.slopes(old.inverse_kT) / energies.spread[:, None]
        for h, half in enumerate(old.design.halves):
            own = old.coefficients[h]
            offsets = np.array([theta[old.parameters.energy_places(h, k)[-1]] for k in range(len(old.inverse_kT))])
            missed = half.rows(energies.values) - offsets[half.which] - (own * slopes[half.which]).sum(1)
            values[half.frames] = missed + own @ (old.basis.slopes(b_new)[0] / spread)
        return replace(
            energies,
            values=np.concatenate([energies.values, values]),
            middle=np.append(energies.middle, 0.0),
            spread=np.append(energies.spread, spread),
        )

    def _solve(self, design: Design, inverse_kT: np.ndarray, partition: Partition, energies: Energies | None) -> _Refit:
        summary = self.reweighting.summary
        equations = Equations(design, inverse_kT, energies)
        precision = prior_precision(design, self.reweighting.heat_capacity, summary.ridge, equations.parameters.size)
        g_u = summary.g_u or 1.0
        found = solved(equations, precision, summary.g_c, g_u, None)
        weight = 0.0 if energies is None else 1 / (g_u * equations.mean_squared_residual(found.theta))
        return _Refit(equations, Solution(inverse_kT, design, partition, found), weight)

    def _between_walkers(self, fit: _Refit, influences: Influences, b: float, b_new: float, each: float) -> np.ndarray:
        """Variance of the new temperature's walkers on the shares at ``b``, by half ``(halves, S)``; ``each`` half gets so
        many frames."""
        n, found = self.reweighting.n_frames, np.empty((self.reweighting.n_frames, len(influences.values)))
        variance = np.empty((len(fit.solution.design.halves), found.shape[1]))
        for h, half in enumerate(fit.solution.design.halves):
            new = half.frames >= n
            own = self._influence_of_frames(fit, influences, b, h, new)
            found[half.frames[new] - n] = own
            w = half.counts[new] / half.counts[new].sum()
            variance[h] = w @ (own - w @ own) ** 2
        return each * variance * self._at(b_new, self._inefficiencies(found))

    def _influence_of_frames(
        self, fit: _Refit, influences: Influences, b: float, h: int, chosen: np.ndarray
    ) -> np.ndarray:
        """Influence on the shares at ``b`` of one more of each chosen frame of half ``h``, ``(n, S)``.

        The sum over the frames of a cell, times their counts, is the cell's influence (:class:`Influences`).
        """
        solution, summary = fit.solution, self.reweighting.summary
        design, parameters, K = solution.design, solution.parameters, len(solution.inverse_kT)
        half, n_halves = design.halves[h], len(design.halves)
        w, inside = np.exp(solution.log_weights(b)[h]), np.eye(design.n_states)[half.rows(solution.states)]
        share, columns, own = w @ inside, half.columns[chosen], solution.coefficients[h][chosen]
        with np.errstate(divide="ignore", invalid="ignore"):
            w = np.where(half.counts > 0, w / half.counts, 0.0)[chosen]
        direct = w[:, None] * (inside[chosen] - share) / n_halves
        C, places = columns.shape[1], parameters.places(h)
        weighted = influences.weighted[places]
        lean = [columns @ weighted[j * C : (j + 1) * C] for j in range(FUNCTIONS)]
        residual = solution.q[h][chosen].copy()
        residual[:, K - 1] -= 1
        pull = -(residual @ solution.phi)
        score = sum(pull[:, j, None] * lean[j] for j in range(FUNCTIONS)) + residual[:, 1:] @ weighted[FUNCTIONS * C :]
        score /= summary.g_c * summary.stride
        if (energies := fit.equations.energies) is not None:
            slopes, offset = fit.equations.slopes[K - 1], parameters.energy_places(h, K - 1)[-1]
            missed = energies.values[half.frames[chosen]] - solution.solved.theta[offset] - own @ slopes
            moved = sum(slopes[j] * lean[j] for j in range(FUNCTIONS)) + influences.weighted[offset]
            score -= fit.weight * missed[:, None] * moved
        return direct - score

    def _inefficiencies(self, values: np.ndarray) -> np.ndarray:
        """Statistical inefficiency of values ``(N, m)`` of all frames at each training temperature, ``(K, m)``."""
        found = np.ones((len(self.solution.inverse_kT), values.shape[1]))
        for k in range(len(found)):
            rows = np.flatnonzero((self._which == k) & (self._counts > 0))
            rows = rows[np.argsort(self._unit[rows], kind="stable")]
            pieces = [rows[piece] for piece in runs(self._unit[rows])]
            found[k] = [statistical_inefficiency([series[piece] for piece in pieces]) for series in values.T]
        return found

    def _at(self, b_new: float, values: np.ndarray) -> np.ndarray:
        """Values by temperature ``(K, m)`` at another one, ``(m,)``: logarithms are linear in b, constant beyond the ends.

        Reseeded walkers, which may be short, say nothing of them.
        """
        reseeded = np.unique(self.solution.design.cell_which[self.solution.design.cell_chain > 0])
        order = np.array([k for k in np.argsort(self.solution.inverse_kT) if k not in reseeded])
        b, logs = self.solution.inverse_kT[order], np.log(np.maximum(values, 1e-12))[order]
        return np.exp([np.interp(b_new, b, column) for column in logs.T])


def _doubled(half: Half, n: int, k: int, counts: np.ndarray, first_cell: int) -> Half:
    """A half with each frame once more, numbered from ``n``, at the k-th temperature and with other counts."""
    size = len(half.frames)
    return Half(
        frames=np.concatenate([half.frames, n + half.frames]),
        columns=np.concatenate([half.columns, half.columns]),
        places=half.places,
        which=np.concatenate([half.which, np.full(size, k)]),
        counts=np.concatenate([half.counts, counts]),
        cells=[*half.cells, *(slice(size + c.start, size + c.stop) for c in half.cells)],
        first_cell=first_cell,
        thinned=np.concatenate([half.thinned, size + half.thinned]),
    )


def _of_old_units(influences: Influences, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:meth:`Influences.sampling` of the units of the masked cells."""
    partition = influences.partition
    names = ("unit", "state", "which", "chain", "frames")
    own = replace(partition, **{name: getattr(partition, name)[cells] for name in names})
    return replace(influences, cells=influences.cells[cells], partition=own).sampling()
