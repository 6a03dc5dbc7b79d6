"""``thermolatent export weights``: the weight of each training frame at a temperature, with its origin."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from thermolatent.export.frames import WeightedFrames, Weighting, weighted_frames
from thermolatent.files.artifacts import load_json, replacing, require_new, save_arrays
from thermolatent.reweight.estimator import checked_temperature
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature

SUFFIXES = {"csv": ".csv", "npz": ".npz", "plumed": ".colvar"}
#: ln w of a frame that does not count: the logarithm of the smallest number above 0, where a file has no -inf.
_LOWEST = float(np.log(np.finfo(np.float64).smallest_subnormal))


def run(
    study: Study, layout: Layout, temperature: float, form: str, out: str | None, weighting: Weighting
) -> list[str]:
    """Write the weights and return the names of the files, which is one.

    Columns: ``time``, ``temperature`` of the MD, ``trajectory``, ``frame`` there (from 0), the columns of the fixed plane,
    ``energy`` where there are any, ``state``, ``weight`` (sum 1), ``log_weight``, and ``bias``, kT ln w at the temperature
    asked for.
    """
    asked = format_temperature(checked_temperature(temperature))
    path = out or f"{study.name}.T{asked}.weights{SUFFIXES[form]}"
    require_new(path, SUFFIXES[form])
    frames = weighted_frames(study, layout, temperature, weighting)
    header = load_json(layout.features_header(study.temperatures.train[0]), "features' header")
    plane = [field_name(name) for name in header["plane_names"]]
    columns = table(frames, plane, study.system.kT(temperature))
    if form == "npz":
        named = {"trajectories": np.array(frames.origins.files), "states": np.array(frames.state_names)}
        save_arrays(path, {**{column: columns[column].to_numpy() for column in columns}, **named})
    elif form == "csv":
        columns["trajectory"] = np.array(frames.origins.files)[columns["trajectory"]]
        columns["state"] = np.array(frames.state_names)[columns["state"]]
        with replacing(path) as temporary:
            columns.to_csv(temporary, index=False)
    else:
        angles = [name for name, periodic in zip(plane, header["plane_periodic"], strict=True) if periodic]
        _write_colvar(path, columns, angles, frames, temperature)
    return [path]


def field_name(name: str) -> str:
    """A column's name as one word that PLUMED, pandas and shells take: ``phi ALA2`` is ``phi_ALA2``."""
    return re.sub(r"\W+", "_", name).strip("_")


def table(frames: WeightedFrames, plane: list[str], kT: float) -> pd.DataFrame:
    """One row per training frame, all numbers; see :func:`run`."""
    data, origins = frames.data, frames.origins
    log_weight = np.maximum(frames.log_weights, _LOWEST)
    points = data.flat(data.plane)
    return pd.DataFrame(
        {
            "time": origins.time,
            "temperature": np.array(data.temperatures)[data.temperature_index()],
            "trajectory": origins.file,
            "frame": origins.frame,
            **{name: points[:, i] for i, name in enumerate(plane)},
            **({"energy": data.flat(data.energies)} if data.has_energies else {}),
            "state": frames.states,
            "weight": np.exp(frames.log_weights),
            "log_weight": log_weight,
            "bias": kT * log_weight,
        }
    )


def _write_colvar(
    path: str, columns: pd.DataFrame, angles: list[str], frames: WeightedFrames, temperature: float
) -> None:
    """A COLVAR file, as PLUMED's PRINT writes and READ reads it; numbers stand for files and states, comments name them."""
    lines = [f"#! FIELDS {' '.join(columns)}"]
    for angle in angles:
        lines += [f"#! SET min_{angle} -pi", f"#! SET max_{angle} pi"]
    lines += [f"# weights at T = {format_temperature(temperature)}"]
    lines += [f"# trajectory {number} is {file}" for number, file in enumerate(frames.origins.files)]
    lines += [f"# state {number} is {name}" for number, name in enumerate(frames.state_names)]
    with replacing(path) as temporary, temporary.open("w") as file:
        file.write("\n".join(lines) + "\n")
        columns.to_csv(file, sep=" ", header=False, index=False)
