"""Stage ``reweight``: the estimator of a study, used for predictions and informed training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from thermolatent.files.artifacts import load_json
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.represent.representation import TrainedSpib, load_representation
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.examination import examine
from thermolatent.reweight.fitting import pieces_in_time
from thermolatent.reweight.running import COLUMNS, running_rows
from thermolatent.reweight.sample import Sample
from thermolatent.reweight.settings import Inputs, Named, Outputs, Settings
from thermolatent.reweight.start_up import without_start_up
from thermolatent.reweight.units import require_units, with_units
from thermolatent.states.centers import check_reached
from thermolatent.states.named import name_states
from thermolatent.tables import write_table

log = logging.getLogger(__name__)

#: Default of ``reweight.heat_capacity``, k: the larger of a constant and a value per heavy atom of the solute (docs/theory.md).
LEAST_HEAT_CAPACITY = 5.0
HEAT_CAPACITY_PER_ATOM = 0.7


def run(settings: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Fit the estimator to the MD without its start-up; write it and the running populations."""
    paths = {T: path for T, path in inputs.protocols.items() if Path(path).is_file()}
    for T in inputs.protocols.keys() - paths.keys():
        log.warning("%s: is missing; kinetic temperature and starts are not known", inputs.protocols[T])
    frames = load_frames(inputs.frames, paths)
    protocols = {T: load_json(path, "protocol of the MD") for T, path in paths.items()}
    if not frames.has_energies:
        log.warning("the MD has no energies: heat capacities are determined by the prior, and intervals are wider")
    header = load_json(inputs.frames[frames.temperatures[0]].header, "features' header")
    representation = load_representation(inputs.spib)
    if inputs.exchanged:  # the length of blocks follows from all temperatures of the replica exchange
        everywhere = with_units(settings, load_frames(inputs.exchanged), frames.temperatures)
        frames = replace(frames, blocks=everywhere.among(frames.temperatures).blocks)
    frames = with_units(settings, frames)
    fitted, sample, start_up = estimator_of(settings, frames, representation, header)
    fitted.soundness = examine(sample, frames, protocols, start_up)
    fitted.save(outputs.model)
    interval = header.get("frame_interval", 1.0)
    write_table(outputs.running, COLUMNS, running_rows(sample, pieces_in_time(sample), interval))
    summary = fitted.summary
    log.info(
        "prior: heat capacities differ by %.3g k; one frame in %d classified, of statistical inefficiency %.1f; ridge %g",
        *(fitted.heat_capacity, summary.stride, summary.g_c, summary.ridge),
    )
    for row in fitted.assessments.itertuples():
        if not row.assessable:
            log.warning("%s is not assessable: %s; %s", row.state, row.reason, row.remedy)
    for doubt in fitted.soundness.doubts:
        log.warning("predictions are not trusted: %s", doubt)


def estimator_of(
    settings: Settings, frames: Frames, representation: TrainedSpib | None, header: Mapping
) -> tuple[ConditionalReweighting, Sample, np.ndarray]:
    """The estimator, its data without start-up, and the share of start-up at each temperature, ``(K,)``.

    ``header``: of the features at one of the temperatures.
    """
    sample, start_up = without_start_up(sample_of(settings, frames, representation), frames)
    heat_capacity = settings.reweight.heat_capacity or default_heat_capacity(header)
    return ConditionalReweighting(heat_capacity).fit_sample(sample), sample, start_up


def default_heat_capacity(header: Mapping) -> float:
    """Plausible difference of heat capacities between conformations of this solute, k."""
    return max(LEAST_HEAT_CAPACITY, HEAT_CAPACITY_PER_ATOM * header.get("heavy_atoms", 0))


def sample_of(
    settings: Named,
    frames: Frames,
    representation: TrainedSpib | None,
    energies: bool = True,
) -> Sample:
    """The estimator's data from the training frames: features, named states, fixed plane and memberships.

    Parameters
    ----------
    representation: SPIB, whose memberships join the basis; None for none.
    energies: whether to include them.

    Raises
    ------
    ThermolatentError
        For imported MD with fewer than two independent pieces at a temperature.
    """
    frames = with_units(settings, frames)
    require_units(frames)
    plane = frames.flat(frames.plane)
    check_reached(settings.states, plane, frames.plane_periodic)
    names, assigner = name_states(settings.states, settings.system, frames)
    # The basis is linear: angles enter by sine and cosine.
    columns = [
        f(plane[:, k]) for k in (0, 1) for f in ((np.sin, np.cos) if frames.plane_periodic[k] else (np.asarray,))
    ]
    columns = [np.stack(columns, axis=1)]
    if representation is not None:
        columns.append(representation.state_probabilities(representation.encode(frames.rows())))
    return Sample(
        temperatures=tuple(frames.temperatures),
        k=next(kT / T for T, kT in frames.kT.items()),
        features=frames.rows(),
        which=frames.temperature_index(),
        unit=frames.units,
        stratum=frames.strata,
        counts=np.asarray(frames.frame_counts, np.float64).copy(),
        states=assigner.assign(plane),
        state_names=tuple(names),
        columns=np.concatenate(columns, axis=1).astype(np.float32),
        energies=frames.flat(frames.energies) if energies and frames.has_energies else None,
        piece=frames.series,
    ).with_chains(frames.chains)
