"""Running populations: the share of each named state in the MD up to a time, which settles where the MD is long enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from thermolatent.reweight.sample import Sample

#: Columns of ``running.csv``.
COLUMNS = ("temperature", "state", "time", "share", "stderr", "start_up")
#: Points of time at each temperature, at the most.
MOST_TIMES = 60


def running_rows(sample: Sample, pieces: Sequence[np.ndarray], interval: float) -> Iterator[dict]:
    """Rows with :data:`COLUMNS`: ``start_up``, a time, is left out of the shares; ``time`` is counted from the first frame.

    Parameters
    ----------
    pieces: frame numbers of each series at each temperature, in time, without start-up.
    interval: time between two frames.
    """
    frames = {k: int((sample.which == k).sum()) for k in range(len(sample.temperatures))}
    for k, T in enumerate(sample.temperatures):
        own = [piece for piece in pieces if sample.which[piece[0]] == k]
        longest = max(map(len, own))
        lead = round((frames[k] - sum(map(len, own))) / len(own))
        times = np.unique(np.linspace(0, longest, min(longest, MOST_TIMES) + 1).astype(int)[1:])
        ends = np.minimum.outer([len(piece) for piece in own], times) - 1
        counted = np.stack([np.cumsum(sample.counts[piece])[end] for piece, end in zip(own, ends, strict=True)])
        for s, name in enumerate(sample.state_names):
            inside = [np.cumsum(sample.counts[piece] * (sample.states[piece] == s)) for piece in own]
            inside = np.stack([sums[end] for sums, end in zip(inside, ends, strict=True)])
            total = np.maximum(counted.sum(axis=0), 1e-300)
            share = inside.sum(axis=0) / total
            errors = np.full(len(times), np.nan)
            if len(own) > 1:
                scatter = ((inside - share * counted) ** 2).sum(axis=0)
                errors = np.sqrt(scatter * len(own) / (len(own) - 1)) / total
            for i, time in enumerate(times):
                told = (T, name, (lead + time) * interval, float(share[i]), float(errors[i]), lead * interval)
                yield dict(zip(COLUMNS, told, strict=True))
