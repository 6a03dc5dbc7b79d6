"""Settings, inputs and outputs of the stage figures."""

from __future__ import annotations

from dataclasses import dataclass

from thermolatent.featurize.settings import Featurize
from thermolatent.validate.settings import Asked


class Settings(Asked):
    """Settings of the stage figures."""

    description: str
    featurize: Featurize
    seeds: list[int]


@dataclass(frozen=True)
class TableFiles:
    """Tables of a study that figures and report show."""

    scores: str
    populations: str
    predictions: str
    melting: str
    experiment: str
    metrics: str


@dataclass(frozen=True)
class Histories:
    """Loss histories of one seed: of SPIBs ("baselines": the study's, else a model's own), and of the models, by name."""

    spibs: dict[str, str]
    models: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """Files that the stage figures reads.

    Attributes
    ----------
    running: populations of the training MD against time.
    profiles: of the first seed, by model.
    histories: losses, by seed.
    """

    tables: TableFiles
    running: str
    profiles: dict[str, str]
    histories: dict[int, Histories]


@dataclass(frozen=True)
class Outputs:
    """Files that the stage figures writes: figures into a folder, and a list of them."""

    folder: str
    listing: str
