"""The stage ``reweight``: the estimator of one study, which serves every prediction and informed training."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from thermolatent.artifacts import load_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.frames import Frames, load_frames
from thermolatent.layout import Layout
from thermolatent.learn.representation import Representation, load_representation
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.sample import Sample
from thermolatent.states.named import name_states

log = logging.getLogger(__name__)

#: Default of ``reweight.heat_capacity``: so many k, or so many per heavy atom of the solute if that is more (docs/theory.md).
LEAST_HEAT_CAPACITY = 5.0
HEAT_CAPACITY_PER_ATOM = 0.7


def run(study: Study, layout: Layout, seed: int) -> None:
    """Fit the estimator and write ``reweight/reweighting.safetensors``; ``seed`` says whose SPIB's memberships join the basis."""
    frames = load_frames(study, layout)
    if not frames.has_energies:
        log.warning("the MD has no energies: how free energies bend is left to the prior, and intervals are wider")
    header = load_json(layout.features_header(study.temperatures.train[0]), "features' header")
    heat_capacity = study.reweight.heat_capacity or default_heat_capacity(header)
    representation = load_representation(layout.spib(seed))
    fitted = ConditionalReweighting(heat_capacity).fit_sample(sample_of(study, frames, representation))
    fitted.save(layout.reweighting)
    told = fitted.summary
    log.info(
        "heat capacities differ by %.3g k as a prior; every %d. frame, statistical inefficiency %.1f, ridge %g",
        *(heat_capacity, told.stride, told.g_c, told.ridge),
    )
    for row in fitted.assessments.itertuples():
        if not row.assessable:
            log.warning("%s is not assessable: %s; %s", row.state, row.reason, row.remedy)


def default_heat_capacity(header: Mapping) -> float:
    """How large a difference of heat capacities between conformations of this solute is plausible, k."""
    return max(LEAST_HEAT_CAPACITY, HEAT_CAPACITY_PER_ATOM * header.get("heavy_atoms", 0))


def sample_of(study: Study, frames: Frames, representation: Representation | None, energies: bool = True) -> Sample:
    """The training frames as the estimator takes them: features, named states, fixed plane and memberships.

    Parameters
    ----------
    representation: the SPIB whose memberships join the basis; None for none.
    energies: False leaves them out.
    """
    plane = frames.flat(frames.plane)
    names, assigner = name_states(study.validate_.states, study.system, frames)
    # An angle has no place in a linear basis, its sine and cosine have.
    columns = [f(plane[:, k]) for k in (0, 1) for f in ((np.sin, np.cos) if frames.plane_periodic[k] else (np.asarray,))]
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
    )


def load_reweighting(layout: Layout, frames: Frames) -> ConditionalReweighting:
    """The study's estimator; raises :class:`ArtifactError` if it was fitted to other frames."""
    found = ConditionalReweighting.load(layout.reweighting)
    if list(found.temperatures) != frames.temperatures or found.n_frames != len(frames):
        raise ArtifactError(
            f"{layout.reweighting}: was fitted to {found.n_frames} frames at other temperatures or of other length than the "
            f"{len(frames)} there are; delete it and run reweight again"
        )
    return found
