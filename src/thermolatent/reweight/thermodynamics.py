"""Free energies, melting and heat capacities from populations, with errors by the delta method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import logit

from thermolatent.errors import ThermolatentError
from thermolatent.reweight.influence import Influences
from thermolatent.reweight.solution import Solution

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting

#: Quantities of :func:`melting`.
MELTING = ("Tm", "dH", "dS", "dCp")
#: A melting temperature is searched up to this factor beyond the training temperatures.
REACH = 1.5
#: Bins with a share below this have only frames of count 0.
_NOTHING = 1e-200
_STEP = 0.02
_GRID = 60


def free_energies(populations: Influences, reference: int) -> Influences:
    """-ln p of each state minus that of the state ``reference``, kT; NaN, with NaN error, for a state without frames."""
    p = populations.values
    if not p[reference] > 0:
        raise ThermolatentError("reference: the population of this state is 0 at this temperature; take another one")
    with np.errstate(divide="ignore", invalid="ignore"):
        values = -np.log(p) + np.log(p[reference])
        jacobian = np.diag(-1 / p)
        jacobian[reference] += 1 / p[reference]
    jacobian[:, reference] = 0
    seen = np.isfinite(values)
    return populations.map(np.where(seen, values, np.nan), np.where(seen, jacobian, np.nan))


def surface(shares: Influences) -> Influences:
    """-ln p of each bin of a histogram, kT; NaN, with NaN error, for bins without frames that count."""
    p = shares.values
    seen = p > _NOTHING
    F, slope = np.full((2, len(p)), np.nan)
    F[seen], slope[seen] = -np.log(p[seen]), -1 / p[seen]
    return shares.map(F, slope)


def log_odds(populations: Influences, state: int) -> Influences:
    """ln p/(1 - p) of one state."""
    p = populations.values[state]
    jacobian = np.zeros((len(populations.values), 1))
    jacobian[state] = 1 / (p * (1 - p))
    return populations.map(np.array([np.log(p / (1 - p))]), jacobian)


def melting(reweighting: ConditionalReweighting, state: int) -> Influences:
    """Tm, dH, dS and dCp of leaving a state, with the population p(Tm) = 1/2.

    With y = ln p/(1 - p) and b = 1/kT: y(b_m) = 0, dH = dy/db at b_m, dS = dH / Tm, dCp = -k b^2 d2y/db2. Without a two-state
    model: y is that of the reweighting, with derivatives by central differences.

    Raises
    ------
    ThermolatentError: no temperature within :data:`REACH` of the training temperatures has p = 1/2.
    """
    k, name = reweighting.k, reweighting.state_names[state]
    low, high = min(reweighting.temperatures) / REACH, max(reweighting.temperatures) * REACH

    def at(b: float) -> Influences:
        return log_odds(reweighting.population_influences(1 / (k * b)), state)

    grid = np.linspace(1 / (k * high), 1 / (k * low), _GRID)
    y = np.array([_odds(reweighting, state, b) for b in grid])
    crossings = np.flatnonzero((y[:-1] < 0) != (y[1:] < 0))
    if not len(crossings):
        raise ThermolatentError(
            f"melting: {name} is not half populated at any temperature from {low:.4g} to {high:.4g}; no Tm"
        )
    inside = [i for i in crossings if 1 / (k * min(reweighting.temperatures)) >= grid[i]] or list(crossings)
    i = inside[-1]
    b = brentq(lambda x: _odds(reweighting, state, x), grid[i], grid[i + 1], xtol=1e-12)
    step = _STEP * b
    five = Influences.joined([at(b + j * step) for j in (-2, -1, 0, 1, 2)])
    stencils = np.array(
        [
            [0, 0, 1, 0, 0],
            np.array([1, -8, 0, 8, -1]) / 12 / step,
            np.array([-1, 16, -30, 16, -1]) / 12 / step**2,
            np.array([-1, 2, 0, -2, 1]) / 2 / step**3,
        ]
    )
    _, first, second, third = stencils @ five.values
    # A change dy of y changes b_m by -dy / y', and with it all quantities at b_m.
    shift = -stencils[0] / first
    Tm = 1 / (k * b)
    gradients = {
        "Tm": -k * Tm**2 * shift,
        "dH": stencils[1] + second * shift,
        "dCp": -k * (b**2 * stencils[2] + (b**2 * third + 2 * b * second) * shift),
    }
    gradients["dS"] = gradients["dH"] / Tm - first / Tm**2 * gradients["Tm"]
    values = {"Tm": Tm, "dH": first, "dS": first / Tm, "dCp": -k * b**2 * second}
    return five.map(np.array([values[q] for q in MELTING]), np.stack([gradients[q] for q in MELTING], axis=1))


def _odds(reweighting: ConditionalReweighting, state: int, b: float) -> float:
    p = reweighting.shares(1 / (reweighting.k * b))[state]
    return float(logit(np.clip(p, 1e-300, 1 - 1e-16)))


def heat_capacities(solution: Solution) -> Influences:
    """c of each state minus that of the first, k: the other columns have mean 0 in each state."""
    S, D = solution.design.n_states, solution.design.size
    gradient = np.zeros((len(solution.solved.theta), S))
    gradient[D : D + S] = np.eye(S)
    gradient[D] -= 1
    values = gradient.T @ solution.solved.theta
    return solution.influences(values, np.zeros((len(solution.design.cell_state), S)), gradient)
