"""Where a prediction should not be trusted, judged without any reference."""

from __future__ import annotations

from thermolatent.config import Study
from thermolatent.figures.tables import Series, Tables, Value

#: Below this share of effective frames the weights rest on too few frames: on LJ7, predictions whose weights kept 8 %
#: of the frames were at a Jensen-Shannon divergence of .010, with 3 % at .020, with 0.4 % at .053.
ESS_LIMIT = 0.05
#: Above this difference from a reweighting on a named population at least one of the two is wrong by half of it.
SPREAD_LIMIT = 0.05
#: Independent predictions a model is compared with. MBAR counts only where its own weights are not exhausted.
REWEIGHTINGS = ("mbar", "which_t", "conditional")


def spread(study: Study, tables: Tables, model: str) -> Series:
    """Largest difference between a model's named populations and those of any reweighting, by temperature.

    A reweighting whose effective sample fraction is below :data:`ESS_LIMIT` at a temperature is left out there: its
    difference would say nothing of the model.
    """
    found: dict[float, list[Value]] = {}
    for state in tables.states():
        own = tables.population(model, state)
        for name in REWEIGHTINGS:
            other, share = tables.population(name, state), tables.score(name, "ess_fraction", "")
            for T in own.keys() & other.keys():
                if T in share and share[T].median < ESS_LIMIT:
                    continue
                ends = [abs(x - other[T].median) for x in (own[T].low, own[T].high)]
                middle = abs(own[T].median - other[T].median)
                inside = own[T].low <= other[T].median <= own[T].high
                low = 0.0 if inside else min(ends)
                found.setdefault(T, []).append(Value(middle, low, max(ends), float("nan"), own[T].seeds))
    return {T: max(found[T], key=lambda v: v.median) for T in sorted(found)}


def doubts(study: Study, tables: Tables, model: str) -> dict[float, list[str]]:
    """Reasons not to trust a model, by temperature; temperatures without one are left out."""
    reasons: dict[float, list[str]] = {}
    for T, value in tables.score(model, "ess_fraction", "").items():
        if value.median < ESS_LIMIT:
            share = f"{100 * value.median:.2g} %"
            reasons.setdefault(T, []).append(f"only {share} of the training frames count (limit {100 * ESS_LIMIT:g} %)")
    for T, value in spread(study, tables, model).items():
        if value.median > SPREAD_LIMIT:
            reasons.setdefault(T, []).append(
                f"a named population differs by {value.median:.2g} from a reweighting (limit {SPREAD_LIMIT:g})"
            )
    return dict(sorted(reasons.items()))
