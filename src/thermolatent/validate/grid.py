"""Predictions on a grid of temperatures that is fine enough for a slider.

They come from the same functions as those at the study's temperatures: populations from
:func:`~thermolatent.validate.predictions.predictions_at`, means of observables and frame weights from the estimator.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_array, load_arrays, load_json, save_arrays
from thermolatent.files.paths import FrameFiles
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.verdict import surface
from thermolatent.tables import write_table
from thermolatent.temperatures import format_temperature
from thermolatent.validate.divergence import Bins
from thermolatent.validate.predictions import COLUMNS, HEADLINE, predictions_at
from thermolatent.validate.settings import Asked, GatherInputs, GatherOutputs

log = logging.getLogger(__name__)

#: Columns of ``grid_observables.csv``.
OBSERVABLE_COLUMNS = ("study", "temperature", "role", "observable", "value", "stderr", "low", "high")
#: Largest step in ln T, below ln 1.01 = 0.00995 since temperatures are rounded.
_STEP = 0.0098
#: Significant digits of a temperature that is not the study's, so that it is displayed exactly.
_DIGITS = 5


def grid_temperatures(study: Asked) -> list[float]:
    """Temperatures over the learning range, ascending, at most 1 % apart.

    They include the study's temperatures and are evenly spaced in ln T between these.
    """
    fixed = sorted({*study.temperature_range, *study.temperatures.generated})
    found = fixed[:1]
    for low, high in pairwise(fixed):
        steps = math.ceil(math.log(high / low) / _STEP)
        between = (low * (high / low) ** (k / steps) for k in range(1, steps))
        found += [*(float(f"{T:.{_DIGITS}g}") for T in between), high]
    return found


def write(
    study: Asked,
    inputs: GatherInputs,
    outputs: GatherOutputs,
    reweighting: ConditionalReweighting,
    judged: Iterable[dict],
) -> None:
    """Write ``grid.csv``, ``grid_observables.csv`` and ``grid.npz``.

    Parameters
    ----------
    judged: rows of ``predictions.csv``, which are not computed again.

    Raises
    ------
    ArtifactError: for a plane, observables or profiles that are missing, broken or of other frames.
    """
    began, temperatures = time.perf_counter(), grid_temperatures(study)
    write_table(outputs.grid, COLUMNS, population_rows(study, reweighting, temperatures, judged))
    rows = observable_rows(study, inputs.frames, reweighting, temperatures)
    write_table(outputs.grid_observables, OBSERVABLE_COLUMNS, rows)
    save_arrays(outputs.grid_surfaces, surfaces(inputs.profiles, inputs.frames, reweighting, temperatures))
    log.info(
        "grid of %d temperatures from %g to %g: %.1f s",
        *(len(temperatures), temperatures[0], temperatures[-1], time.perf_counter() - began),
    )


def population_rows(
    study: Asked, reweighting: ConditionalReweighting, temperatures: Iterable[float], judged: Iterable[dict] = ()
) -> list[dict]:
    """Rows of ``grid.csv``: predictions of the reweighting at every temperature, columns as in ``predictions.csv``."""
    known: dict[str, list[dict]] = {}
    for row in judged:
        if row["predictor"] == HEADLINE:
            known.setdefault(row["temperature"], []).append(row)
    found = []
    for T in temperatures:
        found += known.get(format_temperature(T)) or predictions_at(study, reweighting, T)
    return found


def observable_rows(
    study: Asked, frames: Mapping[float, FrameFiles], reweighting: ConditionalReweighting, temperatures: Iterable[float]
) -> list[dict]:
    """Rows of ``grid_observables.csv``: the mean of each observable with its interval."""
    header = load_json(next(iter(frames.values())).header, "features' header")
    if not (names := header.get("observable_names", [])):
        return []
    values = values_of_frames(frames, "observables", reweighting)
    found = []
    for T in temperatures:
        base = {"study": study.name, "temperature": format_temperature(T), "role": study.temperatures.role(T)}
        if _predicts(reweighting, T):
            table = reweighting.mean(T, values)[["value", "stderr", "low", "high"]].to_dict("records")
        else:
            table = [{}] * len(names)
        found += [base | {"observable": name} | numbers for name, numbers in zip(names, table, strict=True)]
    return found


def surfaces(
    path: str, frames: Mapping[float, FrameFiles], reweighting: ConditionalReweighting, temperatures: Sequence[float]
) -> dict[str, np.ndarray]:
    """Content of ``grid.npz``, in the bins of the profiles at ``path``.

    Returns ``temperatures`` ``(m,)``; ``edges_plane`` ``(2, bins + 1)``, as for the scores; ``free_energy``
    ``(m, bins, bins)`` float32 in kT of each temperature, minimum 0, NaN in bins without frames; and, of the same shape,
    ``free_energy_stderr`` and ``free_energy_half``, half of the 95 % interval: the errors of -ln of the bin's share, NaN in
    states that are not assessable.
    """
    profiles = load_arrays(path, "profiles", ["edges_plane"])
    bins = Bins(tuple(profiles["edges_plane"]))
    cells = bins.assign(values_of_frames(frames, "plane", reweighting))
    names = ("free_energy", "free_energy_stderr", "free_energy_half")
    found = {name: np.full((len(temperatures), *bins.shape), np.nan, np.float32) for name in names}
    for k, T in enumerate(temperatures):
        if _predicts(reweighting, T):
            table = surface(reweighting, T, cells, bins.cells)[:-1]
            numbers = (table.value - table.value.min(), table.stderr, (table.high - table.low) / 2)
            for array, own in zip(found.values(), numbers, strict=True):
                array[k] = own.to_numpy().reshape(bins.shape)
    return {"temperatures": np.array(temperatures), "edges_plane": profiles["edges_plane"], **found}


def _predicts(reweighting: ConditionalReweighting, temperature: float) -> bool:
    """Whether there is a prediction: MD at a single temperature gives none at others."""
    return len(reweighting.temperatures) > 1 or temperature == reweighting.temperatures[0]


def values_of_frames(frames: Mapping[float, FrameFiles], what: str, reweighting: ConditionalReweighting) -> np.ndarray:
    """The array ``what`` of all frames in training frame order, ``(N, n)``."""
    paths = [getattr(files, what) for files in frames.values()]
    arrays = [load_array(path, what) for path in paths]
    if sum(array.shape[0] * array.shape[1] for array in arrays) != reweighting.n_frames:
        raise ArtifactError(
            f"{paths[0]}: with the other training temperatures does not hold the {reweighting.n_frames} frames that the "
            "reweighting was fitted to; run reweight again"
        )
    return np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])
