"""Whether reweighting rests on the data or on the form of A(x, b) that was assumed: trust figures of the data, for every model.

From two training temperatures all that bends A between and beyond them is a conditional heat capacity, and only the
energies tell of one. A population is doubted where the bend they tell of moves it (:func:`basis_disagreement`), and where
their noise leaves open how large that bend is (:func:`heat_capacity_stderr`).
"""

from __future__ import annotations

import numpy as np

from thermolatent.frames import Frames
from thermolatent.learn.reweight import LINEAR, FrameWeights
from thermolatent.states.sets import StateSet, state_counts
from thermolatent.validate.populations import population_max_error


def basis_disagreement(frame_weights: FrameWeights, training: Frames, named: StateSet, temperature: float) -> float:
    """Largest difference of a named population between conditional reweighting and the form that the data leave beside it.

    With two training temperatures that is the form without a heat capacity. Three refute it where it is wrong; what they
    leave open is what the energies say and the temperatures alone do not, hence ``which_t``.
    """
    pair = [
        _populations(frame_weights, training, named, method, temperature)
        for method in ("conditional", LINEAR if len(training.temperatures) == 2 else "which_t")
    ]
    return float(population_max_error(*pair))


class HeatCapacityError:
    """Standard errors of the named populations from what the energies' noise leaves open of the states' heat capacities.

    For two training temperatures, with energies.
    """

    def __init__(self, frame_weights: FrameWeights, training: Frames, named: StateSet):
        self._frame_weights, self._training, self._named = frame_weights, training, named
        self._potential = frame_weights.potential("conditional")
        self.stderr = heat_capacity_stderr(
            *(training.flat(named.labels), training.units, training.strata),
            *(frame_weights.energy_residuals(), self._potential.bend_slopes(), len(named.names)),
        )

    def largest(self, temperature: float, kT: float) -> float:
        """The largest of them at ``temperature``: ln p/(1-p) of a state moves by the bend of A times its heat capacity."""
        p = _populations(self._frame_weights, self._training, self._named, "conditional", temperature)
        bend = abs(float(self._potential.bend(np.array([1 / kT]))[0]))
        return float((p * (1 - p) * bend * self.stderr).max())


def heat_capacity_stderr(
    labels: np.ndarray,
    walkers: np.ndarray,
    strata: np.ndarray,
    residuals: np.ndarray,
    slopes: np.ndarray,
    n_states: int,
) -> np.ndarray:
    """Standard error of the conditional heat capacity of each state against all others, by least squares on the energies.

    Robust to correlation within a walker (Liang and Zeger, Biometrika 73, 13, 1986).

    Parameters
    ----------
    labels: state of every frame, ``(N,)`` int.
    walkers: its walker, counted through over the temperatures, ``(N,)`` int.
    strata: temperature index of every walker.
    residuals: energies less their mean given the features and the temperature, ``(N,)`` kJ/mol.
    slopes: change of that mean per unit of heat capacity at each temperature, ``(K,)`` kJ/mol.

    Returns
    -------
    ndarray
        ``(n_states,)``, in units of k. 0 for a state without frames or without other states: it has no population to move.
    """
    n_walkers, stratum = len(strata), strata[walkers]
    variance = np.bincount(stratum, residuals**2) / np.bincount(stratum)
    variance = np.maximum(variance, 1e-12 * slopes**2)  # features that say all
    frames = state_counts(labels, walkers, n_walkers, n_states)
    sums = state_counts(labels, walkers, n_walkers, n_states, residuals)
    score, information = np.zeros_like(sums), np.zeros(n_states)
    for k, slope in enumerate(slopes):
        own = strata == k
        share = frames[own].sum(0) / frames[own].sum()
        score[own] = slope / variance[k] * (sums[own] - share * sums[own].sum(1, keepdims=True))
        information += slope**2 / variance[k] * frames[own].sum() * share * (1 - share)
    spread = np.sqrt((score**2).sum(0) * n_walkers / (n_walkers - 1))
    return np.divide(spread, information, out=np.zeros(n_states), where=information > 0)


def _populations(
    frame_weights: FrameWeights, training: Frames, named: StateSet, method: str, temperature: float
) -> np.ndarray:
    counts = named.by_unit(training, np.exp(frame_weights.log_weights(method, temperature))).sum(0)
    return counts / counts.sum()
