"""Whether the MD shows enough of a state to put an error bar on it.

An interval is as good as the visits it rests on. A state is *assessable* where, at every training temperature, the time
spent in whole visits of it (entered and left within a walker) is worth at least :data:`LEAST_EVIDENCE` independent visits,
and where walkers agree with each other. Counting entries instead is fooled by flicker at a border.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thermolatent.reweight.correlation import consecutive, memory, visits
from thermolatent.reweight.sample import Sample

#: Least F / D: frames of whole visits over the mean duration that a frame in a visit belongs to.
LEAST_EVIDENCE = 5.0
#: Largest split-R-hat (Gelman and others, Bayesian Data Analysis, 3rd ed., 2013, section 11.4) of a state's indicator.
MOST_R_HAT = 1.3

#: Columns of :func:`assess`.
COLUMNS = ("temperature", "state", "share", "visits", "evidence", "r_hat", "assessable", "reason", "remedy")


def assess(sample: Sample, pieces: Sequence[np.ndarray]) -> pd.DataFrame:
    """One row per training temperature and named state, with :data:`COLUMNS`.

    Parameters
    ----------
    pieces: frame numbers of each walker at each temperature, in time.
    """
    order = np.argsort(sample.temperatures)[::-1]  # hottest first
    names, rows = sample.state_names, []
    # Mean duration of visits of each state and of its complement, at any hotter temperature.
    longest = np.repeat(_least_duration(sample)[:, None], 2, axis=1)
    for k in order:
        own = [piece for piece in pieces if sample.which[piece[0]] == k]
        flat = np.concatenate(own)
        slices = consecutive(map(len, own))
        states, counts = sample.states[flat], sample.counts[flat]
        for s, name in enumerate(names):
            inside = states == s
            found = [visits(side, slices) for side in (inside, ~inside)]
            for side, (lengths, _) in enumerate(found):
                if len(lengths):
                    longest[s, side] = max(longest[s, side], float((lengths**2).sum() / lengths.sum()))
            rarer = int(inside.mean() > 0.5)
            lengths, whole = found[rarer]
            frames = float(lengths[whole].sum())
            evidence = frames / longest[s, rarer] if frames else 0.0
            r_hat = split_r_hat([inside[piece] for piece in slices])
            told = {
                "temperature": sample.temperatures[k],
                "state": name,
                "share": float(counts @ inside / counts.sum()),
            }
            told |= {"visits": int(whole.sum()), "evidence": evidence, "r_hat": r_hat}
            reason, remedy = ("", "") if len(names) == 1 else _doubt(told, sample, int(k), rarer)
            rows.append(told | {"assessable": not reason, "reason": reason, "remedy": remedy})
    rows.sort(key=lambda row: (sample.temperatures.index(row["temperature"]), names.index(row["state"])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _least_duration(sample: Sample) -> np.ndarray:
    """Least frames that a visit of each state is worth ``(S,)``: 0, but of replica exchange twice the memory of its share.

    A replica that leaves a temperature ends a visit there without ending it, so that visits at one temperature look shorter
    and more numerous than they are. Their mean duration, as a frame sees it, is twice the memory of a two-state process whose
    rarer state it is; the share averaged over the temperatures knows that memory.
    """
    frames = np.bincount(sample.which)
    if not sample.shared_units or sample.piece is None or np.ptp(frames) > 0:
        return np.zeros(len(sample.state_names))
    states = sample.states.reshape(len(frames), -1)
    return np.array([2 * memory([(states == s).mean(axis=0)]) for s in range(len(sample.state_names))])


def _doubt(told: dict, sample: Sample, k: int, rarer: int) -> tuple[str, str]:
    """Why a state is not assessable at one temperature and what to do; two empty texts if it is."""
    at, name = f"{sample.temperatures[k]:g}", told["state"]
    what = name if rarer == 0 else f"leaving {name}"
    evidence, count, r_hat = told["evidence"], told["visits"], told["r_hat"]
    if evidence < LEAST_EVIDENCE:
        plural = "" if count == 1 else "s"
        seen = f"{count} whole visit{plural}"
        if rarer:
            seen = f"left and entered again {count} time{plural}" if count else "never left and entered again"
        if count == 0:
            return (
                f"{seen} at {at}",
                f"start walkers in {what} at {at}" if rarer == 0 else f"start walkers outside of {name} at {at}",
            )
        return (
            f"{seen} at {at}, worth {evidence:.1f} independent ones ({LEAST_EVIDENCE:g} needed)",
            f"extend {at} about {np.ceil(LEAST_EVIDENCE / evidence + 0.5):.0f}-fold, or start more walkers in {name} there",
        )
    if r_hat > MOST_R_HAT:
        return (
            f"walkers at {at} disagree on {name} (split-R-hat {r_hat:.2f}, limit {MOST_R_HAT:g})",
            f"extend {at}",
        )
    return "", ""


def split_r_hat(series: Sequence[np.ndarray]) -> float:
    """Split-R-hat of walkers' series ``(n,)`` each: sqrt of pooled variance over variance within halves of walkers.

    NaN where no half of any walker varies: unknown, which is no agreement.
    """
    halves = [part.astype(float) for s in series for part in np.array_split(s, 2) if len(part)]
    lengths = np.array([len(part) for part in halves], float)
    means, variances = np.array([p.mean() for p in halves]), np.array([p.var() for p in halves])
    within = np.average(variances, weights=lengths)
    if within == 0:
        return float("nan")
    between = np.average((means - np.average(means, weights=lengths)) ** 2, weights=lengths)
    return float(np.sqrt((within + between) / within))
