"""Whether a population can be trusted within a tolerance, why not, and what would help: judged without any reference MD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thermolatent.reweight.influence import share_interval

if TYPE_CHECKING:
    from thermolatent.reweight.estimator import ConditionalReweighting

TRUSTED, NOT_TRUSTED, NOT_ASSESSABLE = "trusted", "not trusted", "not assessable"
#: What an interval is made of, and how the verdict speaks of it.
PARTS = {
    "sampling": "sampling",
    "form": "how free energies bend with temperature",
    "visits": "states seldom visited",
    "model": "the density model",
}
#: Columns of :func:`judge`.
COLUMNS = ("state", "value", "stderr", "low", "high", *PARTS, "verdict", "reason", "remedy")


def judge(
    reweighting: ConditionalReweighting,
    temperature: float,
    tolerance: float,
    doubts: Sequence[str] = (),
    model: np.ndarray | None = None,
) -> pd.DataFrame:
    """Populations at one temperature with intervals and verdicts, one row per state with :data:`COLUMNS`.

    A population is *trusted* if both ends of its 95 % interval lie within ``tolerance`` of it. One that is not assessable has
    no interval.

    Parameters
    ----------
    doubts: reasons of the study as a whole for which nothing is trusted (a smoke run, one single start).
    model: standard error that a density model adds, ``(states,)``: its distance from the reweighting, and its seeds' scatter.
    """
    influences = reweighting.population_influences(temperature)
    parts = influences.parts().with_model(np.zeros(len(influences.values)) if model is None else np.square(model))
    low, high = share_interval(influences.values, parts)
    rows = []
    for s, state in enumerate(reweighting.state_names):
        numbers = {"value": influences.values[s], "stderr": parts.stderr[s], "low": low[s], "high": high[s]}
        numbers |= {name: float(half[s]) for name, half in parts.halves.items()}
        unseen = _unassessable(reweighting, state)
        if unseen is not None:
            numbers |= dict.fromkeys(("stderr", "low", "high", *PARTS), np.nan)
            verdict, (reason, remedy) = NOT_ASSESSABLE, unseen
        else:
            reasons, remedy = list(doubts), ""
            if len(reweighting.state_names) == 1:
                reasons.append("one state holds all frames")
                remedy = "name more states"
            elif not 0 < low[s] < high[s] < 1:  # beyond what floating point tells from 0 or 1
                reasons.append("nothing is known of it so far from the training temperatures")
                remedy = f"MD at {temperature:g}, or near it, would settle it"
            elif not max(high[s] - numbers["value"], numbers["value"] - low[s]) <= tolerance:
                cause = max(PARTS, key=numbers.get)
                reasons.append(f"{numbers[cause]:.2g} of the interval is {PARTS[cause]}")
                remedy = _remedy(
                    reweighting, cause, state, temperature, parts.sampling[:, s], influences.partition.home
                )
            verdict, reason = NOT_TRUSTED if reasons else TRUSTED, "; ".join(reasons)
        rows.append({"state": state} | numbers | {"verdict": verdict, "reason": reason, "remedy": remedy})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def surface(reweighting: ConditionalReweighting, temperature: float, bins: np.ndarray, n_bins: int) -> pd.DataFrame:
    """:meth:`~ConditionalReweighting.free_energy_surface` with no error of bins that lie in a state that is not assessable.

    A bin lies in the states that most of its frames, by their weight at this temperature, are in.
    """
    table = reweighting.free_energy_surface(temperature, bins, n_bins)
    unseen = [s for s, state in enumerate(reweighting.state_names) if _unassessable(reweighting, state)]
    if unseen:
        w = reweighting.weights(temperature)
        within = np.bincount(bins, w * np.isin(reweighting.states, unseen), n_bins)
        table.loc[within > np.bincount(bins, w, n_bins) / 2, [name for name in table if name != "value"]] = np.nan
    return table


def _unassessable(reweighting: ConditionalReweighting, state: str) -> tuple[str, str] | None:
    """Reasons and remedies for a state that some training temperature does not show enough of."""
    table = reweighting.assessments
    failed = table[(table.state == state) & ~table.assessable]
    return None if failed.empty else ("; ".join(failed.reason), "; ".join(failed.remedy))


def _remedy(
    reweighting: ConditionalReweighting,
    cause: str,
    state: str,
    temperature: float,
    sampling: np.ndarray,
    home: np.ndarray,
) -> str:
    if cause == "form":
        return f"MD at {temperature:g}, or near it, would settle it"
    if cause == "model":
        return "take the reweighting's value, whose interval does not hold this part"
    if cause == "visits":
        return f"start more walkers in {state}"
    if (home < 0).any():
        return "extend the replica exchange"
    by_temperature = np.bincount(home, sampling, minlength=len(reweighting.temperatures))
    worst = int(by_temperature.argmax())
    share = by_temperature[worst] / sampling.sum()
    return f"extend the MD at {reweighting.temperatures[worst]:g}, which {share:.0%} of its variance comes from"
