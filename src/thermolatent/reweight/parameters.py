"""Parameters of the estimator: their indices in the vector theta, and their Gaussian prior.

It is a prior of *differences of states*, so it does not depend on the number of columns: c differs between any two states
with a standard deviation of ``heat_capacity`` k; the other columns together add half of that.
"""

from __future__ import annotations

import numpy as np

from thermolatent.reweight.design import Design, Half
from thermolatent.reweight.temperature_basis import FUNCTIONS

#: Standard deviation of differences of e between states, in kT over the training range: no restriction in practice.
E_OF_STATES = 10.0
#: Precision of e's weights of given columns, which have unit rms.
E_OF_GIVEN = 1.0
#: Candidates for the precision of e's weights of the networks' columns.
RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Parameters:
    """Weights of e, c, d of all D columns; intercepts a_k, k > 0, of each half; energy offsets U0_k if there are energies."""

    def __init__(self, design: Design, n_temperatures: int, energies: bool):
        self.design, self.K, self.energies = design, n_temperatures, energies
        self.n_weights = FUNCTIONS * design.size
        self._offsets = self.n_weights + len(design.halves) * (self.K - 1)
        self.size = self._offsets + (self.K if energies else 0)

    def weights(self, theta: np.ndarray, half: Half) -> np.ndarray:
        """Weights of e, c, d of one half's columns, ``(C, 3)``."""
        return theta[: self.n_weights].reshape(FUNCTIONS, -1)[:, half.places].T

    def intercepts(self, theta: np.ndarray, h: int) -> np.ndarray:
        """a_k of half ``h``, ``(K,)``, the first 0."""
        return np.concatenate([[0.0], theta[self.intercept_places(h)]])

    def intercept_places(self, h: int) -> np.ndarray:
        """Indices of a_k, k > 0, of half ``h``, ``(K - 1,)``."""
        first = self.n_weights + h * (self.K - 1)
        return np.arange(first, first + self.K - 1)

    def places(self, h: int) -> np.ndarray:
        """Indices of the parameters of half ``h`` in the classification: e, c, d of its columns, then its intercepts."""
        return np.concatenate([self._weight_places(h), self.intercept_places(h)])

    def energy_places(self, h: int, k: int) -> np.ndarray:
        """Indices of the parameters of the energies of half ``h`` at temperature ``k``: e, c, d of its columns, then U0_k."""
        return np.concatenate([self._weight_places(h), [self._offsets + k]])

    def _weight_places(self, h: int) -> np.ndarray:
        columns = self.design.halves[h].places
        return np.concatenate([j * self.design.size + columns for j in range(FUNCTIONS)])


def prior_precision(design: Design, heat_capacity: float, ridge: float, size: int) -> np.ndarray:
    """Diagonal of Lambda, ``(size,)``: 0 for intercepts and energy offsets, which follow the weights of e, c and d.

    Parameters
    ----------
    heat_capacity: standard deviation of differences of heat capacities between conformations, k.
    ridge: precision of e's weights of the networks' columns.
    """
    S, D = design.n_states, design.size
    found = np.zeros(size)
    e = np.full(D, ridge)
    e[:S] = 2 / E_OF_STATES**2
    e[S : S + design.n_given] = E_OF_GIVEN
    bend = np.full(D, 2 / heat_capacity**2)
    # Columns of one frame besides its state's indicator: the given ones and those of one network.
    others = design.n_given + max(design.n_network)
    bend[S:] = others / (heat_capacity / 2) ** 2
    found[: 3 * D] = np.concatenate([e, bend, bend])
    return found
