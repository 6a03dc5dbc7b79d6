"""Checks of the MD as a whole: kinetic temperature, start-up, starting structures, agreement of halves.

A *doubt* is one line; with any doubt no population is trusted. What is unknown, such as the kinetic temperature of imported
MD, is no doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, rel_entr, stdtrit

from thermolatent.frames import Frames
from thermolatent.reweight.fitness import SOUNDNESS_COLUMNS, Soundness
from thermolatent.reweight.sample import Sample
from thermolatent.reweight.start_up import MOST_LEFT_OUT
from thermolatent.simulate.convergence import compare_starts

#: Probability that correct MD fails any test, over all temperatures, states and pairs of starts.
CHANCE = 0.01
#: Deviations of the kinetic temperature below this share of the target are ignored, even if significant.
HARMLESS = 0.005
#: Halves of the MD disagree if their Jensen-Shannon divergence is above this share of ln 2, or if one half has this share of a
#: state that the other half never visits.
MOST_DIVERGENCE, SEEN_IN_ONE_HALF = 0.8, 0.2

#: Texts of the kinds of doubts.
_TEXTS = {
    "kinetic": "the kinetic temperature is off",
    "start_up": "more than half of the MD is start-up",
    "one_start": "all walkers began from one structure",
    "starts": "walkers from different starts disagree",
    "halves": "halves of the MD share next to nothing",
    "markov": "reseeded walkers are no Markov chain of their states",
}


def examine(
    sample: Sample, frames: Frames, protocols: Mapping[float, Mapping[str, Any]], start_up: np.ndarray
) -> Soundness:
    """Check the training MD as a whole.

    Parameters
    ----------
    sample: of these ``frames``, without start-up.
    protocols: ``protocol.json`` by training temperature, where there is one.
    start_up: share of start-up at each temperature, ``(K,)``.
    """
    found: list[tuple[str, float, str]] = []  # kind, temperature, details
    rows, tests = [], len(sample.temperatures)
    one_start = _one_start([T for T in sample.temperatures if T not in frames.chains], protocols)
    for k, T in enumerate(sample.temperatures):
        protocol, here = protocols.get(T, {}), sample.which == k
        kinetic, stderr = kinetic_temperature(protocol)
        off = abs(kinetic - T) > max(-ndtri(CHANCE / tests / 2) * stderr, HARMLESS * T)
        if off:
            found.append(("kinetic", T, f"{kinetic:.4g} +- {stderr:.2g} at {T:g}"))
        if start_up[k] > MOST_LEFT_OUT:
            found.append(("start_up", T, f"{start_up[k]:.0%} at {T:g}"))
        starts = protocol.get("starts")
        if starts is not None and (text := _disagreement(sample, here, frames, T, starts, CHANCE / tests)):
            found.append(("starts", T, f"{text} at {T:g}"))
        if one_start:
            found.append(("one_start", T, ""))
        if T not in frames.chains and (text := _unlike_halves(sample, here, frames, T)):
            found.append(("halves", T, f"{text} at {T:g}"))
        timescales, worst = (np.nan, np.nan), np.nan
        if T in frames.chains:
            timescales = frames.chains[T].timescales()
            worst, text = _chapman_kolmogorov(sample, here, frames, T, CHANCE / tests)
            if text:
                found.append(("markov", T, f"{text} at {T:g}"))
        imported = protocol.get("platform") == "imported"  # the starts of imported MD are files
        number = np.nan if starts is None or imported else float(len(set(starts)))
        own = "; ".join(_line(kind, [text]) for kind, at, text in found if at == T)
        told = (T, kinetic, stderr, float(start_up[k]), number, *timescales, worst, own)
        rows.append(dict(zip(SOUNDNESS_COLUMNS, told, strict=True)))
    kinds = [kind for kind in _TEXTS if any(kind == other for other, _, _ in found)]
    doubts = [_line(kind, [text for other, _, text in found if other == kind]) for kind in kinds]
    return Soundness(pd.DataFrame(rows, columns=list(SOUNDNESS_COLUMNS)), tuple(doubts))


def _chapman_kolmogorov(
    sample: Sample, here: np.ndarray, frames: Frames, temperature: float, chance: float
) -> tuple[float, str]:
    """The largest deviation of a named state from the Markov model, in standard errors, and what it is if it is significant."""
    chains, names = frames.chains[temperature], sample.state_names
    states = sample.states[here].reshape(chains.states.shape)
    predicted, seen, stderr = chains.chapman_kolmogorov(states, len(names))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.nan_to_num(np.abs(predicted - seen) / stderr, posinf=0.0)
    s = int(np.argmax(ratio))
    significant = ratio[s] > -stdtrit(len(chains.states) - 1, chance / len(names) / 2)
    text = f"to be in {names[s]} again after {2 * chains.lag} frames: {predicted[s]:.2f} predicted, {seen[s]:.2f} seen"
    return float(ratio[s]), text if significant else ""


def _line(kind: str, texts: list[str]) -> str:
    return ": ".join(filter(None, (_TEXTS[kind], ", ".join(filter(None, texts)))))


def kinetic_temperature(protocol: Mapping[str, Any]) -> tuple[float, float]:
    """Mean kinetic temperature and its standard error; NaN if the protocol has none.

    The error is the larger of two: from the variance between walkers, and from the fluctuations in time. In Langevin dynamics
    with friction c kinetic energies decorrelate as exp(-c t), so frames at intervals t equal tanh(c t / 2) independent ones.
    """
    found = protocol.get("kinetic_temperature")
    if found is None or "mean" not in found:
        return float("nan"), float("nan")
    means, variances = np.asarray(found["mean"], float), np.square(found["std"])
    worth = np.tanh(protocol["friction"] * protocol["save_every"] * protocol["time_step"] / 2)
    variance = variances.mean() / (len(means) * max(protocol["frames"] * worth, 1.0))
    if len(means) > 1:
        variance = max(variance, means.var(ddof=1) / len(means))
    return float(means.mean()), float(np.sqrt(variance))


def _one_start(temperatures: Sequence[float], protocols: Mapping[float, Mapping[str, Any]]) -> bool:
    """Whether all MD of a molecule, at all temperatures, began from one structure; False for imported MD and model systems."""
    found = [protocols.get(T, {}) for T in temperatures]
    return all("surroundings" in p for p in found) and len({start for p in found for start in p["starts"]}) == 1


def _disagreement(
    sample: Sample, here: np.ndarray, frames: Frames, temperature: float, starts: Sequence[str], chance: float
) -> str:
    """The largest significant disagreement between starts with at least two walkers each; empty if there is none.

    Walkers of one unit count as one.
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
    limit = -stdtrit(int(kept.sum()) - groups, chance / tests / 2)
    worst, text = limit, ""
    for s, name in enumerate(sample.state_names):
        shares = np.bincount(number, counts * (states == s), len(units))[kept] / frames_of[kept]
        compared = compare_starts(shares[:, None], start[kept].tolist())
        ratio = compared["standard_errors"]
        if ratio is not None and ratio > worst:
            worst, means = ratio, compared["mean_energy"]
            each = " and ".join(f"{means[one]:.2f} from {Path(one).name}" for one in compared["between"])
            text = f"{name} {each}"
    return text


def _unlike_halves(sample: Sample, here: np.ndarray, frames: Frames, temperature: float) -> str:
    """The state whose share differs most between halves of the walkers; empty if the halves agree."""
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
