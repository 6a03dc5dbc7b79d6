"""Verdicts: whether a prediction can be trusted within a tolerance, why not, and what to do; without reference MD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thermolatent.reweight.influence import Influences, linear_interval, share_interval

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting

TRUSTED, NOT_TRUSTED, NOT_ASSESSABLE = "trusted", "not trusted", "not assessable"
#: Causes of an interval's width, with their texts in verdicts.
PARTS = {
    "sampling": "sampling",
    "form": "how free energies bend with temperature",
    "visits": "states seldom visited",
    "model": "the density model",
}
#: Columns of :func:`judge`; ``state`` is a state or an observable.
COLUMNS = ("state", "value", "stderr", "low", "high", *PARTS, "tolerance", "verdict", "reason", "remedy")


def judge(
    reweighting: ConditionalReweighting,
    temperature: float,
    tolerance: float | Sequence[float],
    doubts: Sequence[str] = (),
    model: np.ndarray | None = None,
    observables: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Populations, or means of observables, at one temperature with intervals and verdicts, one row each with :data:`COLUMNS`.

    A prediction is *trusted* if both ends of its 95 % interval are within ``tolerance`` of it. One that is not assessable has
    no interval. A mean depends on the populations of all states: it is assessable if all of them are, and no population within
    its interval, which far from the training temperatures is very asymmetric, may change it by more than ``tolerance``.

    Parameters
    ----------
    tolerance: one for all, or one each.
    doubts: reasons for which nothing in the study is trusted (a smoke run, a single start).
    model: standard error due to a density model, one each: its distance from the reweighting, and the variation of its seeds.
    observables: values of all frames ``(N,)`` in training frame order, by name; None for the populations of the named states.
    """
    shares = reweighting.population_influences(temperature)
    share_ends = share_interval(shares.values, shares.parts())
    # Unknown: the ends of the interval are 0 and 1 to rounding.
    unknown = ~((share_ends[0] > 0) & (share_ends[0] < share_ends[1]) & (share_ends[1] < 1))
    if observables is None:
        names, influences, interval = reweighting.state_names, shares, share_interval
    else:
        names, values = list(observables), np.stack([*observables.values()], axis=1)
        influences, interval = reweighting.mean_influences(temperature, values), linear_interval
        moved = _moved(reweighting, temperature, values, shares.values, share_ends)
    parts = influences.parts().with_model(np.zeros(len(names)) if model is None else np.square(model))
    low, high = interval(influences.values, parts)
    tolerances = np.broadcast_to(np.asarray(tolerance, float), len(names))
    rows = []
    for i, name in enumerate(names):
        numbers = {"value": influences.values[i], "stderr": parts.stderr[i], "low": low[i], "high": high[i]}
        numbers |= {cause: float(half[i]) for cause, half in parts.halves.items()}
        unseen = unassessable(reweighting, name if observables is None else None)
        if unseen is not None:
            numbers |= dict.fromkeys(("stderr", "low", "high", *PARTS), np.nan)
            verdict, (reason, remedy) = NOT_ASSESSABLE, unseen
        else:
            reasons, remedy = list(doubts), ""
            if len(reweighting.state_names) == 1:
                reasons.append("all frames are in one state")
                remedy = "name more states"
            elif unknown[i] if observables is None else unknown.any():
                reasons.append("nothing is known of it so far from the training temperatures")
                remedy = f"run MD at {temperature:g} or near it"
            elif not max(high[i] - numbers["value"], numbers["value"] - low[i]) <= tolerances[i]:
                cause = max(PARTS, key=numbers.get)
                reasons.append(f"{numbers[cause]:.2g} of the interval is {PARTS[cause]}")
                seldom = name if observables is None else "states seldom visited"
                remedy = _remedy(reweighting, cause, seldom, temperature, influences, i)
            elif observables is not None and moved[i].max() > tolerances[i]:
                s = int(moved[i].argmax())
                state, ends = reweighting.state_names[s], " to ".join(f"{end[s]:.2g}" for end in share_ends)
                reasons.append(f"the share of {state}, {ends}, changes it by up to {moved[i, s]:.2g}")
                halves = shares.parts().halves
                cause = max(PARTS, key=lambda part: float(np.broadcast_to(halves[part], len(shares.values))[s]))
                remedy = _remedy(reweighting, cause, state, temperature, shares, s)
            verdict, reason = NOT_TRUSTED if reasons else TRUSTED, "; ".join(reasons)
        numbers |= {"tolerance": tolerances[i], "verdict": verdict, "reason": reason, "remedy": remedy}
        rows.append({"state": name} | numbers)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def surface(reweighting: ConditionalReweighting, temperature: float, bins: np.ndarray, n_bins: int) -> pd.DataFrame:
    """:meth:`~ConditionalReweighting.free_energy_surface` without errors in states that are not assessable.

    A bin is in such states if most of its weight at this temperature is.
    """
    table = reweighting.free_energy_surface(temperature, bins, n_bins)
    unseen = [s for s, state in enumerate(reweighting.state_names) if unassessable(reweighting, state)]
    if unseen:
        w = reweighting.weights(temperature)
        within = np.bincount(bins, w * np.isin(reweighting.states, unseen), n_bins)
        table.loc[within > np.bincount(bins, w, n_bins) / 2, [name for name in table if name != "value"]] = np.nan
    return table


def _moved(
    reweighting: ConditionalReweighting,
    temperature: float,
    values: np.ndarray,
    shares: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Change of means ``(m,)`` when the share of a state changes to the farther end of its interval, ``(m, S)``.

    The means within states, and the relative shares of the other states, are fixed.
    """
    states = np.eye(len(shares))[reweighting.states]
    masses = states * reweighting.weights(temperature)[:, None]
    inside, everything = values.T @ masses, masses.sum(0)
    outside, rest = inside.sum(1, keepdims=True) - inside, everything.sum() - everything
    with np.errstate(divide="ignore", invalid="ignore"):  # of a state with no weight, or with all
        apart = np.abs(inside / everything - outside / rest)
    return np.nan_to_num(apart) * np.maximum(ends[1] - shares, shares - ends[0])


def unassessable(reweighting: ConditionalReweighting, state: str | None) -> tuple[str, str] | None:
    """Reasons and remedies for a state (None: any state) that is not assessable at some training temperature."""
    table = reweighting.assessments
    failed = table[~table.assessable & ((table.state == state) | (state is None))]
    if failed.empty:
        return None
    reasons = failed.reason if state else failed.state + ": " + failed.reason
    return "; ".join(reasons), "; ".join(dict.fromkeys(failed.remedy))


def _remedy(
    reweighting: ConditionalReweighting, cause: str, state: str, temperature: float, influences: Influences, i: int
) -> str:
    """What to do about the i-th interval, of which ``cause`` is the largest part."""
    if cause == "form":
        return f"run MD at {temperature:g} or near it"
    if cause == "model":
        return "use the value of the reweighting, which has no error of a model"
    if cause == "visits":
        return f"start more walkers in {state}"
    home, sampling = influences.partition.home, influences.parts().sampling[:, i]
    if (home < 0).any():
        return "extend the replica exchange"
    by_temperature = np.bincount(home, sampling, minlength=len(reweighting.temperatures))
    worst = int(by_temperature.argmax())
    share = by_temperature[worst] / sampling.sum()
    return f"extend the MD at {reweighting.temperatures[worst]:g}, the source of {share:.0%} of the sampling variance"
