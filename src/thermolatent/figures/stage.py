"""Stage ``figures``: every figure of a study as PDF and PNG, and its data as CSV."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from thermolatent.figures import convergence, history, marginals, melting, surfaces, temperature, uncertainty
from thermolatent.figures.settings import Inputs, Outputs, Settings
from thermolatent.figures.style import save_data, save_figure, series_names, style
from thermolatent.figures.tables import Series, Tables
from thermolatent.files.artifacts import load_arrays
from thermolatent.files.manifest import save_manifest
from thermolatent.validate.settings import Asked

log = logging.getLogger(__name__)

#: Arrays of profiles.npz that the figures read.
_NEEDED = {
    *("temperatures", "edges_latent", "edges_marginal", "latent_md", "latent_model", "latent_model_half"),
    *("marginal_md", "marginal_md_stderr", "marginal_model", "marginal_reweighting", "marginal_reweighting_half"),
}


def run(study: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Draw all figures and write a list of the files.

    Surfaces and marginals show the first seed, the other figures all seeds. Raises :class:`ArtifactError` for a table, a
    history or a profiles file that is missing or broken.
    """
    tables = Tables.load(study, inputs.tables, study.seeds)
    runs, running = history.load_runs(inputs.histories), convergence.load_running(inputs.running)
    written: list[str] = []

    def save(name: str, figure, columns, rows) -> None:
        written.extend([*save_figure(figure, outputs.folder, name), save_data(outputs.folder, name, columns, rows)])

    with style():
        for model in study.models:
            profiles = load_arrays(inputs.profiles[model], "profiles", _NEEDED)
            columns = surfaces.row_columns(profiles)
            save(f"surfaces_{model}", surfaces.draw(study, model, profiles), columns, surfaces.rows(profiles))
            figure = marginals.draw(study, model, profiles)
            save(f"marginals_{model}", figure, marginals.COLUMNS, marginals.rows(profiles))
        figure, columns = temperature.draw_populations(study, tables), temperature.POPULATION_COLUMNS
        save("populations", figure, columns, temperature.population_rows(study, tables))
        save("uncertainty", uncertainty.draw(study, tables), uncertainty.COLUMNS, uncertainty.rows(study, tables))
        if study.temperatures.reference:
            figure, columns = uncertainty.draw_calibration(study, tables), uncertainty.CALIBRATION_COLUMNS
            save("calibration", figure, columns, uncertainty.calibration_rows(study, tables))
        columns = temperature.COLUMNS
        if study.featurize.observables:
            figure = temperature.draw_observables(study, tables)
            save("observables", figure, columns, _observable_rows(study, tables))
        if study.validate_.melting:
            fits = melting.load_fits(inputs.tables.melting)
            save("melting", melting.draw(study, tables, fits), melting.COLUMNS, melting.rows(study, tables, fits))
        save("convergence", convergence.draw(study, running), convergence.COLUMNS, convergence.rows(running))
        save("divergence", temperature.draw_divergence(study, tables), columns, _divergence_rows(study, tables))
        save("history", history.draw(runs), history.COLUMNS, history.rows(runs))
    save_manifest(outputs.listing, written)
    log.info("%d figures in %s", len(written) // 3, outputs.folder)


def _series_rows(quantity: str, name: str, series: Series) -> Iterator[tuple]:
    for T, v in series.items():
        yield (quantity, name, T, v.median, v.low, v.high, v.stderr if v.stderr == v.stderr else "", v.seeds)


def _observable_rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    for observable in tables.observables():
        for name in ("md", *series_names(study)):
            yield from _series_rows(observable, name, tables.observable(name, observable))


def _divergence_rows(study: Asked, tables: Tables) -> Iterator[tuple]:
    for metric in ("js_plane", "js_latent"):
        for plane in tables.planes(metric):
            for name in series_names(study, floor=True):
                yield from _series_rows(f"{metric} {plane}", name, tables.score(name, metric, plane))
