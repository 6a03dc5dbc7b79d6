"""Stage ``reseed``: starts of the walkers at a reseeded temperature, frames of the other training MD drawn by weight.

They are drawn once. MD that started from them stays when the other MD gets longer: a Markov model corrects the starts.
"""

from __future__ import annotations

import json
import logging
import os

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_arrays, load_json, save_arrays
from thermolatent.frame_loading import load_frames
from thermolatent.generate.settings import ReseedInputs, ReseedSettings
from thermolatent.generate.structures import TrainingTrajectories, drawn_frames
from thermolatent.mbar import effective_fraction
from thermolatent.reweight.stage import estimator_of
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)


def run(settings: ReseedSettings, inputs: ReseedInputs, output: str) -> None:
    """Write ``positions (walkers, n_particles, 3)`` in nm, and ``names (walkers,)`` that say which frames they are.

    Starts that are there already stay, unless the system or the number of walkers has changed.
    """
    identity = json.dumps([settings.model_dump(mode="json"), settings.temperature])
    if _identity(output) == identity:
        os.utime(output)  # it is up to date
        log.info("%s: drawn already", output)
        return
    frames = load_frames(inputs.frames)
    header = load_json(inputs.frames[frames.temperatures[0]].header, "features' header")
    reweighting, _, _ = estimator_of(settings.estimator, frames, None, header)
    with np.errstate(divide="ignore"):
        log_weights = np.log(reweighting.weights(settings.temperature))
    chosen = drawn_frames(log_weights, settings.walkers, settings.seed)
    log.info(
        "T=%s: %d starts, %d different, of frames with %.0f effective ones",
        *(format_temperature(settings.temperature), len(chosen), len(np.unique(chosen))),
        effective_fraction(log_weights) * len(log_weights),
    )
    names = [
        f"T{format_temperature(frames.temperatures[t])}/walker{w:02d}, frame {n}"
        for t, w, n in zip(*frames.place(chosen), strict=True)
    ]
    positions = TrainingTrajectories(frames, inputs.trajectories).positions(chosen).astype(np.float64)
    save_arrays(output, {"positions": positions, "names": np.array(names), "identity": np.array(identity)})


def _identity(path: str) -> str | None:
    """What the starts in a file were drawn for; None if there is no complete file."""
    try:
        return str(load_arrays(path, "starts", ("identity",))["identity"])
    except ArtifactError:
        return None
