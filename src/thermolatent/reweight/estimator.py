"""Conditional reweighting: populations, averages and frame weights at temperatures nobody simulated, with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from thermolatent.errors import ThermolatentError
from thermolatent.parsing import whole_number
from thermolatent.reweight import fitness, storage, thermodynamics
from thermolatent.reweight.fitting import fit, pieces_in_time
from thermolatent.reweight.influence import Influences, linear_interval, share_interval
from thermolatent.reweight.sample import Sample, gather_sample
from thermolatent.reweight.solution import Solution
from thermolatent.reweight.soundness import Soundness

#: A temperature further than this factor from all training temperatures is a mistake.
MOST_FACTOR = 1e4


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
    soundness: whether the MD as a whole is fit to answer (:mod:`thermolatent.reweight.soundness`); unknown where a study's
        stage did not look.
    """

    def __init__(self, heat_capacity: float = 5.0, network: bool = True, seed: int = 0):
        if not _is_positive(heat_capacity):
            raise ThermolatentError(f"heat_capacity: {heat_capacity!r}; must be a positive number, in k")
        self.heat_capacity, self.network = float(heat_capacity), bool(network)
        self.seed = whole_number("seed", seed, 0)
        self._solution: Solution | None = None

    def __repr__(self) -> str:
        at = "" if self._solution is None else f" fitted at {', '.join(f'{T:g}' for T in self.temperatures)}"
        states = ", ".join(map(str, self.state_names)) if at else "not fitted"
        return f"<ConditionalReweighting{at}: {states}>"

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
            ``columns``, arrays ``(..., m)`` that join the basis; ``state_names`` of states given as numbers; ``pieces``, of
            each frame, which series in time it is from, where units are blocks of longer series: visits are counted there.

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
        solution, summary = fit(sample, self.heat_capacity, self.network, self.seed)
        self.assessments = fitness.assess(sample, pieces_in_time(sample))
        self.soundness = Soundness.unknown(sample.temperatures)
        self.temperatures, self.k = sample.temperatures, sample.k
        self.state_names, self.shared_units = sample.state_names, sample.shared_units
        self._solution, self.summary = solution, summary
        return self

    @property
    def _fitted(self) -> Solution:
        if self._solution is None:
            raise ThermolatentError("this ConditionalReweighting was not fitted: call fit, or load a file")
        return self._solution

    def inverse_kT(self, temperature: float) -> float:
        """1/kT; raises :class:`ThermolatentError` for what is no temperature, or another one than the only training one."""
        _ = self._fitted
        temperature = checked_temperature(temperature)
        if not min(self.temperatures) / MOST_FACTOR <= temperature <= max(self.temperatures) * MOST_FACTOR:
            raise ThermolatentError(
                f"temperature: {temperature:g}, but the MD is at {min(self.temperatures):g} to {max(self.temperatures):g}; "
                "is it in the same unit?"
            )
        if len(self.temperatures) == 1 and temperature != self.temperatures[0]:
            raise ThermolatentError(
                f"temperature: {temperature:g}, but the only MD is at {self.temperatures[0]:g}; it takes two temperatures to "
                "reweight to a third"
            )
        return 1 / (self.k * temperature)

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

    @property
    def n_frames(self) -> int:
        """Number of frames N that it was fitted to."""
        return sum(len(half.frames) for half in self._fitted.design.halves)

    @property
    def states(self) -> np.ndarray:
        """Number of the named state of each frame, ``(N,)`` in training frame order."""
        return self._fitted.states

    def shares(self, temperature: float) -> np.ndarray:
        """The values of :meth:`populations` alone, ``(states,)``: many times faster."""
        return self._fitted.shares(self.inverse_kT(temperature))

    def population_influences(self, temperature: float) -> Influences:
        """The shares with their influences, for what is computed from several of them."""
        return self._fitted.populations(self.inverse_kT(temperature))

    def mean(self, temperature: float, observable: np.ndarray) -> pd.DataFrame:
        """Mean of a per-frame quantity ``(N,)`` or ``(N, m)`` in training frame order; columns as :meth:`populations`.

        Of a histogram: :meth:`bin_influences`.
        """
        return _table(self.mean_influences(temperature, observable), linear_interval)

    def mean_influences(self, temperature: float, observable: np.ndarray) -> Influences:
        """The means of :meth:`mean` with their influences."""
        n = self.n_frames
        try:
            values = np.asarray(observable, np.float64)
        except (TypeError, ValueError) as error:
            raise ThermolatentError(f"observable: no array of numbers ({error})") from error
        if values.ndim not in (1, 2) or len(values) != n:
            raise ThermolatentError(f"observable: shape {values.shape}; must be ({n},) or ({n}, m), one row per frame")
        values = values.reshape(n, -1)
        if not np.isfinite(values).all():
            raise ThermolatentError(
                f"observable: {int((~np.isfinite(values)).any(1).sum())} of {n} frames are not finite"
            )
        return self._fitted.mean(self.inverse_kT(temperature), values)

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

    def free_energy_surface(self, temperature: float, bins: np.ndarray, n_bins: int | None = None) -> pd.DataFrame:
        """-ln p of each bin of a histogram, in kT: a free-energy surface, or a profile, in any coordinates.

        The error is that of -ln p itself, p being the bin's share of everything: a surface that is shifted to another zero
        keeps it, while a difference between two bins has an error of its own (:meth:`bin_influences`).

        Parameters
        ----------
        bins: number of the bin that each frame is in, ``(N,)`` in training frame order; frames outside need one too.
        n_bins: number of bins; default: the largest in ``bins`` and one.

        Returns
        -------
        DataFrame
            One row per bin, columns as :meth:`populations`; NaN where no frame lies.
        """
        occupied, influences = self.bin_influences(temperature, bins)
        table = _table(thermodynamics.surface(influences), linear_interval)
        return table.set_index(occupied).reindex(range(int(occupied.max()) + 1 if n_bins is None else n_bins))

    def bin_influences(self, temperature: float, bins: np.ndarray) -> tuple[np.ndarray, Influences]:
        """Numbers of the bins that frames lie in, ascending ``(m,)``, and their shares with influences.

        ``bins`` as in :meth:`free_energy_surface`.
        """
        n, bins = self.n_frames, np.asarray(bins)
        if bins.shape != (n,) or bins.dtype.kind not in "iu" or bins.min() < 0:
            raise ThermolatentError(
                f"bins: {bins.dtype} of shape {bins.shape}; must be ({n},) whole numbers from 0, one per frame"
            )
        occupied, own = np.unique(bins, return_inverse=True)
        return occupied, self._fitted.histogram(self.inverse_kT(temperature), own, len(occupied))

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
        _ = self._fitted
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


def checked_temperature(temperature: float) -> float:
    """A temperature that somebody asks for; raises :class:`ThermolatentError` for what is none."""
    if not _is_positive(temperature):
        raise ThermolatentError(f"temperature: {temperature!r}; must be one positive number")
    return float(temperature)


def _is_positive(value: object) -> bool:
    """Whether it is one positive number, not infinite."""
    array = np.asarray(value)
    return array.ndim == 0 and array.dtype.kind in "fiu" and 0 < float(array) < np.inf


def _table(influences: Influences, interval) -> pd.DataFrame:
    parts = influences.parts()
    low, high = interval(influences.values, parts)
    return pd.DataFrame(
        {
            **{"value": influences.values, "stderr": parts.stderr, "low": low, "high": high},
            **{name: half for name, half in parts.halves.items() if name != "model"},
            "degrees_of_freedom": parts.degrees_of_freedom,
        }
    )
