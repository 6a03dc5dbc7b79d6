"""Command ``predict`` with a study: its predictions at any temperature in sentences, and as a table."""

from __future__ import annotations

from collections.abc import Mapping

from thermolatent.files.artifacts import require_new
from thermolatent.files.paths import FrameFiles
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.tables import write_table
from thermolatent.temperatures import format_temperature
from thermolatent.validate.observables import judged_observables
from thermolatent.validate.predictions import COLUMNS, predictions_at, sentence
from thermolatent.validate.settings import Asked


def run(
    study: Asked, estimator: str, frames: Mapping[float, FrameFiles], temperatures: list[float], out: str | None
) -> None:
    """Print one line per temperature and state or judged observable; write the rows to ``out`` (``.csv``) if given.

    ``estimator`` and ``frames`` are files of the estimator and the training frames. Raises :class:`ThermolatentError` for an
    invalid temperature, :class:`ArtifactError` if ``reweight`` has not run.
    """
    if out is not None:
        require_new(out, ".csv")
    reweighting = ConditionalReweighting.load(estimator)
    observables = judged_observables(study, frames, reweighting)
    rows = [row for T in temperatures for row in predictions_at(study, reweighting, T, observables=observables)]
    width = max(len(format_temperature(T)) for T in temperatures)
    for row in rows:
        print(f"{row['temperature']:>{width}}{study.unit}   {sentence(row)}")
    if out is not None:
        write_table(out, COLUMNS, rows)
        print(out)
