"""LaTF's figure of LJ7 (arXiv:2507.03174, figure 5), for both pairs of training temperatures."""

from __future__ import annotations

from thermolatent.figures import marginals, surfaces, temperature
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import load_arrays
from thermolatent.papers.drawing import Drawing, Finding, Sources, spread
from thermolatent.study.study import Study

NARROW, WIDE, MODEL = "lj7", "paper_lj7_wide", "latf_published"
_SAME = "Twenty RealNVP couplings of width 16, tau = 2, lag 1, beta_ib = 1e-4, temperature in the base only, trained jointly."
_DIFFERENT = [
    "Our MD: 32 walkers of 6,000 frames per temperature, half a time unit apart; the paper's is not public.",
    "Free energies are in kT of each temperature; the authors' plots label kT as kcal/mol.",
    "The loss keeps the encoder's entropy and every normaliser; the states are those that are left after relabelling.",
]


def narrow_surfaces(sources: Sources) -> Drawing:
    """Surfaces of MD and model side by side at six temperatures."""
    return _surfaces(sources, NARROW)


def wide_surfaces(sources: Sources) -> Drawing:
    """The same, trained at 0.2 and 0.7."""
    return _surfaces(sources, WIDE)


def narrow_curves(sources: Sources) -> Drawing:
    """Free energy along each latent coordinate at six temperatures."""
    return _curves(sources, NARROW)


def wide_curves(sources: Sources) -> Drawing:
    """The same, trained at 0.2 and 0.7."""
    return _curves(sources, WIDE)


def narrow_populations(sources: Sources) -> Drawing:
    """Populations of the named states against temperature."""
    return populations(sources, NARROW, MODEL, _SAME, _DIFFERENT)


def wide_populations(sources: Sources) -> Drawing:
    """The same, trained at 0.2 and 0.7."""
    return populations(sources, WIDE, MODEL, _SAME, _DIFFERENT)


def populations(sources: Sources, name: str, model: str, same: str, different: list[str]) -> Drawing:
    """Populations of one study, and how far those of ``model`` are off."""
    study, layout = sources.study(name)
    tables = Tables.load(study, layout, sources.seeds)
    findings = []
    for T in study.temperatures.generated:
        values = tables.values(model, "population_max_error", "fixed", T)
        floor = tables.values("floor", "population_max_error", "fixed", T)
        if values:
            findings.append(
                Finding(
                    f"largest error of a named population, T = {T:g} ({study.temperatures.role(T)})",
                    "in a figure only",
                    spread(values),
                    spread(floor) if floor else "",
                    "no number published",
                )
            )
    return Drawing(
        temperature.draw_populations(study, tables),
        temperature.POPULATION_COLUMNS,
        temperature.population_rows(study, tables),
        same,
        [
            *different,
            "Named states (nearest point of the fixed plane) instead of the model's own, which differ by seed.",
        ],
        findings,
        [
            f"`{other}`, informed, on the same MD: largest error at a temperature not trained at "
            f"{_worst(study, tables, other):.3f}."
            for other, spec in study.models.items()
            if spec.informed and _worst(study, tables, other) is not None
        ],
    )


def _worst(study: Study, tables: Tables, model: str) -> float | None:
    """Largest error of a named population at a temperature not trained at, over seeds; None without reference MD."""
    asked = study.temperatures.predict
    values = [value for T in asked for value, _ in tables.values(model, "population_max_error", "fixed", T)]
    return max(values, default=None)


def _surfaces(sources: Sources, name: str) -> Drawing:
    study, layout = sources.study(name)
    profiles = load_arrays(layout.profiles(MODEL, sources.seeds[0]), "profiles")
    return Drawing(
        surfaces.draw(study, MODEL, profiles),
        surfaces.row_columns(profiles),
        surfaces.rows(profiles),
        _SAME,
        [*_DIFFERENT, f"One seed ({sources.seeds[0]})."],
        _divergences(sources, study, Tables.load(study, layout, sources.seeds)),
    )


def _curves(sources: Sources, name: str) -> Drawing:
    study, layout = sources.study(name)
    profiles = load_arrays(layout.profiles(MODEL, sources.seeds[0]), "profiles")
    return Drawing(
        marginals.draw(study, MODEL, profiles),
        marginals.COLUMNS,
        marginals.rows(profiles),
        _SAME,
        [*_DIFFERENT, f"One seed ({sources.seeds[0]})."],
        remarks=[
            "The paper's curves have a minimum at T = 0.3 to 0.5 that its MD has not; compare ours with the band of the MD."
        ],
    )


def _divergences(sources: Sources, study: Study, tables: Tables) -> list[Finding]:
    """At temperatures that were not trained on; and what can be said of the states."""
    found, plane = [], f"latent_{MODEL}"
    for T in study.temperatures.predict:
        values = tables.values(MODEL, "kl_sym_paper", plane, T)
        if values:
            found.append(
                Finding(
                    f"symmetrised KL, T = {T:g}",
                    '"below 0.01"',
                    spread(values),
                    spread(tables.values("floor", "kl_sym_paper", plane, T)),
                    "presumably (100 bins, own plane); at our sample size",
                )
            )
    first = tables.values(MODEL, "held_out_cross_entropy", "", study.temperatures.train[0])
    states = len(tables.own_states(MODEL, study.temperatures.train[0]))
    if first:
        found.append(
            Finding(
                f"held-out cross-entropy, T = {study.temperatures.train[0]:g}",
                "0.2301 (5 states, both temperatures)",
                f"{spread(first)} ({states} states, first seed)",
                "",
                "no: one temperature, other states",
            )
        )
    return found
