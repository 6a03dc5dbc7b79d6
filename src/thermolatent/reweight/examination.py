"""Whether the MD as a whole is fit to answer: what none of its populations can be trusted in spite of.

A *doubt* is one plain line. What the MD does not tell, as imported MD does not tell its kinetic temperature, is unknown and no
doubt by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr
from scipy.stats import norm
from scipy.stats import t as student

from thermolatent.frames import Frames
from thermolatent.reweight.sample import Sample
from thermolatent.reweight.soundness import COLUMNS, Soundness
from thermolatent.reweight.start_up import MOST_LEFT_OUT
from thermolatent.simulate.convergence import compare_starts

#: Chance that sound MD fails a test, over all temperatures, states and pairs of starts.
CHANCE = 0.01
#: A kinetic temperature that is off by less than this share of the target does no harm, however surely it is off.
HARMLESS = 0.005
#: Halves of the MD share next to nothing: from this part of ln 2 on, or where one half has so much of a state and the other none.
MOST_DIVERGENCE, SEEN_IN_ONE_HALF = 0.8, 0.2

#: Kinds of doubts, as a line says them.
_SAID = {
    "kinetic": "the kinetic temperature is off",
    "start_up": "more than half of the MD is start-up",
    "one_start": "all walkers began from one structure",
    "starts": "walkers from different starts disagree",
    "halves": "halves of the MD share next to nothing",
}


def examine(
    sample: Sample, frames: Frames, protocols: Mapping[float, Mapping[str, Any]], start_up: np.ndarray
) -> Soundness:
    """Look at the training MD as a whole.

    Parameters
    ----------
    sample: of these ``frames``, start-up left out.
    protocols: ``protocol.json`` by training temperature; of one that is missing nothing is known.
    start_up: share of start-up at each temperature, ``(K,)``.
    """
    found: list[tuple[str, float, str]] = []  # kind, temperature, what of it
    rows, tests = [], len(sample.temperatures)
    one_start = _one_start(sample.temperatures, protocols)
    for k, T in enumerate(sample.temperatures):
        protocol, here = protocols.get(T, {}), sample.which == k
        kinetic, stderr = kinetic_temperature(protocol)
        off = abs(kinetic - T) > max(norm.isf(CHANCE / tests / 2) * stderr, HARMLESS * T)
        if off:
            found.append(("kinetic", T, f"{kinetic:.4g} +- {stderr:.2g} at {T:g}"))
        if start_up[k] > MOST_LEFT_OUT:
            found.append(("start_up", T, f"{start_up[k]:.0%} at {T:g}"))
        starts = protocol.get("starts")
        if starts is not None and (told := _disagreement(sample, here, frames, T, starts, CHANCE / tests)):
            found.append(("starts", T, f"{told} at {T:g}"))
        if one_start:
            found.append(("one_start", T, ""))
        if told := _unlike_halves(sample, here, frames, T):
            found.append(("halves", T, f"{told} at {T:g}"))
        imported = protocol.get("platform") == "imported"  # its starts are files
        number = np.nan if starts is None or imported else float(len(set(starts)))
        own = "; ".join(_line(kind, [text]) for kind, at, text in found if at == T)
        rows.append(dict(zip(COLUMNS, (T, kinetic, stderr, float(start_up[k]), number, own), strict=True)))
    kinds = [kind for kind in _SAID if any(kind == other for other, _, _ in found)]
    doubts = [_line(kind, [text for other, _, text in found if other == kind]) for kind in kinds]
    return Soundness(pd.DataFrame(rows, columns=list(COLUMNS)), tuple(doubts))


def _line(kind: str, texts: list[str]) -> str:
    told = ", ".join(filter(None, texts))
    return f"{_SAID[kind]}: {told}" if told else _SAID[kind]


def kinetic_temperature(protocol: Mapping[str, Any]) -> tuple[float, float]:
    """Mean kinetic temperature and its standard error; NaN where the protocol has none.

    The error is that of the walkers' means, or of their fluctuations in time where that is larger: Langevin dynamics of friction
    c forgets a kinetic energy as exp(-c t), so a frame every t is worth tanh(c t / 2) independent ones.
    """
    told = protocol.get("kinetic_temperature")
    if told is None or "mean" not in told:
        return float("nan"), float("nan")
    means, variances = np.asarray(told["mean"], float), np.square(told["std"])
    worth = np.tanh(protocol["friction"] * protocol["save_every"] * protocol["time_step"] / 2)
    variance = variances.mean() / (len(means) * max(protocol["frames"] * worth, 1.0))
    if len(means) > 1:
        variance = max(variance, means.var(ddof=1) / len(means))
    return float(means.mean()), float(np.sqrt(variance))


def _one_start(temperatures: Sequence[float], protocols: Mapping[float, Mapping[str, Any]]) -> bool:
    """Whether all MD of a molecule, at all temperatures, began from one structure. Of imported MD nobody knows.

    Model systems are small, and their states are told apart by how often they are visited.
    """
    told = [protocols.get(T, {}) for T in temperatures]
    return all("surroundings" in p for p in told) and len({start for p in told for start in p["starts"]}) == 1


def _disagreement(
    sample: Sample, here: np.ndarray, frames: Frames, temperature: float, starts: Sequence[str], chance: float
) -> str:
    """What walkers from different starts, at least two of each, disagree about most; empty if nothing.

    Walkers that are not independent of each other count as one.
    """
    units, first = np.unique(sample.unit[here], return_index=True)
    start = np.array(starts)[first // frames.shape(temperature)[1]]
    counts, states = sample.counts[here], sample.states[here]
    number = np.searchsorted(units, sample.unit[here])
    frames_of = np.bincount(number, counts, len(units))
    kept = frames_of > 0
    names, size = np.unique(start[kept], return_counts=True)
    kept &= np.isin(start, names[size > 1])
    groups = int((size > 1).sum())
    if groups < 2:
        return ""
    tests = len(sample.state_names) * groups * (groups - 1) / 2
    limit = student.isf(chance / tests / 2, int(kept.sum()) - groups)
    worst, told = limit, ""
    for s, name in enumerate(sample.state_names):
        shares = np.bincount(number, counts * (states == s), len(units))[kept] / frames_of[kept]
        compared = compare_starts(shares[:, None], start[kept].tolist())
        ratio = compared["standard_errors"]
        if ratio is not None and ratio > worst:
            worst, means = ratio, compared["mean_energy"]
            each = " and ".join(f"{means[one]:.2f} from {Path(one).name}" for one in compared["between"])
            told = f"{name} {each}"
    return told


def _unlike_halves(sample: Sample, here: np.ndarray, frames: Frames, temperature: float) -> str:
    """What halves of the walkers have of one state but not in common; empty where they are alike."""
    in_a = frames.half[temperature].ravel()
    S, states, counts = len(sample.state_names), sample.states[here], sample.counts[here]
    masses = np.array([np.bincount(states[side], counts[side], S) for side in (in_a, ~in_a)])
    if S == 1 or not masses.sum(axis=1).all():
        return ""
    p, q = masses / masses.sum(axis=1, keepdims=True)
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
    most, least = np.maximum(p, q), np.minimum(p, q)
    alone = np.where(least == 0, most, 0.0)
    if divergence < MOST_DIVERGENCE * np.log(2) and alone.max() <= SEEN_IN_ONE_HALF:
        return ""
    s = int(np.argmax(most - least))
    return f"{sample.state_names[s]} {most[s]:.2f} in one and {least[s]:.2f} in the other"
