"""The sections ``learn`` and ``models`` of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from thermolatent.densities.specs import AnyDensity
from thermolatent.files.paths import FrameFiles
from thermolatent.parsing import Positive, Section
from thermolatent.represent.settings import Representation


class Learn(Section):
    """Training of the density models."""

    temperature_range: tuple[Positive, Positive] | None = Field(
        None, description="range that the models are trained for; default: the span of train and predict"
    )
    batch_size: int = Field(4096, ge=1, description="frames per step")
    learning_rate: Positive = Field(2e-3, description="of Adam, maximum; falls to 0 along a cosine")
    steps: int = Field(4000, ge=1, description="maximum number of optimiser steps")
    evaluate_every: int = Field(250, ge=1, description="steps between held-out evaluations")
    patience: int = Field(8, ge=1, description="evaluations without a better held-out loss before stopping")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where torch sees one")
    gpu_batch: int = Field(
        1,
        ge=1,
        description="auto: smaller batches are trained on the CPU; benchmarks/gpu.py measures where it is faster",
    )

    def device_for(self, batch_size: int) -> str:
        """``device`` of a training with batches of this size."""
        return "cpu" if self.device == "auto" and batch_size < self.gpu_batch else self.device


class Composition(Section):
    """A model: the density p(z|T), how temperature enters it, and what it is trained on."""

    density: AnyDensity = Field(description="a density by name, or {kind: name, ...}")
    temperature: list[Literal["steer", "condition"]] = Field(
        ["steer"], description="steer: in the base density (the paper); condition: in the network"
    )
    informed: bool = Field(False, description="train on reweighted frames between the training temperatures too")
    encoder: Literal["joint", "frozen"] = Field("joint", description="joint: the encoder is trained further")
    relabel: bool = Field(
        False, description="with a joint encoder: its states are refined at each evaluation, as SPIB's are"
    )
    representation: Representation | None = Field(
        None, description="keys in which the model's SPIB differs from the study's; default: it has the study's"
    )

    @property
    def own_latent(self) -> bool:
        """Whether the latent is not that of the study's SPIB, so that divergences in it compare with nothing else's."""
        return self.encoder == "joint" or self.representation is not None


class Settings(Section):
    """Settings of the stage learn; ``lag`` and ``beta_ib`` are those of the model's SPIB."""

    name: str
    model: Composition
    learn: Learn
    T_ref: float
    temperature_range: tuple[float, float]
    lag: int
    beta_ib: float
    seed: int

    @property
    def theta_range(self) -> tuple[float, float]:
        """The learning range as T / T_ref."""
        return (self.temperature_range[0] / self.T_ref, self.temperature_range[1] / self.T_ref)


@dataclass(frozen=True)
class Inputs:
    """Files that the stage learn reads: the frames at the training temperatures, SPIB, and the estimator for an informed
    model."""

    frames: dict[float, FrameFiles]
    spib: str
    reweighting: str | None


@dataclass(frozen=True)
class Outputs:
    """Files that it writes: the model and its loss history."""

    model: str
    history: str
