"""Running populations: the share of each named state in the MD up to a time, which converges if the MD is long enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from thermolatent.reweight.sample import Sample

#: Columns of ``running.csv``.
COLUMNS = ("temperature", "state", "time", "share", "stderr", "start_up")
#: Maximum number of times at each temperature.
MOST_TIMES = 60


def running_rows(sample: Sample, pieces: Sequence[Sequence[np.ndarray]], interval: float) -> Iterator[dict]:
    """Rows with :data:`COLUMNS`; ``time`` is counted from the first frame, the shares from the time ``start_up`` on.

    Parameters
    ----------
    pieces: by temperature, the frame numbers of each time series without start-up.
    interval: time between two frames.
    """
    for k, (T, own) in enumerate(zip(sample.temperatures, pieces, strict=True)):
        longest = max(map(len, own))
        lead = round((int((sample.which == k).sum()) - sum(map(len, own))) / len(own))
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
                row = (T, name, (lead + time) * interval, float(share[i]), float(errors[i]), lead * interval)
                yield dict(zip(COLUMNS, row, strict=True))
