"""The section ``representation`` of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from thermolatent.files.paths import FrameFiles
from thermolatent.parsing import Positive, Section


class Representation(Section):
    """State Predictive Information Bottleneck: encoder, decoder, labels (docs/theory.md)."""

    latent_dim: int = Field(2, ge=1, description="dimension d of z")
    lag: int = Field(1, ge=1, description="in saved frames")
    beta_ib: Positive = Field(1e-4, description="information-bottleneck weight")
    encoder: Literal["linear", "mlp"] = Field("linear", description="mean of q(z|x): a linear map, or a network")
    variance: Literal["global", "input"] = Field(
        "global", description="sigma of q(z|x): one scalar, or a function of x"
    )
    encoder_width: int = Field(32, ge=1, description="hidden units of an mlp encoder's two layers")
    decoder_width: int = Field(16, ge=1, description="hidden units of the decoder's two layers")
    tica: int | None = Field(
        None, ge=1, description="number of slowest tICA components that are SPIB's input in place of the features"
    )
    initial: Literal["plane", "tica"] = Field(
        "plane",
        description="initial labels are clusters in the fixed plane, or in the features' slowest tICA components",
    )
    initial_labels: int = Field(100, ge=2, description="number of these clusters (k-means)")
    refinements: int = Field(10, ge=0, description="maximum number of relabellings")
    batch_size: int = Field(
        2048,
        ge=1,
        description="pairs of frames per optimiser step; smaller where an epoch would have fewer than 64 steps",
    )
    learning_rate: Positive = Field(1e-3, description="of Adam")
    epochs: int = Field(20, ge=1, description="maximum per refinement")
    tolerance: float = Field(1e-3, ge=0, description="loss change below which an epoch counts as no progress")
    patience: int = Field(2, ge=1, description="epochs without progress before relabelling")


class Settings(Section):
    """What the stage represent reads; ``device`` is that of ``learn``."""

    representation: Representation
    T_ref: float
    device: str
    seed: int


@dataclass(frozen=True)
class Inputs:
    """Files that the stage represent reads: the frames at the training temperatures."""

    frames: dict[float, FrameFiles]


@dataclass(frozen=True)
class Outputs:
    """Files that it writes: SPIB and its loss history."""

    model: str
    history: str
