"""LaTF's figure of chignolin (arXiv:2507.03174, figure 4), from whatever MD the study has."""

from __future__ import annotations

from thermolatent.papers.drawing import Drawing, Sources
from thermolatent.papers.latf_lj7 import populations

STUDY, MODEL = "chignolin", "latf"


def populations_of_states(sources: Sources) -> Drawing:
    """Populations of the named states at every temperature of the study."""
    study, _ = sources.study(STUDY)
    simulate = study.simulate
    ns = simulate.walkers * simulate.frames * simulate.save_every * simulate.time_step / 1000
    drawing = populations(
        sources,
        STUDY,
        MODEL,
        "Trained at 340 and 440 K, asked in between.",
        [
            f"Simulated time: {ns:g} ns per temperature, {simulate.walkers} walkers, {study.system.solvent} solvent. The paper's "
            "force field, features and lag are unknown.",
        ],
    )
    drawing.remarks.append("GMRQ 0.76 is published, its normalisation unknown: no number stands beside it.")
    return drawing
