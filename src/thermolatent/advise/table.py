"""Advice as a table for people."""

from __future__ import annotations

from thermolatent.advise.advice import Advice
from thermolatent.advise.options import Option
from thermolatent.rates import SECONDS_PER_DAY, duration_of_md, short, wall_time
from thermolatent.tables import aligned
from thermolatent.temperatures import format_temperature


def table(advice: Advice, reduced: bool) -> str:
    """The present error by part, and a numbered line per option; ``reduced`` units, or kelvin and ps."""
    unit = "" if reduced else " K"
    parts = [f"{name}{unit if ' at ' in name else ''} {half:.2g}" for name, half in advice.parts.items() if half > 0]
    out = [f"now {advice.value:.2f} +- {advice.half:.2g}: {', '.join(parts)}"]
    out += [f"not assessable so far, so expected errors are too small: {doubt}" for doubt in advice.doubts]
    if not advice.options:
        return "\n".join([*out, f"  within {advice.within:g} already: nothing to do"])
    costs = "costs" if advice.options[0].seconds else "costs (speed not known)"
    rows = [("", "option", costs, "expected +-", "")]
    for number, option in enumerate(advice.options, 1):
        mark = f"<- reaches {advice.within:g}" if option.farther <= advice.within else ""
        if option is advice.cheapest:
            mark = f"<- cheapest that reaches {advice.within:g}"
        rows.append((str(number), named(option, reduced), _cost(option, reduced), f"{option.half:.2g}", mark))
    out += [f"  {line}" for line in aligned(rows)]
    if advice.cheapest is None:
        best = min(advice.options, key=lambda option: option.half)
        out.append(f"  no option reaches {advice.within:g}; the nearest is {advice.options.index(best) + 1}")
    return "\n".join(out)


def named(option: Option, reduced: bool) -> str:
    """``extend 340 K by 32 x 25 ns``, ``add 390 K, 32 x 25 ns``, ``reseed 390 K, 32 x 25 ns``."""
    at = format_temperature(option.md.temperature) + ("" if reduced else " K")
    amount = f"{option.md.walkers} x {_time(option.each, reduced)}"
    return f"extend {at} by {amount}" if option.extends else f"{'reseed' if option.reseeds else 'add'} {at}, {amount}"


def _cost(option: Option, reduced: bool) -> str:
    """Wall time by the speed of the present MD, else simulated time."""
    if option.seconds is None:
        return _time(option.time, reduced)
    return wall_time(option.seconds / SECONDS_PER_DAY)


def _time(time: float, reduced: bool) -> str:
    return f"{short(time)} time units" if reduced else duration_of_md(time / 1000)
