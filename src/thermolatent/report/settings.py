"""Settings and inputs of the stage report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thermolatent.featurize.settings import Featurize
from thermolatent.figures.settings import Histories, TableFiles
from thermolatent.generate.settings import Generate
from thermolatent.validate.settings import Asked


class Settings(Asked):
    """Settings of the stage report; ``study`` is the whole study, which the report shows."""

    description: str
    featurize: Featurize
    generate: Generate
    seeds: list[int]
    study: dict[str, Any]


@dataclass(frozen=True)
class Generated:
    """Files of one model and seed: surfaces and profiles, and by temperature medoids and weighted structures (none with
    ``structures: 0``); to the last the page has links."""

    surfaces: str
    profiles: str
    medoids: dict[float, str]
    structures: dict[float, str]


@dataclass(frozen=True)
class Inputs:
    """Files that the stage report reads.

    Attributes
    ----------
    protocols: of the MD, by temperature.
    convergence, running: whether the training MD is fit to answer, and its populations against time.
    generated: by model, then by seed.
    """

    tables: TableFiles
    grid: str
    grid_observables: str
    grid_surfaces: str
    figures: str
    histories: dict[int, Histories]
    protocols: dict[float, str]
    convergence: str
    running: str
    generated: dict[str, dict[int, Generated]]
