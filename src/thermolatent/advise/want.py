"""What a user wants to know: ``compact at 375``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.temperatures import Temperatures


@dataclass(frozen=True)
class Want:
    """The share of a named state at a temperature."""

    state: str
    temperature: float


def read_want(text: str, states: Sequence[str], temperatures: Temperatures) -> Want:
    """``STATE at TEMPERATURE``; raises :class:`ThermolatentError` for anything else and for an unknown state.

    ``temperatures`` are the study's, for an example.
    """
    found = re.fullmatch(r"\s*(.+?)\s+at\s+([0-9.]+(?:e[-+]?[0-9]+)?)\s*K?\s*", text)
    try:
        temperature = float(found[2]) if found else 0.0
    except ValueError:
        temperature = 0.0
    if not found or not temperature > 0:
        example = f"{states[0]} at {(temperatures.predict or temperatures.train)[0]:g}"
        raise ThermolatentError(f"--want: '{text}'; write a state and a temperature, e.g. '{example}'")
    if found[1] not in states:
        raise ThermolatentError(f"--want: no state '{found[1]}', {did_you_mean(found[1], states)}")
    return Want(found[1], temperature)
