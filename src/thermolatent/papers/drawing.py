"""What a paper's figure is made of and comes with: numbers, and a caption that says how they were come by."""

from __future__ import annotations

import csv
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from thermolatent.figures.style import save_data, save_figure
from thermolatent.files.artifacts import replacing
from thermolatent.papers.catalogue import FIGURES
from thermolatent.papers.survey_settings import load_survey
from thermolatent.study.layout import Layout, PaperLayout
from thermolatent.study.project import find_study
from thermolatent.study.study import Study


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
    folders: Sequence[str]
    seeds: Sequence[int]
    scale: str = "full"
    survey: str = "desk"

    def study(self, name: str) -> tuple[Study, Layout]:
        """A study and its paths."""
        study = find_study(name if self.scale == "full" else f"{name}@{self.scale}", self.folders)
        return study, Layout.of(study, self.results)

    @property
    def layout(self) -> PaperLayout:
        return PaperLayout(self.results)


@dataclass
class Drawing:
    """A figure, the numbers in it, and what is to be said of it.

    Attributes
    ----------
    columns, rows: of the CSV.
    same: what was done as in the paper.
    different: what was not, and why; a line each.
    remarks: what the numbers say, a line each.
    seconds: time its jobs took, where they say so themselves.
    """

    figure: Figure
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]
    same: str
    different: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float | None = None


def save(name: str, drawing: Drawing, sources: Sources) -> None:
    """Write figure, numbers and caption."""
    layout = sources.layout
    save_figure(drawing.figure, layout, name)
    save_data(layout, name, drawing.columns, iter(drawing.rows))
    with replacing(layout.caption(name)) as temporary:
        temporary.write_text(caption(name, drawing, sources))


def caption(name: str, drawing: Drawing, sources: Sources) -> str:
    """Markdown: title, same, different, findings, remarks, and how it was made."""
    entry = FIGURES[name]
    parts = [f"# {entry.title}", f"**As in the paper.** {drawing.same}"]
    if drawing.different:
        parts.append("**Different, and why.**\n\n" + "\n".join(f"* {line}" for line in drawing.different))
    if drawing.findings:
        parts.append(findings_table(drawing.findings))
    if drawing.remarks:
        parts.append("\n".join(f"* {line}" for line in drawing.remarks))
    parts.append("**Made by.** " + "; ".join(_made_by(entry, drawing, sources)) + ".")
    return "\n\n".join(parts) + "\n"


def findings_table(findings: Iterable[Finding]) -> str:
    """Markdown table of findings."""
    head = "| what | published | ours | noise floor | same metric? |\n|---|---|---|---|---|\n"
    return head + "\n".join("| " + " | ".join(finding) + " |" for finding in findings)


def _made_by(entry: Any, drawing: Drawing, sources: Sources) -> list[str]:
    found = [f"commit {commit()}"]
    if entry.studies:
        found.append(f"studies {', '.join(entry.studies)} at scale {sources.scale}")
    if entry.experiments or entry.torsions:
        seeds = ", ".join(map(str, load_survey(sources.survey).seeds))
        found.append(f"survey at scale {sources.survey}, seeds {seeds}")
    else:
        found.append(f"seeds {', '.join(map(str, sources.seeds))}")
    seconds = drawing.seconds if drawing.seconds is not None else recorded_seconds(entry.studies, sources)
    found.append(f"{seconds:.0f} s of jobs" if seconds else "time of its jobs not recorded")
    found.append(f"Python {platform.python_version()} on {platform.machine()}")
    return found


def commit() -> str:
    """The package's git commit, with ``+`` where it has changes that are not committed; or ``unknown``."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(here.parent))
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def recorded_seconds(studies: Iterable[str], sources: Sources) -> float:
    """Wall time of the studies' jobs as Snakemake recorded it beside their logs, summed; 0 where it did not."""
    total = 0.0
    for name in studies:
        study, _ = sources.study(name)
        for run in {study.name, study.md_study}:
            for path in Path("logs", run).rglob("*.tsv"):
                with path.open(newline="") as file:
                    total += sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
    return total


def spread(points: Iterable[tuple[float, float]]) -> str:
    """Values with standard errors, one per seed, in words: mean and standard deviation, or the one and its error."""
    pairs = list(points)
    values = [value for value, _ in pairs]
    mean = sum(values) / len(values)
    if len(values) > 1:
        deviation = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
        return f"{mean:.4f} ± {deviation:.4f} ({len(values)} seeds)"
    error = pairs[0][1]
    return f"{mean:.4f} ± {error:.4f} (one seed)" if error == error else f"{mean:.4f} (one seed)"
