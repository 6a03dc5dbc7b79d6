"""What a paper's figure is made of and comes with: numbers, and a caption that says how they were come by."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t as student

from catalogue import FIGURES, HERE, PaperFigure, Paths, at_scale
from survey_settings import load_survey
from thermolatent.figures.style import save_data, save_figure
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import load_arrays, replacing
from thermolatent.study.jobs import figures_job
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study
from thermolatent.study.study import Study
from thermolatent.validate.settings import Asked


class Finding(NamedTuple):
    """One published value and ours, as text with uncertainties; ``same_metric``: yes, no or unknown, and why."""

    what: str
    published: str
    ours: str
    floor: str
    same_metric: str


@dataclass(frozen=True)
class Sources:
    """Where a figure's results lie.

    Attributes
    ----------
    results: usually ``results``.
    folders: of study files.
    scale: of the studies, ``full`` or ``smoke``.
    survey: scale of the survey's benchmark.
    """

    results: str
    folders: Sequence[str | Path]
    seeds: Sequence[int]
    scale: str = "full"
    survey: str = "desk"

    def study(self, name: str) -> tuple[Study, Layout]:
        """A study and its paths."""
        study = find_study(at_scale(name, "" if self.scale == "full" else f"@{self.scale}"), self.folders)
        return study, Layout.of(study, self.results)

    def answers(self, name: str) -> tuple[Asked, Tables]:
        """A study as its figures are drawn, and its tables."""
        asked, inputs, _ = figures_job(*self.study(name), list(self.seeds))
        return asked, Tables.load(asked, inputs.tables, self.seeds)

    def profiles(self, name: str, model: str) -> dict[str, np.ndarray]:
        """A model's histograms, of the first seed."""
        _, layout = self.study(name)
        return load_arrays(layout.profiles(model, self.seeds[0]), "profiles")

    def base_paths(self, study: str, model: str, seed: int) -> dict[str, np.ndarray]:
        """Straight paths in base space, by :mod:`base_paths`."""
        return load_arrays(self.paths.base_paths(study, model, seed), "paths")

    @property
    def paths(self) -> Paths:
        return Paths(self.results)


@dataclass
class Drawing:
    """A figure, the numbers in it, and what is to be said of it besides what stands in ``figures.yaml``.

    Attributes
    ----------
    columns, rows: of the CSV.
    same: what was done as in the paper.
    different: what was not, and why; a line each.
    remarks: what the numbers say, a line each.
    """

    figure: Figure
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]
    findings: Sequence[Finding] = ()
    remarks: Sequence[str] = ()
    different: Sequence[str] = ()
    same: str = ""


def save(name: str, drawing: Drawing, sources: Sources) -> None:
    """Write figure, numbers and caption."""
    save_figure(drawing.figure, sources.paths.folder, name)
    save_data(sources.paths.folder, name, drawing.columns, iter(drawing.rows))
    with replacing(sources.paths.figure(name, "md")) as temporary:
        temporary.write_text(caption(name, drawing, sources))


def caption(name: str, drawing: Drawing, sources: Sources) -> str:
    """Markdown: title, same, different, findings, remarks, and how it was made."""
    entry = FIGURES[name]
    parts = [f"# {entry.title}", f"**As in the paper.** {entry.same} {drawing.same}".strip()]
    if different := [*entry.different, *drawing.different]:
        parts.append("**Different, and why.**\n\n" + "\n".join(f"* {line}" for line in different))
    if drawing.findings:
        head = "| what | published | ours | noise floor | same metric? |\n|---|---|---|---|---|\n"
        parts.append(head + "\n".join("| " + " | ".join(finding) + " |" for finding in drawing.findings))
    if drawing.remarks:
        parts.append("\n".join(f"* {line}" for line in drawing.remarks))
    parts.append("**Made by.** " + "; ".join(_made_by(entry, sources)) + ".")
    return "\n\n".join(parts) + "\n"


def _made_by(entry: PaperFigure, sources: Sources) -> list[str]:
    found, seeds = [f"commit {commit()}"], sources.seeds
    if entry.all_studies:
        found.append(f"studies {', '.join(entry.all_studies)} at scale {sources.scale}")
    if entry.experiments:
        found.append(f"survey at scale {sources.survey}")
        seeds = load_survey(sources.survey).seeds
    found.append(f"seeds {', '.join(map(str, seeds))}")
    return [*found, f"Python {platform.python_version()} on {platform.machine()}"]


def commit() -> str:
    """This checkout's git commit, with ``+`` where it has changes that are not committed; or ``unknown``."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Mean difference of values with the same seeds, at least two, and half of its 95 % interval by Student's t."""
    found = np.subtract(first, second)
    return float(found.mean()), float(student.ppf(0.975, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5)


def spread(points: Iterable[tuple[float, float]]) -> str:
    """Values with standard errors, one per seed, in words: mean and standard deviation, or the one and its error."""
    pairs = list(points)
    values = [value for value, _ in pairs]
    if len(values) > 1:
        return f"{mean(values):.4f} ± {stdev(values):.4f} ({len(values)} seeds)"
    ((value, error),) = pairs
    return f"{value:.4f} ± {error:.4f} (one seed)" if error == error else f"{value:.4f} (one seed)"
