"""A harmonic bath that stands for a solvent whose energy is known exactly.

The potential energy u of n harmonic degrees of freedom at temperature T is distributed as Gamma(n/2, kT), whatever their
frequencies. Drawn for each frame and added to its energy, it does not change the ensemble of the frames, but the
energies of two temperatures do not overlap any more. Where n = M + dM s(x) depends on the frame, the marginal of x becomes

    p_T(x) proportional to exp(-U(x)/kT) T^(dM s(x)/2),

so frames of the MD then carry log-weights (dM/2) s(x) ln(T/T0). T0, at which they all vanish, is given by the
frequencies of the bath, which add a constant entropy. d ln p/d(1/kT) = <U> - E[U|x] still holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from thermolatent.featurize.settings import Bath

#: Draws depend on this and the temperature only: studies with the same MD and bath have the same energies.
_SEED = 20250601


def coupled_degrees(bath: Bath, names: list[str], plane: np.ndarray) -> np.ndarray:
    """dM s(x) of each frame, ``(walkers, frames)`` float64, from the fixed plane ``(walkers, frames, 2)``."""
    if bath.coupled is None:
        return np.zeros(plane.shape[:2])
    column = np.asarray(plane[..., names.index(bath.coupled.column)], np.float64)
    return bath.coupled.degrees * expit((column - bath.coupled.at) / bath.coupled.width)


def bath_energies(degrees: np.ndarray, temperature: float, kT: float) -> np.ndarray:
    """An exact draw of the potential energy of so many degrees of freedom, kJ/mol, in the shape of ``degrees``."""
    return kT * np.random.default_rng([_SEED, round(temperature * 1e6)]).standard_gamma(degrees / 2)


def coupling_log_weights(coupled: np.ndarray, temperature: float, neutral: float) -> np.ndarray:
    """Log-weights that make frames of the uncoupled system the ensemble of the coupled one, like ``coupled``."""
    return coupled / 2 * np.log(temperature / neutral)
