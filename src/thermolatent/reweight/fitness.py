"""Whether the MD samples a state enough for an error bar.

A state is *assessable* if, at every training temperature, the time in complete visits (entered and left within a walker)
equals at least :data:`LEAST_EVIDENCE` independent visits, and if walkers agree with each other. The number of entries would
be misleading: recrossings of the border inflate it.

Reseeded walkers may be too short for complete visits, and need not agree. There the number of walkers that enter the state,
and of those that leave it, whichever is smaller, may stand for the visits; split-R-hat is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thermolatent.correlation import consecutive, memory, visits
from thermolatent.reweight.sample import Sample

#: Minimum of F / D: frames in complete visits over the mean duration of the visit that such a frame belongs to.
LEAST_EVIDENCE = 5.0
#: Largest split-R-hat (Gelman and others, Bayesian Data Analysis, 3rd ed., 2013, section 11.4) of a state's indicator.
MOST_R_HAT = 1.3

#: Columns of :attr:`Soundness.table`.
SOUNDNESS_COLUMNS = (
    *("temperature", "kinetic_temperature", "kinetic_stderr", "start_up", "starts"),
    *("timescale", "timescale_twice", "chapman_kolmogorov", "doubt"),
)
#: Columns of :func:`assess`.
COLUMNS = ("temperature", "state", "share", "visits", "evidence", "r_hat", "assessable", "reason", "remedy")


def assess(sample: Sample, pieces: Sequence[Sequence[np.ndarray]]) -> pd.DataFrame:
    """One row per training temperature and named state, with :data:`COLUMNS`.

    Parameters
    ----------
    pieces: by temperature, the frame numbers of each time series.
    """
    order = np.argsort(sample.temperatures)[::-1]  # hottest first
    names, rows = sample.state_names, []
    # Mean duration of visits of each state and of its complement, at any hotter temperature.
    longest = np.repeat(_least_duration(sample)[:, None], 2, axis=1)
    for k in order:
        flat = np.concatenate(pieces[k])
        slices = consecutive(map(len, pieces[k]))
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
            if reseeded := bool(sample.reseeded[k]):
                evidence, r_hat = max(evidence, _walkers_that_cross(inside, slices)), float("nan")
            share = float(counts @ inside / counts.sum())
            row = {"temperature": sample.temperatures[k], "state": name, "share": share}
            row |= {"visits": int(whole.sum()), "evidence": evidence, "r_hat": r_hat}
            reason, remedy = ("", "") if len(names) == 1 else _doubt(row, rarer, reseeded)
            rows.append(row | {"assessable": not reason, "reason": reason, "remedy": remedy})
    rows.sort(key=lambda row: (sample.temperatures.index(row["temperature"]), names.index(row["state"])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _least_duration(sample: Sample) -> np.ndarray:
    """Minimum duration of a visit of each state in frames, ``(S,)``: 0, but with replica exchange twice the memory of its share.

    With replica exchange a visit at one temperature ends when the replica moves to another one, so that visits look shorter
    and more numerous than they are. For the rarer state of a two-state process the mean duration over frames is twice the
    memory, which is estimated from the state's share averaged over the temperatures.
    """
    frames = np.bincount(sample.which)
    if not sample.shared_units or sample.piece is None or np.ptp(frames) > 0:
        return np.zeros(len(sample.state_names))
    states = sample.states.reshape(len(frames), -1)
    return np.array([2 * memory([(states == s).mean(axis=0)]) for s in range(len(sample.state_names))])


def _walkers_that_cross(inside: np.ndarray, slices: Sequence[slice]) -> float:
    """Number of series that enter a state, or that leave it, whichever is smaller."""
    steps = [np.diff(inside[piece].astype(int)) for piece in slices]
    return float(min(sum((own == sign).any() for own in steps) for sign in (1, -1)))


def _doubt(row: dict, rarer: int, reseeded: bool) -> tuple[str, str]:
    """Why a state is not assessable at one temperature and what to do; two empty texts if it is."""
    at, name = f"{row['temperature']:g}", row["state"]
    evidence, count, r_hat = row["evidence"], row["visits"], row["r_hat"]
    if evidence < LEAST_EVIDENCE:
        plural = "" if count == 1 else "s"
        seen = f"{count} whole visit{plural}"
        if rarer:
            seen = f"left and entered again {count} time{plural}" if count else "never left and entered again"
        if reseeded:
            return (
                f"entered and left by walkers at {at} worth {evidence:.1f} independent visits ({LEAST_EVIDENCE:g} needed)",
                f"extend {at}",
            )
        if count == 0:
            return f"{seen} at {at}", f"start walkers {'outside of' if rarer else 'in'} {name} at {at}"
        return (
            f"{seen} at {at}, worth {evidence:.1f} independent ones ({LEAST_EVIDENCE:g} needed)",
            f"extend {at} about {np.ceil(LEAST_EVIDENCE / evidence + 0.5):.0f}-fold, or start more walkers in {name} there",
        )
    if r_hat > MOST_R_HAT:
        return f"walkers at {at} disagree on {name} (split-R-hat {r_hat:.2f}, limit {MOST_R_HAT:g})", f"extend {at}"
    return "", ""


def split_r_hat(series: Sequence[np.ndarray]) -> float:
    """Split-R-hat of walkers' series ``(n,)`` each: sqrt of pooled variance over variance within halves of walkers.

    NaN, unknown, if no half of any walker varies.
    """
    halves = [part.astype(float) for s in series for part in np.array_split(s, 2) if len(part)]
    lengths = np.array([len(part) for part in halves], float)
    means, variances = np.array([p.mean() for p in halves]), np.array([p.var() for p in halves])
    within = np.average(variances, weights=lengths)
    if within == 0:
        return float("nan")
    between = np.average((means - np.average(means, weights=lengths)) ** 2, weights=lengths)
    return float(np.sqrt((within + between) / within))


@dataclass(frozen=True)
class Soundness:
    """Results of the checks of the MD as a whole (:mod:`thermolatent.reweight.examination`), saved with the estimator.

    Attributes
    ----------
    table: one row per training temperature with :data:`SOUNDNESS_COLUMNS`; NaN for unknown.
    doubts: lines about the MD as a whole; with any of them no prediction is trusted.
    """

    table: pd.DataFrame
    doubts: tuple[str, ...] = ()

    @classmethod
    def unknown(cls, temperatures: Sequence[float]) -> Soundness:
        """For MD that was not checked."""
        table = pd.DataFrame({name: np.nan for name in SOUNDNESS_COLUMNS}, index=range(len(temperatures)))
        return cls(table.assign(temperature=list(temperatures), doubt=""))
