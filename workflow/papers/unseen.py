"""Errors of densities themselves at temperatures not trained at.

In the fixed plane an informed model takes the estimator's frame weights, so that its scores there are the estimator's. Here its
own samples count: their populations of the named states, and their divergence in the plane of the model's latent.
"""

from __future__ import annotations

from thermolatent.figures.tables import Tables
from thermolatent.validate.settings import Asked

#: Metric -> axis.
ERRORS = {
    "population": "largest error of a named population",
    "js_latent": "Jensen-Shannon of samples, latent plane (nats)",
}


def error(study: Asked, tables: Tables, name: str, metric: str, temperature: float) -> list[float]:
    """One of :data:`ERRORS`, or a metric of the fixed plane, of a model or baseline at one temperature, seed by seed."""
    if metric == "population":
        return _population(study, tables, name, temperature)
    own = name in study.models and study.models[name].own_latent
    plane = "fixed" if metric != "js_latent" else f"latent_{name}" if own else "latent"
    return [value for value, _ in tables.values(name, metric, plane, temperature)]


def _population(study: Asked, tables: Tables, name: str, temperature: float) -> list[float]:
    """The largest absolute error of a named population."""
    if name not in study.models:
        return [value for value, _ in tables.values(name, "population_max_error", "fixed", temperature)]
    errors = []
    for state in tables.states():
        md = tables.population("md", state)
        if temperature not in md:
            return []
        own = tables.density_values(name, state, temperature)
        errors.append([abs(value - md[temperature].median) for value in own])
    return [max(of_seed) for of_seed in zip(*errors, strict=True)]
