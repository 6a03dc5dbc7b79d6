"""The training frames with their weights at one temperature, and their places in the files of the MD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.files.artifacts import load_json
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.generate.weights import ModelWeights
from thermolatent.learn.model import Model
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.study.answers import training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study


@dataclass(frozen=True)
class Weighting:
    """What gives the weights: the study's reweighting, or a model of it with its seed."""

    model: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Origins:
    """Places of frames, in training frame order.

    Attributes
    ----------
    files: of trajectories, the user's own where the MD was imported.
    file, frame: number of the file and of the frame there, ``(N,)`` from 0.
    time: ``(N,)`` in the unit of the MD's time step, ps of molecules. Of imported MD since the file's first frame; of other MD
        since the end of equilibration, as the headers of the files say.
    """

    files: list[str]
    file: np.ndarray
    frame: np.ndarray
    time: np.ndarray


@dataclass(frozen=True)
class WeightedFrames:
    """The training frames at one temperature.

    Attributes
    ----------
    log_weights: ln w ``(N,)``, sum of w 1; -inf of a frame that does not count.
    states, state_names: number of the named state of each frame ``(N,)``, and the names.
    """

    data: Frames
    log_weights: np.ndarray
    states: np.ndarray
    state_names: list[str]
    origins: Origins


def weighted_frames(study: Study, layout: Layout, temperature: float, weighting: Weighting) -> WeightedFrames:
    """Weights of the study's reweighting, or of one of its models.

    Raises :class:`ThermolatentError` for a wrong temperature or model, :class:`ArtifactError` for a stage that has not run.
    """
    model = weighting.model
    check_model(study, model)
    data = load_frames(training_frames(study, layout))
    reweighting = ConditionalReweighting.load(layout.reweighting, data)
    if model is None:
        with np.errstate(divide="ignore"):
            log_weights = np.log(reweighting.weights(temperature))
    else:
        informed = reweighting if study.models[model].informed else None
        weights = ModelWeights(Model.load(layout.model(model, weighting.seed)), data, informed)
        log_weights = weights.log_weights(temperature)[0]
    names = list(reweighting.state_names)
    return WeightedFrames(data, log_weights, reweighting.states, names, origins(study, layout, data))


def check_model(study: Study, model: str | None) -> None:
    """Raise :class:`ThermolatentError` for a model that the study does not have; None is always fine."""
    if model is not None and model not in study.models:
        raise ThermolatentError(
            f"--model {model}: study {study.name} has no such model, {did_you_mean(model, study.models)}"
        )


def origins(study: Study, layout: Layout, data: Frames) -> Origins:
    """Places of the training frames."""
    numbers: dict[str, int] = {}
    found: list[tuple[np.ndarray, ...]] = []
    for T in data.temperatures:
        walkers, frames = data.shape(T)
        protocol = load_json(layout.protocol(T), "protocol of the MD")
        if study.system.existing:
            paths, first = protocol["starts"], np.array(protocol["first_frames"])[:, None]
            frame = first + study.system.stride * np.arange(frames)
            time = protocol["time_step"] / study.system.stride * frame
        else:
            paths = layout.trajectories(T, walkers)
            frame = np.tile(np.arange(frames), (walkers, 1))
            time = protocol["save_every"] * protocol["time_step"] * (frame + 1)
        file = np.array([numbers.setdefault(path, len(numbers)) for path in paths])
        found.append((np.repeat(file, frames), frame.ravel(), time.ravel()))
    return Origins(list(numbers), *(np.concatenate(parts) for parts in zip(*found, strict=True)))
