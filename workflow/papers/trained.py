"""Figures of studies at several temperatures: LJ7 and molecules of LaTF (arXiv:2507.03174), LJ7 of D-SPIB (2510.09784)."""

from __future__ import annotations

from catalogue import PaperFigure
from drawing import Drawing, Finding, Sources, spread
from thermolatent.figures import marginals, melting, surfaces
from thermolatent.figures import populations as populations_figure
from thermolatent.figures.tables import Tables
from thermolatent.validate.settings import Asked


def latent_surfaces(sources: Sources, entry: PaperFigure) -> Drawing:
    """Latent surfaces of MD and model at every temperature."""
    name = entry.studies[0]
    (study, tables), profiles = sources.answers(name), sources.profiles(name, entry.model)
    return Drawing(
        surfaces.draw(study, entry.model, profiles),
        surfaces.COLUMNS,
        surfaces.rows(study, entry.model, profiles),
        _published(study, tables, entry),
        different=[*_md(sources, entry), f"One seed ({sources.seeds[0]})."],
    )


def curves(sources: Sources, entry: PaperFigure) -> Drawing:
    """Free energy along each latent coordinate at every temperature."""
    name = entry.studies[0]
    (study, _), profiles = sources.answers(name), sources.profiles(name, entry.model)
    told = (
        "The paper's curves have a minimum at T = 0.3 to 0.5 that its MD has not; compare ours with the band of the MD."
    )
    return Drawing(
        marginals.draw(study, entry.model, profiles),
        marginals.COLUMNS,
        marginals.rows(study, entry.model, profiles),
        remarks=[told],
        different=[f"One seed ({sources.seeds[0]})."],
    )


def populations(sources: Sources, entry: PaperFigure) -> Drawing:
    """Populations of the named states against temperature, and how far the model's are off."""
    study, tables = sources.answers(entry.studies[0])

    def errors(model: str, T: float) -> list[tuple[float, float]]:
        return tables.values(model, "population_max_error", "fixed", T)

    findings, remarks = [], []
    for T in study.temperatures.generated:
        if values := errors(entry.model, T):
            what = f"largest error of a named population, T = {T:g} ({study.temperatures.role(T)})"
            floor = spread(errors("floor", T)) if errors("floor", T) else ""
            findings.append(Finding(what, "in a figure only", spread(values), floor, "no number published"))
    for other, spec in study.models.items():
        found = [value for T in study.temperatures.predict for value, _ in errors(other, T)]
        if spec.informed and found:
            remarks.append(
                f"`{other}`, informed, on the same MD: largest error at a temperature not trained at {max(found):.3f}."
            )
    named = "Named states (nearest point of the fixed plane) instead of the model's own, which differ by seed."
    return Drawing(
        populations_figure.draw(study, tables),
        populations_figure.COLUMNS,
        populations_figure.rows(study, tables),
        findings,
        remarks,
        [*_md(sources, entry), named],
    )


def melting_curve(sources: Sources, entry: PaperFigure) -> Drawing:
    """The folded state's population against temperature, with two-state fits."""
    study, tables = sources.answers(entry.studies[0])
    fits = melting.load_fits(sources.study(entry.studies[0])[1].melting)
    findings = []
    for name, fit in fits.items():
        what, ours = f"melting temperature, {name}", f"{fit.Tm:.1f} ± {fit.Tm_half:.1f} K"
        findings.append(Finding(what, "in a figure only", ours, "", "unknown fit"))
    return Drawing(
        melting.draw(study, tables, fits),
        melting.COLUMNS,
        melting.rows(study, tables, fits),
        [*findings, *_published(study, tables, entry)],
        different=_md(sources, entry),
    )


def _published(study: Asked, tables: Tables, entry: PaperFigure) -> list[Finding]:
    """The metrics that the paper gives: divergences where nothing was trained, kinetics at one training temperature."""
    model, temperatures = entry.model, study.temperatures
    asked = {
        "kl_sym_paper": (f"latent_{model}", temperatures.predict, "symmetrised KL"),
        "held_out_cross_entropy": ("", temperatures.train[:1], "held-out cross-entropy"),
        "gmrq": ("", [temperatures.T_ref], "GMRQ"),
    }
    why = {
        "kl_sym_paper": "presumably (100 bins, own plane); at our sample size",
        "held_out_cross_entropy": "no: one temperature, other states",
        "gmrq": "no: ours is a sum over as many processes as states",
    }
    found, unit = [], " K" if study.system.temperature_unit == "kelvin" else ""
    for metric, published in entry.published.items():
        plane, at, words = asked[metric]
        for T in at:
            values, floor = (tables.values(name, metric, plane, T) for name in (model, "floor"))
            ours = spread(values) if values else "not scored"
            if values and not plane:
                ours += f", {len(tables.own_states(model, T))} states with the first seed"
            found.append(
                Finding(f"{words}, T = {T:g}{unit}", published, ours, spread(floor) if floor else "", why[metric])
            )
    return found


def _md(sources: Sources, entry: PaperFigure) -> list[str]:
    """How much MD there is of a molecule, which whoever has the GPU decides."""
    if not entry.gpu:
        return []
    study, _ = sources.study(entry.studies[0])
    simulate, file = study.simulate, f"studies/{entry.studies[0]}.yaml"
    ns = simulate.walkers * simulate.frames * simulate.save_every * simulate.time_step / 1000
    return [
        f"Simulated time: {ns:g} ns per temperature, {simulate.walkers} walkers (`{file}`). The paper's force field, features "
        "and lag are unknown or others."
    ]
