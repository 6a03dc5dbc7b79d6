"""Speed of MD: ns/day for molecules, walker-steps per second for reduced units."""

SECONDS_PER_DAY = 86400.0


def ns_per_day(walker_steps_per_second: float, time_step: float) -> float:
    """Simulated time per day (ns) of all walkers together; ``time_step`` in ps."""
    return walker_steps_per_second * time_step * SECONDS_PER_DAY / 1000


def rate_text(walker_steps_per_second: float, time_step: float, reduced: bool) -> str:
    """``"76 ns/day"``, or ``"1.3e6 walker-steps/s"`` in reduced units."""
    if reduced:
        return f"{short(walker_steps_per_second)} walker-steps/s"
    return f"{short(ns_per_day(walker_steps_per_second, time_step))} ns/day"


def short(value: float) -> str:
    """Two significant digits: ``0.35``, ``76``, ``2700``, ``1.3e6``."""
    if value >= 1e5:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e")
    return f"{float(f'{value:.2g}'):g}"


def duration_of_md(ns: float) -> str:
    """``"6.4 us"``, ``"150 ns"``."""
    return f"{ns / 1000:.2g} us" if ns >= 1000 else f"{ns:.0f} ns" if ns >= 10 else f"{ns:.2g} ns"


def wall_time(days: float) -> str:
    """``"about 12 min"``, ``"about 3.5 hours"``, ``"about 4 days"``."""
    minutes = days * 1440
    if minutes < 90:
        return f"about {max(1, round(minutes))} min"
    if minutes < 2880:
        return f"about {minutes / 60:.2g} hours"
    return f"about {days:.2g} days" if days < 100 else f"{days:.0f} days"
