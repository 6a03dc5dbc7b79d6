"""Conditional reweighting: populations, averages and frame weights at other temperatures than the MD's, with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.parsing import whole_number
from thermolatent.reweight import fitness, storage, thermodynamics
from thermolatent.reweight.fitness import Soundness
from thermolatent.reweight.fitting import fit, pieces_in_time
from thermolatent.reweight.influence import Influences, linear_interval, share_interval
from thermolatent.reweight.sample import Arrays, Sample
from thermolatent.reweight.solution import Solution

if TYPE_CHECKING:
    from thermolatent.frames import Frames

#: Temperatures further than this factor from the training temperatures are refused.
MOST_FACTOR = 1e4


class ConditionalReweighting:
    """A learned potential of mean force as reduced potential in MBAR, with the error bars of docs/theory.md.

    Parameters
    ----------
    heat_capacity: standard deviation of the prior for differences of heat capacities between states, in k. It determines the
        contribution of the assumed temperature dependence to an error bar.
    network: whether a network may add columns to the basis; False: named states and given columns only.
    seed: of the networks.

    Attributes
    ----------
    temperatures: training temperatures.
    state_names: of the named states.
    summary: parameters of the fit.
    assessments: whether the MD samples each state enough at each temperature (:mod:`thermolatent.reweight.fitness`).
    soundness: checks of the MD as a whole (:mod:`thermolatent.reweight.fitness`); unknown unless the stage reweight made
        them.
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
        more: ``units``, of each frame the number of its independent piece of MD (default: walkers);
            ``shared_units=True`` if units span all temperatures (replica exchange: blocks of time); ``columns``, arrays
            ``(..., m)`` that join the basis; ``state_names`` of states given as numbers; ``pieces``, of each frame the
            number of its time series, where units are blocks of longer series: visits are counted along these.

        Raises
        ------
        ThermolatentError
            One line with the array, the temperature and the error.
        """
        more |= {"energies": energies, "states": states, "counts": counts}
        return self.fit_sample(Arrays(features, temperatures, temperature_unit=temperature_unit, **more).sample())

    def fit_sample(self, sample: Sample) -> ConditionalReweighting:
        """As :meth:`fit`, to a checked sample."""
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
            raise ThermolatentError("this ConditionalReweighting is not fitted: call fit, or load a file")
        return self._solution

    def inverse_kT(self, temperature: float) -> float:
        """1/kT; raises :class:`ThermolatentError` for an invalid temperature, or one that needs a second training temperature."""
        _ = self._fitted
        temperature = checked_temperature(temperature)
        if not min(self.temperatures) / MOST_FACTOR <= temperature <= max(self.temperatures) * MOST_FACTOR:
            raise ThermolatentError(
                f"temperature: {temperature:g}, but the MD is at {min(self.temperatures):g} to {max(self.temperatures):g}; "
                "is it in the same unit?"
            )
        if len(self.temperatures) == 1 and temperature != self.temperatures[0]:
            raise ThermolatentError(
                f"temperature: {temperature:g}, but the only MD is at {self.temperatures[0]:g}; reweighting to another "
                "temperature needs MD at two"
            )
        return 1 / (self.k * temperature)

    def weights(self, temperature: float) -> np.ndarray:
        """Weights of all frames, ``(N,)`` of sum 1, in training frame order: temperature as listed, walker, frame.

        The weights of each half of the units have the same sum.
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
            ``form``, ``visits``: half width of the interval by each cause alone; ``degrees_of_freedom``.
        """
        return _table(self.population_influences(temperature), share_interval, state=self.state_names)

    @property
    def n_frames(self) -> int:
        """Number N of frames in the fit."""
        return sum(len(half.frames) for half in self._fitted.design.halves)

    @property
    def states(self) -> np.ndarray:
        """Number of the named state of each frame, ``(N,)`` in training frame order."""
        return self._fitted.states

    def shares(self, temperature: float) -> np.ndarray:
        """The values of :meth:`populations` without errors, ``(states,)``: many times faster."""
        return self._fitted.shares(self.inverse_kT(temperature))

    def population_influences(self, temperature: float) -> Influences:
        """The shares with their influences, for functions of several shares."""
        return self._fitted.populations(self.inverse_kT(temperature))

    def mean(self, temperature: float, observable: np.ndarray) -> pd.DataFrame:
        """Mean of a per-frame quantity ``(N,)`` or ``(N, m)`` in training frame order; columns as :meth:`populations`.

        For histograms see :meth:`bin_influences`.
        """
        return _table(self.mean_influences(temperature, observable), linear_interval)

    def mean_influences(self, temperature: float, observable: np.ndarray) -> Influences:
        """The means of :meth:`mean` with their influences."""
        n = self.n_frames
        try:
            values = np.asarray(observable, np.float64)
        except (TypeError, ValueError) as error:
            raise ThermolatentError(f"observable: not an array of numbers ({error})") from error
        if values.ndim not in (1, 2) or len(values) != n:
            raise ThermolatentError(f"observable: shape {values.shape}; must be ({n},) or ({n}, m), one row per frame")
        values = values.reshape(n, -1)
        if not np.isfinite(values).all():
            raise ThermolatentError(
                f"observable: {int((~np.isfinite(values)).any(1).sum())} of {n} frames are not finite"
            )
        return self._fitted.mean(self.inverse_kT(temperature), values)

    def influence(self, temperature: float, state: str) -> np.ndarray:
        """Influence of each unit (walker) on a state's population, ``(units,)``; of sum 0 over the units of a temperature."""
        return self.population_influences(temperature).units()[:, self._state(state)]

    def free_energies(self, temperature: float, reference: str | None = None) -> pd.DataFrame:
        """-ln p of each state minus that of ``reference`` (default: the first), in kT; columns as :meth:`populations`."""
        s = 0 if reference is None else self._state(reference)
        found = thermodynamics.free_energies(self.population_influences(temperature), s)
        return _table(found, linear_interval, state=self.state_names)

    def free_energy_surface(self, temperature: float, bins: np.ndarray, n_bins: int | None = None) -> pd.DataFrame:
        """-ln p of each bin of a histogram, in kT: a free-energy surface, or a profile, in any coordinates.

        The error is that of -ln p, with p the bin's share of the total: it does not change when the surface is shifted to
        another zero. For the error of a difference between bins see :meth:`bin_influences`.

        Parameters
        ----------
        bins: bin of each frame, ``(N,)`` in training frame order; frames outside need a bin, too.
        n_bins: number of bins; default: the largest number in ``bins`` plus one.

        Returns
        -------
        DataFrame
            One row per bin, columns as :meth:`populations`; NaN for bins without frames.
        """
        occupied, influences = self.bin_influences(temperature, bins)
        table = _table(thermodynamics.surface(influences), linear_interval)
        return table.set_index(occupied).reindex(range(int(occupied.max()) + 1 if n_bins is None else n_bins))

    def bin_influences(self, temperature: float, bins: np.ndarray) -> tuple[np.ndarray, Influences]:
        """Numbers of the occupied bins, ascending ``(m,)``, and their shares with influences.

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
        """Melting temperature of a state and its unfolding thermodynamics (:func:`thermolatent.reweight.thermodynamics.melting`).

        Rows ``Tm``, ``dH``, ``dS``, ``dCp``. Raises :class:`ThermolatentError` if the population is not 1/2 at any temperature
        near the training temperatures.
        """
        found = thermodynamics.melting(self, self._state(state))
        return _table(found, linear_interval, quantity=thermodynamics.MELTING)

    def heat_capacities(self) -> pd.DataFrame:
        """c of each state minus that of the first, in k: columns as :meth:`populations`."""
        return _table(thermodynamics.heat_capacities(self._fitted), linear_interval, state=self.state_names)

    def _state(self, name: str) -> int:
        _ = self._fitted
        if name not in self.state_names:
            raise ThermolatentError(f"state: '{name}' is not one of {', '.join(self.state_names)}")
        return self.state_names.index(name)

    def save(self, path: str | Path) -> None:
        """Write all that predictions need into one safetensors file."""
        storage.save(self, path)

    @classmethod
    def load(cls, path: str | Path, frames: Frames | None = None) -> ConditionalReweighting:
        """Read a file of :meth:`save`.

        Raises :class:`ArtifactError` for another file or version, and if it was not fitted to ``frames``.
        """
        found = storage.load(cls, path)
        if frames is not None and (list(found.temperatures), found.n_frames) != (frames.temperatures, len(frames)):
            raise ArtifactError(
                f"{path}: was fitted to {found.n_frames} frames at other temperatures or of other length than the "
                f"{len(frames)} there are; delete it and run reweight again"
            )
        return found


def checked_temperature(temperature: float) -> float:
    """A temperature as a float; raises :class:`ThermolatentError` for anything but one positive number."""
    if not _is_positive(temperature):
        raise ThermolatentError(f"temperature: {temperature!r}; must be one positive number")
    return float(temperature)


def _is_positive(value: object) -> bool:
    """Whether it is one positive finite number."""
    array = np.asarray(value)
    return array.ndim == 0 and array.dtype.kind in "fiu" and 0 < float(array) < np.inf


def _table(influences: Influences, interval, **names: Sequence[str]) -> pd.DataFrame:
    """Values, errors and intervals of predictions, one row each, after the columns ``names``."""
    parts = influences.parts()
    low, high = interval(influences.values, parts)
    return pd.DataFrame(
        {
            **{column: list(values) for column, values in names.items()},
            **{"value": influences.values, "stderr": parts.stderr, "low": low, "high": high},
            **{name: half for name, half in parts.halves.items() if name != "model"},
            "degrees_of_freedom": parts.degrees_of_freedom,
        }
    )
