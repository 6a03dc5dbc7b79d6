"""``tau: auto``: the tilting factor of a flow's base, chosen by data.

By the held-out E[-ln r(z|T)] of short trainings on the same fixed latents, never across encoders that were trained
jointly: ln r rises whenever z shrinks. A Gaussian base has no tau.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from thermolatent.densities.descent import DescentSettings, FitSettings

log = logging.getLogger(__name__)

CANDIDATES = (0.0, 1.0, 2.0, 3.0, 4.0)
#: A candidate trains for this share of the real training's steps.
SHARE = 1 / 8


@dataclass
class TauSearch:
    """Held-out E[-ln r(z|T)] in nats by tau, after ``steps`` optimiser steps each."""

    steps: int
    tau: list[float]
    held_out: list[float]


def search_tau(
    spec: Mapping[str, Any],
    settings: DescentSettings,
    score: Callable[[dict[str, Any], FitSettings], float],
    known: Mapping[float, float] | None = None,
    scored: Callable[[dict[float, float], FitSettings], None] = lambda scores, short: None,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The density's spec with a number for ``tau: auto``, and the search as JSON holds it (None without one).

    Parameters
    ----------
    spec: a density's spec, any kind.
    score: trains a spec with short settings and returns its held-out E[-ln r(z|T)].
    known: scores of an interrupted search; they are not computed again.
    scored: called with all scores so far after each training.
    """
    if spec.get("tau") != "auto":
        return dict(spec), None
    if spec["base"] != "tilted":
        return {**spec, "tau": 0.0}, None
    steps = max(1, round(SHARE * settings.steps))
    # With the learning rate at zero in the end, only the last state matters.
    short = FitSettings(steps, settings.batch_size, settings.learning_rate, evaluate_every=steps, patience=1)
    scores = dict(known or {})
    for tau in CANDIDATES:
        if tau not in scores:
            scores[tau] = score({**spec, "tau": tau}, short)
            scored(scores, short)
        log.info("tau %g: held-out -log r %.4f after %d steps", tau, scores[tau], steps)
    best = min(CANDIDATES, key=scores.__getitem__)
    log.info("tau: auto is %g", best)
    search = TauSearch(steps, list(CANDIDATES), [scores[tau] for tau in CANDIDATES])
    return {**spec, "tau": best}, asdict(search)
