"""Conditional reweighting: populations, averages and frame weights at temperatures nobody simulated, with error bars."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from thermolatent.errors import ThermolatentError
from thermolatent.reweight import fitness, storage, thermodynamics
from thermolatent.reweight.correlation import runs, statistical_inefficiency, visits
from thermolatent.reweight.design import Design, build_design
from thermolatent.reweight.equations import Energies, Equations
from thermolatent.reweight.influence import Influences, Partition, linear_interval, share_interval
from thermolatent.reweight.prior import RIDGES, prior_precision
from thermolatent.reweight.sample import Sample, gather_sample
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


class ConditionalReweighting:
    """A learned potential of mean force as reduced potential in MBAR, with the error bars of docs/theory.md.

    Parameters
    ----------
    heat_capacity: how large a difference of heat capacities between conformations is plausible, in k. It decides how much the
        assumed dependence on temperature adds to an error bar.
    network: whether a network may add columns to the basis; False: named states and given columns only.
    seed: of the networks.

    Attributes
    ----------
    temperatures: training temperatures.
    state_names: of the named states.
    summary: what the fit rests on.
    assessments: whether the MD shows enough of each state at each temperature (:mod:`thermolatent.reweight.fitness`).
    """

    def __init__(self, heat_capacity: float = 5.0, network: bool = True, seed: int = 0):
        if not heat_capacity > 0:
            raise ThermolatentError(f"heat_capacity: {heat_capacity}; must be a positive number, in k")
        self.heat_capacity, self.network, self.seed = float(heat_capacity), network, seed
        self._solution: Solution | None = None

    def fit(
        self,
        features: Sequence[np.ndarray],
        temperatures: Sequence[float],
        energies: Sequence[np.ndarray] | None = None,
        states: Sequence[np.ndarray] | None = None,
        counts: Sequence[np.ndarray] | None = None,
        units: Sequence[np.ndarray] | None = None,
        temperature_unit: str = "kelvin",
        **more,
    ) -> ConditionalReweighting:
        """Fit to MD at the training temperatures; returns itself.

        Parameters
        ----------
        features: one array per temperature, ``(walkers, frames, n)``, or ``(frames, n)`` with ``units``.
        temperatures: in ``temperature_unit``: "kelvin" (energies in kJ/mol) or "reduced" (k = 1).
        energies: potential energies, ``(walkers, frames)`` each; None where there are none.
        states: named state of each frame, numbers or words; None: no populations, only means.
        counts: how often each frame counts (biased MD).
        units: of each frame, which independent piece of MD it is from; default: walkers.
        more: ``shared_units=True`` where units go through all temperatures (replica exchange: blocks of time);
            ``columns``, arrays ``(..., m)`` that join the basis; ``state_names`` of states given as numbers.

        Raises
        ------
        ThermolatentError
            One line that names the array and the temperature at fault.
        """
        sample = gather_sample(
            *(features, temperatures),
            **{"energies": energies, "states": states, "counts": counts, "units": units},
            **{"temperature_unit": temperature_unit, **more},
        )
        return self.fit_sample(sample)

    def fit_sample(self, sample: Sample) -> ConditionalReweighting:
        """As :meth:`fit`, to arrays that are put together already."""
        self.temperatures, self.k = sample.temperatures, sample.k
        self.state_names, self.shared_units = sample.state_names, sample.shared_units
        pieces = _pieces(sample)
        g = _inefficiency_of_states(sample, pieces)
        stride = max(1, min(int(g / _FRAMES_PER_INEFFICIENCY), len(sample.which) // _FEW_FRAMES))
        design = build_design(sample, stride, self.network, self.seed)
        g_c = _inefficiency_of_states(sample, [piece[::stride] for piece in pieces])
        energies = None if sample.energies is None else Energies.of(sample.energies, sample.which)
        if energies is not None and energies.clipped:
            log.warning("%d of %d energies are absurdly far from the others and count as the limit", energies.clipped,
                        len(energies.values))  # fmt: skip
        if len(sample.temperatures) == 1:
            energies = None  # they say how things change with temperature, of which there is one
        b = sample.inverse_kT
        ridge = _choose_ridge(sample, design, energies, g_c, self.heat_capacity)
        equations = Equations(design, b, energies)
        precision = prior_precision(design, self.heat_capacity, ridge, equations.parameters.size)
        g_u, theta = 1.0, None
        if energies is not None:
            theta = equations.solve(precision, g_c, g_u)[0]
            g_u = _inefficiency_of_residuals(equations, theta, pieces)
        found = solved(equations, precision, g_c, g_u, theta)
        self._solution = Solution(b, design, _partition(sample, design, pieces), found)
        self.summary = Summary(stride, g_c, g_u if energies is not None else None, ridge,
                               energies.clipped if energies is not None else 0)  # fmt: skip
        self.assessments = fitness.assess(sample, pieces)
        return self

    @property
    def _fitted(self) -> Solution:
        if self._solution is None:
            raise ThermolatentError("this ConditionalReweighting was not fitted: call fit, or load a file")
        return self._solution

    def inverse_kT(self, temperature: float) -> float:
        """1/kT; raises :class:`ThermolatentError` for what is no temperature, or another one than the only training one."""
        if isinstance(temperature, (str, bytes)) or np.ndim(temperature) or not 0 < temperature < np.inf:
            raise ThermolatentError(f"temperature: {temperature!r}; must be one positive number")
        if len(self.temperatures) == 1 and temperature != self.temperatures[0]:
            raise ThermolatentError(
                f"temperature: {temperature:g}, but the only MD is at {self.temperatures[0]:g}; it takes two temperatures to "
                "reweight to a third"
            )
        return 1 / (self.k * float(temperature))

    def weights(self, temperature: float) -> np.ndarray:
        """Weights of all frames, ``(N,)`` of sum 1, in training frame order: temperature as listed, walker, frame.

        Both halves of the units count the same.
        """
        log_w = self._fitted.log_weights(self.inverse_kT(temperature))
        w = np.empty(sum(len(part) for part in log_w))
        for half, part in zip(self._fitted.design.halves, log_w, strict=True):
            w[half.frames] = np.exp(part) / len(log_w)
        return w

    def populations(self, temperature: float) -> pd.DataFrame:
        """Shares of the named states.

        Returns
        -------
        DataFrame
            One row per state: ``state``, ``value``, ``stderr``, ``low`` and ``high`` of the 95 % interval; ``sampling``,
            ``form``, ``visits``: half of the interval that each alone would have; ``degrees_of_freedom``.
        """
        influences = self.population_influences(temperature)
        frame = _table(influences, share_interval)
        frame.insert(0, "state", list(self.state_names))
        return frame

    def shares(self, temperature: float) -> np.ndarray:
        """The values of :meth:`populations` alone, ``(states,)``: many times faster."""
        return self._fitted.shares(self.inverse_kT(temperature))

    def population_influences(self, temperature: float) -> Influences:
        """The shares with their influences, for what is computed from several of them."""
        return self._fitted.populations(self.inverse_kT(temperature))

    def mean(self, temperature: float, observable: np.ndarray) -> pd.DataFrame:
        """Mean of a per-frame quantity ``(N,)`` or ``(N, m)`` in training frame order; columns as :meth:`populations`.

        Also of histograms: give indicators.
        """
        values = np.asarray(observable, np.float64)
        values = values.reshape(len(values), -1)
        n = sum(len(half.frames) for half in self._fitted.design.halves)
        if len(values) != n:
            raise ThermolatentError(f"observable: {len(values)} values for {n} frames")
        return _table(self._fitted.mean(self.inverse_kT(temperature), values), linear_interval)

    def influence(self, temperature: float, state: str) -> np.ndarray:
        """Influence of each unit on a state's population, ``(units,)``: which walker decides an answer.

        The units of one temperature add up to 0.
        """
        return self.population_influences(temperature).units()[:, self._state(state)]

    def free_energies(self, temperature: float, reference: str | None = None) -> pd.DataFrame:
        """-ln p of each state less that of ``reference`` (default: the first), in kT; columns as :meth:`populations`."""
        s = 0 if reference is None else self._state(reference)
        frame = _table(thermodynamics.free_energies(self.population_influences(temperature), s), linear_interval)
        frame.insert(0, "state", list(self.state_names))
        return frame

    def melting(self, state: str) -> pd.DataFrame:
        """Where a state's population is one half, and how it changes there; see :mod:`thermolatent.reweight.thermodynamics`.

        Rows ``Tm``, ``dH``, ``dS``, ``dCp``. Raises :class:`ThermolatentError` where no temperature near has one half.
        """
        s = self._state(state)
        frame = _table(thermodynamics.melting(self, s), linear_interval)
        frame.insert(0, "quantity", list(thermodynamics.MELTING))
        return frame

    def heat_capacities(self) -> pd.DataFrame:
        """c of each state less that of the first, in k: columns as :meth:`populations`."""
        frame = _table(thermodynamics.heat_capacities(self._fitted), linear_interval)
        frame.insert(0, "state", list(self.state_names))
        return frame

    def _state(self, name: str) -> int:
        if name not in self.state_names:
            raise ThermolatentError(f"state: '{name}' is none of {', '.join(self.state_names)}")
        return self.state_names.index(name)

    def save(self, path: str | Path) -> None:
        """Write all that predictions need into one safetensors file."""
        storage.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> ConditionalReweighting:
        """Read what :meth:`save` wrote; raises :class:`ArtifactError` for another file or version."""
        return storage.load(cls, path)


def _table(influences: Influences, interval) -> pd.DataFrame:
    parts = influences.parts()
    low, high = interval(influences.values, parts)
    variances = {"sampling": parts.sampling.sum(0), "form": parts.form, "visits": parts.visits}
    return pd.DataFrame(
        {
            **{"value": influences.values, "stderr": parts.stderr, "low": low, "high": high},
            **{name: parts.quantile * np.sqrt(variance) for name, variance in variances.items()},
            "degrees_of_freedom": parts.degrees_of_freedom,
        }
    )


def _pieces(sample: Sample) -> list[np.ndarray]:
    """Frame numbers of each unit at each temperature, in time."""
    group = sample.unit * len(sample.temperatures) + sample.which
    order = np.argsort(group, kind="stable")
    return [order[piece] for piece in runs(group[order])]


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


def _partition(sample: Sample, design: Design, pieces: list[np.ndarray]) -> Partition:
    K, S = len(sample.temperatures), len(sample.state_names)
    frames = np.concatenate([[half.counts[cell].sum() for cell in half.cells] for half in design.halves])
    visit = np.zeros((K, S))
    for k in range(K):
        labels = [sample.states[piece] for piece in pieces if sample.which[piece[0]] == k]
        flat = np.concatenate(labels)
        bounds = np.cumsum([0, *map(len, labels)])
        slices = [slice(a, b) for a, b in zip(bounds, bounds[1:], strict=False)]
        for s in range(S):
            lengths, _ = visits(flat == s, slices)
            visit[k, s] = lengths.mean() if len(lengths) else 0.0
    visit = np.where(visit > 0, visit, visit.max(axis=0))  # of a state unseen at a temperature, as long as elsewhere
    # A half is normalised by itself, which is as good as drawn by itself: its units scatter about their own mean.
    half = np.zeros(len(sample.stratum), int)
    for h, part in enumerate(design.halves):
        half[np.unique(sample.unit[part.frames])] = h
    drawn = np.unique(sample.stratum * len(design.halves) + half, return_inverse=True)[1]
    return Partition(design.cell_unit, design.cell_state, design.cell_which, drawn, frames, visit)


def _choose_ridge(
    sample: Sample, design: Design, energies: Energies | None, g_c: float, heat_capacity: float
) -> float:
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
    """Fold of each unit: every second of each half and stratum; None if one of those has a single unit."""
    fold = np.zeros(len(sample.stratum), int)
    for half in design.halves:
        units = np.unique(sample.unit[half.frames])
        for s in np.unique(sample.stratum):
            members = units[sample.stratum[units] == s]
            if len(members) < 2:
                return None
            fold[members[1::2]] = 1
    return fold
