"""Which figures there are (``figures.yaml``), and where their files lie. Imports nothing heavy: the workflow plans with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from thermolatent.parsing import Section, parse, read_yaml

HERE = Path(__file__).parent
PAPERS = ("latf", "dspib", "survey", "beyond")
#: The survey's experiment on MD; the others are on mixtures.
TORSIONS = "torsions"


class PaperFigure(Section):
    """One entry of ``figures.yaml``, whose head says what the keys mean."""

    paper: str
    draw: str
    title: str
    studies: list[str] = Field([])
    model: str = ""
    paths: list[str] = Field([])
    divergences: list[str] = Field([])
    experiments: list[str] = Field([])
    gpu: bool = False
    same: str = ""
    different: list[str] = Field([])
    published: dict[str, str] = Field({}, description="what the paper gives, by metric or model")

    @property
    def all_studies(self) -> list[str]:
        """Studies of which anything is read."""
        return list(dict.fromkeys([*self.studies, *self.divergences]))


_FILE = HERE / "figures.yaml"
FIGURES = {name: parse(PaperFigure, entry, str(_FILE)) for name, entry in read_yaml(_FILE)["figures"].items()}


def at_scale(name: str, suffix: str) -> str:
    """A study's name at a scale of all studies, ``@smoke`` or empty, which goes over the name's own."""
    return name.partition("@")[0] + suffix if suffix else name


@dataclass(frozen=True)
class Paths:
    """Paths of what belongs to the papers, below ``root``, usually ``results``."""

    root: str

    @property
    def folder(self) -> str:
        """Where the figures are."""
        return f"{self.root}/paper"

    def figure(self, name: str, extension: str) -> str:
        return f"{self.folder}/{name}.{extension}"

    def survey(self, scale, experiment, framework, seed) -> str:
        """Scores of one job of the survey's benchmark."""
        return f"{self.root}/survey@{scale}/{experiment}/{framework}/seed{seed}.csv"

    def torsion_samples(self, scale, framework, seed) -> str:
        """Angles that a framework of the survey generated."""
        return self.survey(scale, TORSIONS, framework, seed).removesuffix(".csv") + ".npz"

    def base_paths(self, study, model, seed) -> str:
        """Interpolation paths between states."""
        return f"{self.root}/{study}/papers/{model}/seed{seed}.paths.npz"

    def divergences(self, study, seed) -> str:
        """Symmetrised KL of every model against MD and against exact points, and its held-out losses."""
        return f"{self.root}/{study}/papers/divergences.seed{seed}.csv"
