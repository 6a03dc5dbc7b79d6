"""``thermolatent export structures``: training frames drawn by their weights at a temperature, with their topology."""

from __future__ import annotations

from pathlib import Path

import mdtraj
import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.export.frames import WeightedFrames, Weighting, weighted_frames
from thermolatent.files.artifacts import replacing, require_new
from thermolatent.files.paths import in_ascii
from thermolatent.generate.structures import TrainingTrajectories, drawn_frames, write_dcd
from thermolatent.reweight.estimator import checked_temperature
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature

FORMATS = ("xtc", "dcd", "pdb")


def run(
    study: Study,
    layout: Layout,
    temperature: float,
    n: int,
    form: str,
    out: str | None,
    weighting: Weighting,
) -> list[str]:
    """Write ``n`` frames and return the names of the files: the trajectory, and beside XTC and DCD the topology as PDB.

    With a model and its seed these are the frames of its own DCD, if n is ``generate.structures``. The PDB has remarks with the
    origin of each frame.
    """
    asked = format_temperature(checked_temperature(temperature))
    path = out or f"{study.name}.T{asked}.structures.{form}"
    require_new(path, f".{form}")
    beside = str(Path(path).with_suffix(".pdb"))
    require_new(beside, ".pdb")
    trajectory, frames, chosen = drawn(study, layout, temperature, n, weighting)
    if form == "dcd":
        write_dcd(path, trajectory.xyz)
    elif form == "xtc":
        with replacing(path) as temporary, in_ascii(temporary) as name:
            trajectory.save_xtc(name)
    with replacing(beside) as temporary:
        (trajectory if form == "pdb" else trajectory[0]).save_pdb(str(temporary))
        told = remarks(frames, chosen, temperature)
        temporary.write_text("\n".join([*told, temporary.read_text()]))
    return list(dict.fromkeys([path, beside]))


def drawn(
    study: Study, layout: Layout, temperature: float, n: int, weighting: Weighting
) -> tuple[mdtraj.Trajectory, WeightedFrames, np.ndarray]:
    """``n`` frames drawn by weight: their structures, all frames with weights, and the numbers of those drawn ``(n,)``.

    Raises :class:`ThermolatentError` for MD without coordinates.
    """
    if study.system.columns:
        raise ThermolatentError(
            f"study {study.name}: there are no structures, its MD is columns of numbers (system.kind: {study.system.kind}); "
            "write export weights, which says of each frame what it weighs"
        )
    frames = weighted_frames(study, layout, temperature, weighting)
    training = study.temperatures.train
    md = {T: layout.md_files(T, study.simulate.walkers).trajectories for T in training}
    chosen = drawn_frames(frames.log_weights, n, weighting.seed)
    topology = mdtraj.load_topology(layout.topology(training[0]))
    return mdtraj.Trajectory(TrainingTrajectories(frames.data, md).positions(chosen), topology), frames, chosen


def remarks(frames: WeightedFrames, chosen: np.ndarray, temperature: float) -> list[str]:
    """Lines of a PDB with the origins of the frames ``chosen``; frames of files count from 0."""
    origins, data = frames.origins, frames.data
    at = data.temperature_index()[chosen]
    lines = [f"REMARK   1 FRAMES OF MD DRAWN BY THEIR WEIGHTS AT T = {format_temperature(temperature)}"]
    for number, (i, t) in enumerate(zip(chosen, at, strict=True), start=1):
        lines.append(
            f"REMARK   1 MODEL {number}: FRAME {origins.frame[i]} (TIME {origins.time[i]:g}) OF "
            f"{origins.files[origins.file[i]]}, T = {format_temperature(data.temperatures[t])}"
        )
    return lines
