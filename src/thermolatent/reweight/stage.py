"""The stage ``reweight``: the estimator of one study, which serves every prediction and informed training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermolatent.errors import ArtifactError, TrainingError
from thermolatent.files.artifacts import load_json
from thermolatent.frames import Frames, load_frames
from thermolatent.represent.representation import Representation, load_representation
from thermolatent.represent.tica import fit_tica
from thermolatent.reweight.correlation import runs
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.examination import examine
from thermolatent.reweight.fitting import pieces_in_time
from thermolatent.reweight.running import COLUMNS, running_rows
from thermolatent.reweight.sample import Sample
from thermolatent.reweight.settings import Inputs, Outputs, Settings
from thermolatent.reweight.start_up import without_start_up
from thermolatent.reweight.units import Units, require_units, units_of
from thermolatent.rows import over_blocks
from thermolatent.states.named import name_states
from thermolatent.tables import write_table

log = logging.getLogger(__name__)

#: With fewer frames at a temperature for each feature, the leading tIC would be one of noise.
FRAMES_PER_FEATURE = 10
#: Default of ``reweight.heat_capacity``: so many k, or so many per heavy atom of the solute if that is more (docs/theory.md).
LEAST_HEAT_CAPACITY = 5.0
HEAT_CAPACITY_PER_ATOM = 0.7


def run(settings: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Fit the estimator to the MD without its start-up, and write it and the running populations."""
    frames = load_frames(inputs.frames)
    protocols = _protocols(inputs.protocols, frames)
    frames.starts.update({T: protocol["starts"] for T, protocol in protocols.items()})
    if not frames.has_energies:
        log.warning("the MD has no energies: how free energies bend is left to the prior, and intervals are wider")
    header = load_json(inputs.frames[frames.temperatures[0]].header, "features' header")
    heat_capacity = settings.reweight.heat_capacity or default_heat_capacity(header)
    representation = load_representation(inputs.spib)
    everywhere = load_frames(inputs.exchanged) if inputs.exchanged else None
    sample = sample_of(settings, frames, representation, everywhere=everywhere)
    sample, start_up = without_start_up(sample, frames)
    fitted = ConditionalReweighting(heat_capacity).fit_sample(sample)
    fitted.soundness = examine(sample, frames, protocols, start_up)
    fitted.save(outputs.model)
    interval = header.get("frame_interval", 1.0)
    write_table(outputs.running, COLUMNS, running_rows(sample, pieces_in_time(sample), interval))
    told = fitted.summary
    log.info(
        "prior: heat capacities differ by %.3g k; one frame in %d classified, of statistical inefficiency %.1f; ridge %g",
        *(heat_capacity, told.stride, told.g_c, told.ridge),
    )
    for row in fitted.assessments.itertuples():
        if not row.assessable:
            log.warning("%s is not assessable: %s; %s", row.state, row.reason, row.remedy)
    for doubt in fitted.soundness.doubts:
        log.warning("not fit to answer: %s", doubt)


def _protocols(paths: Mapping[float, str], frames: Frames) -> dict[float, dict[str, Any]]:
    """What is told of the MD by training temperature; features that came without MD have no protocol."""
    found = {T: load_json(path, "protocol of the MD") for T, path in paths.items() if Path(path).is_file()}
    for T in paths:
        if T not in found:
            log.warning("%s: is missing; kinetic temperature and starts are not known", paths[T])
        elif len(found[T]["starts"]) != frames.shape(T)[0]:
            raise ArtifactError(
                f"{paths[T]}: names {len(found[T]['starts'])} starts, there are {frames.shape(T)[0]} walkers; run the stage "
                "simulate again"
            )
    return found


def default_heat_capacity(header: Mapping) -> float:
    """How large a difference of heat capacities between conformations of this solute is plausible, k."""
    return max(LEAST_HEAT_CAPACITY, HEAT_CAPACITY_PER_ATOM * header.get("heavy_atoms", 0))


def sample_of(
    settings: Settings,
    frames: Frames,
    representation: Representation | None,
    energies: bool = True,
    everywhere: Frames | None = None,
) -> Sample:
    """The training frames as the estimator takes them: features, named states, fixed plane and memberships.

    Parameters
    ----------
    representation: the SPIB whose memberships join the basis; None for none.
    energies: False leaves them out.
    everywhere: of replica exchange from elsewhere, the frames at all its temperatures, which say how long blocks must be;
        None: the training frames.

    Raises
    ------
    ThermolatentError
        For imported MD in which there are not two independent pieces at a temperature.
    """
    plane = frames.flat(frames.plane)
    names, assigner = name_states(settings.states, settings.system, frames)
    # An angle has no place in a linear basis, its sine and cosine have.
    columns = [
        f(plane[:, k]) for k in (0, 1) for f in ((np.sin, np.cos) if frames.plane_periodic[k] else (np.asarray,))
    ]
    columns = [np.stack(columns, axis=1)]
    if representation is not None:
        columns.append(representation.state_probabilities(representation.encode(frames.rows())))
    units = _units(settings.lag, frames, names, assigner.assign, everywhere or frames)
    require_units(units, frames)
    return Sample(
        temperatures=tuple(frames.temperatures),
        k=next(kT / T for T, kT in frames.kT.items()),
        features=frames.rows(),
        which=frames.temperature_index(),
        unit=units.unit,
        stratum=units.stratum,
        counts=np.asarray(frames.frame_counts, np.float64).copy(),
        states=assigner.assign(plane),
        state_names=tuple(names),
        columns=np.concatenate(columns, axis=1).astype(np.float32),
        energies=frames.flat(frames.energies) if energies and frames.has_energies else None,
        piece=units.piece,
    )


def _units(
    lag: int, frames: Frames, names: list[str], assign: Callable[[np.ndarray], np.ndarray], everywhere: Frames
) -> Units:
    """Independent pieces of the MD, of which that from elsewhere is asked what is slow in it."""
    series: dict[float, dict[str, list[np.ndarray]]] = {}
    shares: dict[str, list[np.ndarray]] = {}
    if frames.pieces:
        for T in frames.kT:
            states = assign(frames.plane[T].reshape(-1, 2))
            series[T] = {name: _in_time(frames, T, states == s) for s, name in enumerate(names)}
            if frames.stretch:
                continue
            if (slow := _leading_component(frames.among([T]), lag)) is not None:
                series[T]["the leading tIC"] = _in_time(frames, T, slow)
            if np.isfinite(frames.energies[T]).all():
                series[T]["the energy"] = _in_time(frames, T, frames.energies[T].ravel())
    if frames.pieces and frames.stretch:
        states = np.stack([assign(everywhere.plane[T].reshape(-1, 2)) for T in everywhere.kT])
        for s, name in enumerate(names):
            shares[f"the mean share of {name}"] = _in_time(frames, frames.temperatures[0], (states == s).mean(axis=0))
        shares |= {f"{name} at {T:g}": own for T, named in series.items() for name, own in named.items()}
    return units_of(frames, series, shares)


def _in_time(frames: Frames, temperature: float, values: np.ndarray) -> list[np.ndarray]:
    """Values ``(frames,)`` at one temperature, series by series."""
    return [values[piece] for piece in runs(frames.among([temperature]).series)]


def _leading_component(frames: Frames, lag: int) -> np.ndarray | None:
    """The slowest tICA component at the only temperature of ``frames``, ``(N,)``; None where there are too few frames."""
    (temperature,) = frames.temperatures
    if frames.linked(temperature, lag).sum() < FRAMES_PER_FEATURE * frames.features[temperature].shape[-1]:
        return None
    try:
        model = fit_tica(frames, lag, np.ones(frames.shape(temperature)[0], bool), 1, "the leading tIC")
    except TrainingError:
        return None
    component = over_blocks(lambda block: torch.from_numpy(model.transform(block.double().numpy())), frames.rows())
    return component.numpy()[:, 0]
