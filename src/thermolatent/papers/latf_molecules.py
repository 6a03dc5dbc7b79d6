"""LaTF's figures of chignolin and the RNA tetraloop (arXiv:2507.03174, figures 3, 4 and 6), from whatever MD the studies have."""

from __future__ import annotations

from thermolatent.figures import melting, surfaces
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import load_arrays
from thermolatent.papers.drawing import Drawing, Finding, Sources, spread
from thermolatent.papers.latf_lj7 import populations
from thermolatent.study.study import Study

CHIGNOLIN, RNA, MODEL = "chignolin", "rna_tetraloop", "latf_published"
_SAME = "RealNVP, tilted base, temperature in the base only, trained jointly."


def chignolin_surfaces(sources: Sources) -> Drawing:
    """Latent surfaces of MD and model at every temperature."""
    study, layout = sources.study(CHIGNOLIN)
    profiles = load_arrays(layout.profiles(MODEL, sources.seeds[0]), "profiles")
    drawing = Drawing(
        surfaces.draw(study, MODEL, profiles),
        surfaces.row_columns(profiles),
        surfaces.rows(profiles),
        _SAME,
        [*_different(study), f"One seed ({sources.seeds[0]})."],
    )
    drawing.findings.append(_gmrq(study, Tables.load(study, layout, sources.seeds), "0.76"))
    return drawing


def chignolin_populations(sources: Sources) -> Drawing:
    """Populations of the named states against temperature."""
    study, _ = sources.study(CHIGNOLIN)
    return populations(sources, CHIGNOLIN, MODEL, _SAME, _different(study))


def rna_melting(sources: Sources) -> Drawing:
    """The folded state's population against temperature, with two-state fits."""
    study, layout = sources.study(RNA)
    tables, fits = Tables.load(study, layout, sources.seeds), melting.load_fits(layout)
    findings = [
        Finding(
            f"melting temperature, {name}",
            "in a figure only",
            f"{fit.Tm:.1f} ± {fit.Tm_half:.1f} K",
            "",
            "unknown fit",
        )
        for name, fit in fits.items()
    ]
    findings.append(_gmrq(study, tables, "0.93"))
    return Drawing(
        melting.draw(study, tables, fits),
        melting.COLUMNS,
        melting.rows(study, tables, fits),
        _SAME + " ggcGCAAgcc in explicit water and 1 M potassium chloride.",
        [*_different(study), "Three training temperatures instead of two: water is coupled to the fold."],
        findings,
    )


def _gmrq(study: Study, tables: Tables, published: str) -> Finding:
    T = study.temperatures.T_ref
    values, states = tables.values(MODEL, "gmrq", "", T), len(tables.own_states(MODEL, T))
    ours = f"{spread(values)} with {states} states" if values else "not scored"
    return Finding(f"GMRQ, T = {T:g} K", published, ours, "", "no: ours is a sum over as many processes as states")


def _different(study: Study) -> list[str]:
    simulate = study.simulate
    ns = simulate.walkers * simulate.frames * simulate.save_every * simulate.time_step / 1000
    file = f"studies/{study.name.partition('@')[0]}.yaml"
    return [
        f"Simulated time: {ns:g} ns per temperature, {simulate.walkers} walkers (`{file}`). The paper's force field, features "
        "and lag are unknown or others."
    ]
