"""Stage ``figures``: figures of a study as PDF and PNG, and their data as CSV."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from importlib import import_module

from thermolatent.figures import Drawn, figures_of
from thermolatent.figures.data import Data
from thermolatent.figures.settings import Inputs, Outputs, Settings
from thermolatent.figures.style import save_data, save_figure, style
from thermolatent.files.manifest import save_manifest

log = logging.getLogger(__name__)


def run(study: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Draw the figures that every study has, and write a list of the files.

    Surfaces and marginals show the first seed, the other figures all seeds. Raises :class:`ArtifactError` for a table, a
    history or a profiles file that is missing or broken.
    """
    written = draw(study, inputs, figures_of(study), outputs.folder)
    save_manifest(outputs.listing, written)
    log.info("%d figures in %s", len(written) // 3, outputs.folder)


def draw(
    study: Settings, inputs: Inputs, figures: Iterable[Drawn], folder: str, formats: Sequence[str] = ("pdf", "png")
) -> list[str]:
    """Draw figures in ``formats``, with their data as CSV; returns the files."""
    data, written = Data(study, inputs), []
    with style():
        for figure in figures:
            module, data.model = import_module(figure.module), figure.model
            shown = [getattr(data, name) for name in module.DATA]
            written += save_figure(module.draw(study, *shown), folder, figure.name, formats)
            written.append(save_data(folder, figure.name, module.COLUMNS, module.rows(study, *shown)))
    return written
