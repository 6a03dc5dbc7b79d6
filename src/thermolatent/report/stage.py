"""Stage ``report``: one HTML file with a study's predictions, scores, figures and details, which opens offline."""

from __future__ import annotations

import base64
import logging
import platform
import struct
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
import yaml

import thermolatent
from thermolatent.errors import ArtifactError
from thermolatent.figures import Drawn, figures_of, history, melting
from thermolatent.figures.style import look
from thermolatent.figures.surfaces import UNSURE
from thermolatent.figures.tables import Tables
from thermolatent.figures.temperature import plane_title
from thermolatent.files.artifacts import load_json, replacing
from thermolatent.report import experiment, explorer, findings, summary
from thermolatent.report import page as report_page
from thermolatent.report import tables as report_tables
from thermolatent.report.settings import Inputs, Settings
from thermolatent.report.tables import Cell, Table
from thermolatent.simulate.convergence import LIMIT
from thermolatent.tables import read_table
from thermolatent.temperatures import format_temperature
from thermolatent.validate.gather import CONVERGENCE_COLUMNS
from thermolatent.validate.settings import Asked

log = logging.getLogger(__name__)

_SECTIONS = {
    "models": "Models",
    "tables": "Populations",
    "observables": "Observables",
    "figures": "Figures",
    "md": "MD",
    "training": "Training",
    "trajectories": "Weighted structures",
    "methods": "Methods text",
    "study": "Settings",
    "versions": "Versions",
}
_PACKAGES = (
    "thermolatent",
    "openmm",
    "torch",
    "numpy",
    "scipy",
    "mdtraj",
    "deeptime",
    "pymbar",
    "matplotlib",
    "snakemake",
)


def run(study: Settings, inputs: Inputs, output: str) -> None:
    """Write the page to ``output``. Raises :class:`ArtifactError` for a table, figure, protocol or history that is missing."""
    tables = Tables.load(study, inputs.tables, study.seeds)
    runs = history.load_runs(inputs.histories)
    protocols = {T: load_json(path, "MD protocol") for T, path in inputs.protocols.items()}
    fits = melting.load_fits(inputs.tables.melting)
    page = render(study, inputs, tables, runs, protocols, fits)
    with replacing(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    log.info("%s: %.1f MB", output, len(page.encode()) / 1e6)


def render(
    study: Settings,
    inputs: Inputs,
    tables: Tables,
    runs: list[history.Training],
    protocols: dict[float, dict],
    fits: dict[str, melting.Melted],
) -> str:
    """The page as text."""
    seeds = study.seeds
    accuracies = {name: findings.accuracy(study, tables, name) for name in findings.predictors(study)}
    plane = plane_title(tables, "fixed")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    markup = jinja2.utils.markupsafe.Markup
    return environment.from_string(report_page.asset("page.html")).render(
        css=markup(report_page.asset("page.css")),
        script=markup(report_page.script()),
        explorer=markup(explorer.as_json(explorer.payload(study, inputs, tables, fits))),
        structures=bool(study.generate.structures),
        study=study,
        sections=[
            (anchor, title)
            for anchor, title in _SECTIONS.items()
            if (anchor != "observables" or study.featurize.observables)
            and (anchor != "trajectories" or study.generate.structures)
        ],
        facts=summary.facts(study, protocols),
        fit=summary.fit(read_table(inputs.convergence, CONVERGENCE_COLUMNS)),
        methods=summary.methods(study, protocols),
        measured_labels=", ".join(dict.fromkeys(label for s in tables.states() for label in _within(study, tables, s))),
        trajectories=_trajectories(study, inputs),
        answers=findings.answers(study, tables),
        headline=findings.headline(study, tables),
        unsure=f"{UNSURE:g}",
        judged=findings.listed(findings.judged_temperatures(study)) if any(accuracies.values()) else "",
        seeds=f"medians over seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"of seed {seeds[0]}",
        spread="the range over seeds" if len(seeds) > 1 else "half of the 95 % interval over MD walkers",
        accuracies=[
            findings.accuracy_sentence(
                a, look(study, name).label, plane, a.best_baseline and look(study, a.best_baseline).label
            )
            for name, a in accuracies.items()
            if a
        ],
        verdicts=report_tables.verdict_tables(study, tables),
        reasons=findings.reasons(study, tables),
        models=findings.model_sentences(study, tables),
        unconverged=[*_unconverged(protocols), *findings.few_pieces(tables)],
        near_floor=report_tables.NEAR_FLOOR,
        scores=report_tables.score_tables(study, tables),
        populations=report_tables.population_tables(study, tables) + report_tables.melting_tables(study, fits),
        measured=experiment.experiment_sentences(study, tables),
        experiments=experiment.experiment_tables(study, tables),
        observables=report_tables.observable_tables(study, tables),
        figures=[_figure(study, inputs.figures, figure, seeds) for figure in figures_of(study)],
        convergence=report_tables.convergence_table(study, protocols),
        training=report_tables.training_table(runs),
        settings=yaml.safe_dump(study.study, sort_keys=False, width=100),
        versions=_versions(protocols),
        timings=_timings(runs, protocols),
        version=thermolatent.__version__,
        root=study.name,
    )


def _within(study: Settings, tables: Tables, state: str) -> list[str]:
    """Labels of the measured values of a state that are at temperatures of the slider."""
    low, high = study.temperature_range
    return [label for label, values in tables.experiments(state).items() if any(low <= T <= high for T in values)]


def _trajectories(study: Settings, inputs: Inputs) -> list[tuple[str, str]]:
    """Text and relative path of the weighted structures of every model, of the first seed."""
    root = Path(inputs.figures).parent
    return [
        (f"{model}, T = {format_temperature(T)}{study.unit}", Path(path).relative_to(root).as_posix())
        for model, by_seed in inputs.generated.items()
        for T, path in by_seed[study.seeds[0]].structures.items()
    ]


def _unconverged(protocols: dict[float, dict]) -> list[str]:
    found = []
    for T, protocol in protocols.items():
        ratio = protocol["convergence"]["standard_errors"]
        if ratio is not None and ratio > LIMIT:
            first, second = protocol["convergence"]["between"]
            found.append(
                f"The MD at T = {format_temperature(T)} is not converged: walkers from {first} and {second} differ by "
                f"{ratio:.1f} standard errors."
            )
    return found


def _figure(study: Asked, folder: str, figure: Drawn, seeds: list[int]) -> dict[str, Any]:
    path = Path(folder, f"{figure.name}.png")
    try:
        content = path.read_bytes()
        width, height = struct.unpack(">II", content[16:24])  # of a PNG's header chunk
    except (OSError, struct.error) as error:
        raise ArtifactError(f"{path}: figure is missing or broken; run the stage figures") from error
    title, caption = import_module(figure.module).caption(study, seeds, figure.model)
    data = base64.b64encode(content).decode()
    texts = {"name": figure.name, "title": title, "caption": caption, "alt": f"{title}. {caption}"}
    return texts | {"data": data, "width": width, "height": height}


def _versions(protocols: dict[float, dict]) -> Table:
    rows = [("python", [Cell(platform.python_version())])]
    for package in _PACKAGES:
        try:
            rows.append((package, [Cell(version(package))]))
        except PackageNotFoundError:
            continue
    used = ", ".join(sorted({str(protocol["openmm"]) for protocol in protocols.values()}))
    rows.append(("openmm, of the MD", [Cell(used)]))
    return Table("Versions", "Of this machine, and of the MD by its protocol.", [Cell(""), Cell("version")], rows)


def _timings(runs: list[history.Training], protocols: dict[float, dict]) -> Table:
    """Seconds by kind of work."""
    rows = [("MD, all temperatures", [Cell(f"{sum(p['wall_seconds'] for p in protocols.values()):.0f}")])]
    for training in dict.fromkeys(run.training for run in runs):
        seconds = sum(run.seconds for run in runs if run.training == training)
        rows.append((training, [Cell(f"{seconds:.0f}")]))
    return Table("Seconds of work", "All seeds together.", [Cell(""), Cell("seconds")], rows)
