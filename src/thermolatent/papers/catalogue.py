"""Which figures there are, and which results each is drawn from. Imports nothing heavy: the workflow plans with it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PaperFigure:
    """One figure, ``results/paper/<name>.{pdf,png,csv,md}``.

    Parameters
    ----------
    paper: ``latf``, ``dspib``, ``survey``, or ``beyond`` for what none of them has.
    function: ``module:attribute`` of ``draw(sources) -> Drawing``.
    title: what it shows, and which figure of the paper that is.
    studies: their scores, profiles and generated files are read.
    paths: models of the first study of which interpolation paths are needed.
    divergences: whether the first study's divergences from exact points are needed.
    experiments: of the survey's benchmark on mixtures.
    torsions: whether the survey's torsions are needed, and the MD of the study that the survey's settings name.
    gpu: whether its study's MD is for a GPU: then the targets make it only where that MD is there already.
    """

    paper: str
    function: str
    title: str
    studies: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    divergences: bool = False
    experiments: tuple[str, ...] = ()
    torsions: bool = False
    gpu: bool = False

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    def load(self) -> Callable[..., Any]:
        """Import and return the function."""
        return getattr(importlib.import_module(self.module), self.function.partition(":")[2])


_HERE = "thermolatent.papers"
FIGURES = {
    "latf_2": PaperFigure(
        "latf",
        f"{_HERE}.latf_three_hole:surfaces_and_paths",
        "LaTF, figure 2: the three-hole potential, its base density and straight paths in it",
        ("three_hole_single",),
        paths=("latf_published", "latf_gaussian"),
    ),
    "latf_ablation": PaperFigure(
        "latf",
        f"{_HERE}.latf_three_hole:ablation",
        "LaTF: tilted base, Gaussian base and VampPrior on the three-hole potential",
        ("three_hole_single",),
        divergences=True,
    ),
    **{
        f"latf_5_{what}{suffix}": PaperFigure(
            "latf",
            f"{_HERE}.latf_lj7:{pair}_{what}",
            f"LaTF, figure 5: LJ7, {words}, trained at {temperatures}",
            (study,),
        )
        for pair, suffix, study, temperatures in (
            ("narrow", "", "lj7", "0.2 and 0.5"),
            ("wide", "_wide", "paper_lj7_wide", "0.2 and 0.7"),
        )
        for what, words in (
            ("surfaces", "surfaces of MD and model"),
            ("curves", "free energy along each coordinate"),
            ("populations", "populations against temperature"),
        )
    },
    "latf_3": PaperFigure(
        "latf", f"{_HERE}.latf_molecules:chignolin_surfaces", "LaTF, figure 3: chignolin", ("chignolin",), gpu=True
    ),
    "latf_4": PaperFigure(
        "latf",
        f"{_HERE}.latf_molecules:chignolin_populations",
        "LaTF, figure 4: chignolin, populations against temperature",
        ("chignolin",),
        gpu=True,
    ),
    "latf_6": PaperFigure(
        "latf",
        f"{_HERE}.latf_molecules:rna_melting",
        "LaTF, figure 6: melting of an RNA tetraloop",
        ("rna_tetraloop",),
        gpu=True,
    ),
    "dspib_2": PaperFigure(
        "dspib",
        f"{_HERE}.dspib_figures:three_hole",
        "D-SPIB, figure 2: the three-hole potential, encoded and generated",
        ("three_hole_single",),
    ),
    "dspib_table": PaperFigure(
        "dspib",
        f"{_HERE}.dspib_figures:table",
        "D-SPIB, its table: symmetrised KL on the three-hole potential",
        ("three_hole_single",),
        divergences=True,
    ),
    "dspib_3": PaperFigure(
        "dspib", f"{_HERE}.dspib_figures:lj7", "D-SPIB, figure 3: free energies of LJ7", ("paper_lj7",)
    ),
    "survey_accuracy": PaperFigure(
        "survey",
        f"{_HERE}.survey_figures:accuracy",
        "Gaussian mixtures: accuracy against dimension, training size and number of modes",
        experiments=("dimension", "size", "modes"),
    ),
    "survey_asymmetry": PaperFigure(
        "survey",
        f"{_HERE}.survey_figures:asymmetry",
        "Two modes of unequal population: predicted against exact free-energy difference",
        experiments=("asymmetry",),
    ),
    "survey_cost": PaperFigure(
        "survey",
        f"{_HERE}.survey_figures:cost",
        "Time per sample, number of parameters and training time against dimension",
        experiments=("dimension",),
    ),
    "survey_torsions": PaperFigure(
        "survey",
        f"{_HERE}.torsion_figure:torsions",
        "Torsions of (AIB)9: Ramachandran contours, and divergence of every residue",
        torsions=True,
    ),
    "beyond": PaperFigure(
        "beyond",
        f"{_HERE}.beyond:error_against_overlap",
        "Error at predicted temperatures against the effective sample fraction of reweighting",
        ("lj7", "paper_lj7_wide", "lj7_heating", "lj7_cooling"),
    ),
}
PAPERS = ("latf", "dspib", "survey", "beyond")
#: Studies whose MD the survey learns torsions from, at one scale or another.
TORSION_STUDIES = ("paper_aib9", "aib9")


def studies() -> list[str]:
    """Names of every study that a figure reads, or may read."""
    return list(dict.fromkeys([name for figure in FIGURES.values() for name in figure.studies] + [*TORSION_STUDIES]))
