"""``tau: auto``: the tilting factor of a flow's base, chosen by the held-out E[-ln r(z|T)] of short trainings.

All trainings use the same fixed latents: between encoders that were trained jointly ln r is not comparable, since it rises
whenever z shrinks. A Gaussian base has no tau.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from thermolatent.densities.descent import DescentSettings, FitSettings

log = logging.getLogger(__name__)

CANDIDATES = (0.0, 1.0, 2.0, 3.0, 4.0)
#: A candidate is trained for this share of the steps of the final training.
SHARE = 1 / 8


def search_tau(
    spec: Mapping[str, Any],
    settings: DescentSettings,
    score: Callable[[dict[str, Any], FitSettings], float],
    known: Mapping[float, float] | None = None,
    scored: Callable[[dict[float, float], FitSettings], None] = lambda scores, short: None,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The density's spec with a number for ``tau: auto``, and the search (None without one): ``steps`` of each training,
    the values of ``tau``, and of each the ``held_out`` E[-ln r(z|T)] in nats.

    Parameters
    ----------
    spec: a density's spec, any kind.
    score: trains a spec with short settings and returns its held-out E[-ln r(z|T)].
    known: scores of an interrupted search, which are not computed again.
    scored: called after each training with all scores so far.
    """
    if spec.get("tau") != "auto":
        return dict(spec), None
    if spec["base"] != "tilted":
        return {**spec, "tau": 0.0}, None
    steps = max(1, round(SHARE * settings.steps))
    # The learning rate ends at zero, so only the last state is evaluated.
    short = FitSettings(steps, settings.batch_size, settings.learning_rate, evaluate_every=steps, patience=1)
    scores = dict(known or {})
    for tau in CANDIDATES:
        if tau not in scores:
            scores[tau] = score({**spec, "tau": tau}, short)
            scored(scores, short)
        log.info("tau %g: held-out -log r %.4f after %d steps", tau, scores[tau], steps)
    best = min(CANDIDATES, key=scores.__getitem__)
    log.info("tau: auto is %g", best)
    search = {"steps": steps, "tau": list(CANDIDATES), "held_out": [scores[tau] for tau in CANDIDATES]}
    return {**spec, "tau": best}, search
