"""The estimator of a study, for the stages that take its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thermolatent.errors import ArtifactError
from thermolatent.frames import Frames
from thermolatent.reweight.estimator import ConditionalReweighting

if TYPE_CHECKING:
    pass


def load_reweighting(path: str, frames: Frames) -> ConditionalReweighting:
    """The study's estimator; raises :class:`ArtifactError` if it was fitted to other frames."""
    found = ConditionalReweighting.load(path)
    if list(found.temperatures) != frames.temperatures or found.n_frames != len(frames):
        raise ArtifactError(
            f"{path}: was fitted to {found.n_frames} frames at other temperatures or of other length than the "
            f"{len(frames)} there are; delete it and run reweight again"
        )
    return found
