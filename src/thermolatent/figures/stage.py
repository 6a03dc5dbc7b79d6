"""Stage ``figures``: every figure of a study as PDF and PNG, and its data as CSV."""

from __future__ import annotations

import logging
from importlib import import_module

from thermolatent.figures import figures_of
from thermolatent.figures.data import Data
from thermolatent.figures.settings import Inputs, Outputs, Settings
from thermolatent.figures.style import save_data, save_figure, style
from thermolatent.files.manifest import save_manifest

log = logging.getLogger(__name__)


def run(study: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Draw all figures and write a list of the files.

    Surfaces and marginals show the first seed, the other figures all seeds. Raises :class:`ArtifactError` for a table, a
    history or a profiles file that is missing or broken.
    """
    data, written = Data(study, inputs), []
    with style():
        for figure in figures_of(study):
            module, data.model = import_module(figure.module), figure.model
            shown = [getattr(data, name) for name in module.DATA]
            written += save_figure(module.draw(study, *shown), outputs.folder, figure.name)
            written.append(save_data(outputs.folder, figure.name, module.COLUMNS, module.rows(study, *shown)))
    save_manifest(outputs.listing, written)
    log.info("%d figures in %s", len(written) // 3, outputs.folder)
