"""The prior: how large free energies, heat capacities and their changes between conformations may be.

Gaussian, and stated for *differences of states*, so that it does not depend on how many columns there are: any two states
differ in c by a standard deviation of ``heat_capacity`` k; the other columns together add half of that.
"""

from __future__ import annotations

import numpy as np

from thermolatent.reweight.design import Design

#: Standard deviation of differences of e between states, in kT across the training range: no restriction in practice.
E_OF_STATES = 10.0
#: Precision of e's weights of given columns, which have unit rms.
E_OF_GIVEN = 1.0
#: Candidates for the precision of e's weights of the networks' columns.
RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def prior_precision(design: Design, heat_capacity: float, ridge: float, size: int) -> np.ndarray:
    """Diagonal of Lambda, ``(size,)``: 0 for parameters beyond the weights of e, c and d (free energies, energy offsets).

    Parameters
    ----------
    heat_capacity: plausible difference of heat capacities between conformations, k.
    ridge: precision of e's weights of the networks' columns.
    """
    S, D = design.n_states, design.size
    found = np.zeros(size)
    e = np.full(D, ridge)
    e[:S] = 2 / E_OF_STATES**2
    e[S : S + design.n_given] = E_OF_GIVEN
    bend = np.full(D, 2 / heat_capacity**2)
    # Columns that one frame has beside its state's indicator: those given and those of one network.
    others = design.n_given + max(design.n_network)
    bend[S:] = others / (heat_capacity / 2) ** 2
    found[: 3 * D] = np.concatenate([e, bend, bend])
    return found
