"""The section ``validate`` of a study."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from thermolatent.errors import did_you_mean
from thermolatent.files.paths import FrameFiles
from thermolatent.learn.settings import Composition
from thermolatent.parsing import Positive, Section, different
from thermolatent.represent.settings import Representation
from thermolatent.reweight.settings import Named
from thermolatent.states.settings import AnyStates
from thermolatent.systems.kinds import AnySystem
from thermolatent.temperatures import Temperatures

#: Key of ``validate.tolerance`` for all named states; observables are keys by name.
POPULATIONS, DEFAULT_TOLERANCE = "populations", 0.05
#: Quantity of ``validate.experiment`` that is a melting temperature.
MELTING = "melting"
#: Reserved model names: the baselines every model is scored against.
BASELINES = ("floor", "nearest", "mbar", "which_t", "conditional")


class Point(NamedTuple):
    """A measured value with its standard error, if known; a melting temperature has no ``temperature``."""

    temperature: float | None
    value: float
    error: float | None


class Experiment(Section):
    """Measured values, or values of other people's simulations, which are shown beside the predictions."""

    quantity: str = Field(description="a named state (its share), an observable (its mean), or 'melting' (Tm)")
    label: str = Field(min_length=1, description="its legend: method, year; the force field of a simulation")
    file: str | None = Field(
        None, description="CSV with columns temperature, value, error; of a melting temperature value and error only"
    )
    values: list[list[float]] | None = Field(
        None,
        description="in place of a file: a list of [temperature, value, error]; 'melting': of [Tm, error]; error optional",
    )

    @model_validator(mode="after")
    def _read(self):
        if (self.file is None) == (self.values is None):
            raise ValueError("write either file or values")
        points = self.points
        if not points:
            raise ValueError("has no values; add some")
        different([point.temperature for point in points])
        return self

    @property
    def points(self) -> list[Point]:
        """Its values; raises ValueError for a file that is missing or has other columns, and for a wrong number."""
        melting = self.quantity == MELTING
        if self.file is not None:
            return read_points(self.file, melting)
        return [_point([*([None] if melting else []), *row], f"values: {row}") for row in self.values]


def read_points(path: str, melting: bool) -> list[Point]:
    """The points in a CSV file; lines that begin with # are comments."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"file: {path}: cannot be read ({error}); write a CSV file, relative to {Path.cwd()}"
        ) from None
    reader = csv.DictReader(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    needed = ["value", "error"] if melting else ["temperature", "value", "error"]
    names = [name.strip() for name in reader.fieldnames or ()]
    if missing := [name for name in needed[:-1] if name not in names]:
        raise ValueError(f"file: {path}: has no column '{missing[0]}'; its first line must be {','.join(needed)}")
    if other := [name for name in names if name not in needed]:
        raise ValueError(f"file: {path}: has a column '{other[0]}'; its first line must be {','.join(needed)}")
    reader.fieldnames = names
    found = []
    for number, row in enumerate(reader, 1):
        where = f"file: {path}: row {number}"
        if None in row:
            raise ValueError(
                f"{where}: has more than {len(names)} cells; write numbers with a point, columns with commas"
            )
        try:
            cells = [float(row[name]) if (row.get(name) or "").strip() else None for name in needed]
        except ValueError as error:
            raise ValueError(f"{where}: {error}; write numbers with a point, columns with commas") from None
        found.append(_point([*([None] if melting else []), *cells], where))
    return found


def _point(numbers: list[float | None], where: str) -> Point:
    if not 2 <= len(numbers) <= 3:
        raise ValueError(f"{where}: write temperature, value and error (the error may be left out)")
    point = Point(*numbers, *([None] if len(numbers) == 2 else []))
    if any(v is not None and not isfinite(v) for v in point) or point.value is None:
        raise ValueError(f"{where}: a number is missing or not finite")
    if any(v is not None and v <= 0 for v in (point.temperature, point.error)):
        raise ValueError(f"{where}: temperature and error must be positive; leave an unknown error out")
    return point


class Validate(Section):
    """Scores, verdicts and the named states (docs/reference/metrics.md)."""

    bins: int = Field(60, ge=2, description="bins per axis of the divergences")
    bootstrap: int = Field(100, ge=2, description="bootstrap samples over walkers, or blocks of imported MD")
    states: AnyStates = Field(description="the named states")
    tolerance: dict[str, Positive] = Field(
        DEFAULT_TOLERANCE,
        validate_default=True,
        description="a population is trusted if its 95 % interval is within this tolerance; or a mapping with 'populations' "
        "and observables by name, each with its tolerance in the observable's unit",
    )
    baselines: list[Literal["nearest", "mbar", "which_t"]] = Field(
        ["nearest", "mbar"],
        description="baselines of the tables: nearest training temperature, MBAR, reweighting without energies",
    )
    melting: str | None = Field(None, description="named state whose population is fitted by a two-state melting curve")
    experiment: list[Experiment] = Field(
        [], description="measured values, or those of other simulations: drawn with the predictions, with a chi-square"
    )

    @field_validator("tolerance", mode="before", json_schema_input_type=Positive | dict[str, Positive])
    @classmethod
    def _of_populations(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {POPULATIONS: DEFAULT_TOLERANCE} | value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"is {value!r}; write a number, or {{{POPULATIONS}: {DEFAULT_TOLERANCE}, ...}}")
        return {POPULATIONS: value}

    @model_validator(mode="after")
    def _melting_is_a_state(self):
        if self.melting is not None and self.melting not in self.states.names:
            raise ValueError(f"melting: no state '{self.melting}', {did_you_mean(self.melting, self.states.names)}")
        seen = set()
        for k, data in enumerate(self.experiment):
            if (data.label, data.quantity) in seen:
                raise ValueError(
                    f"experiment.{k}.label: '{data.label}' is there twice for {data.quantity}; write another one"
                )
            seen.add((data.label, data.quantity))
            if data.quantity == MELTING and self.melting is None:
                raise ValueError(
                    f"experiment.{k}.quantity: 'melting' needs validate.melting, the state that melts; add it"
                )
            shares = data.quantity in self.states.names
            if shares and not all(0 <= point.value <= 1 and (point.error or 0) <= 1 for point in data.points):
                raise ValueError(
                    f"experiment.{k}: {data.quantity} is a state, so values and errors are shares from 0 to 1"
                )
        return self


class Asked(Section):
    """The parts of a study that predictions and scores depend on."""

    name: str
    system: AnySystem
    temperatures: Temperatures
    temperature_range: tuple[float, float]
    representation: Representation
    models: dict[str, Composition]
    validate_: Validate

    @property
    def unit(self) -> str:
        """Unit of a temperature in texts, after its number: " K", or "" in reduced units."""
        return " K" if self.system.temperature_unit == "kelvin" else ""

    def lag_of(self, model: str) -> int:
        """The lag of a model's SPIB, in saved frames."""
        return (self.models[model].representation or self.representation).lag

    @property
    def named(self) -> Named:
        """Settings for named states and independent pieces of the MD."""
        return Named(states=self.validate_.states, system=self.system, lag=self.representation.lag)


class Settings(Asked):
    """Settings of the stage validate; ``models`` has the scored model, or none for the baselines.

    Attributes
    ----------
    model: name of the model, or "baselines".
    samples: number of samples of the model.
    """

    model: str
    samples: int
    seed: int


@dataclass(frozen=True)
class Inputs:
    """Files that the stage validate reads.

    Attributes
    ----------
    representation: file of the model, or of SPIB for the baselines.
    samples: of the model, by temperature.
    frames, protocols: at every temperature with MD.
    """

    representation: str
    samples: dict[float, str]
    reweighting: str
    frames: dict[float, FrameFiles]
    protocols: dict[float, str]


@dataclass(frozen=True)
class Outputs:
    """Files that it writes; the baselines have no profiles."""

    scores: str
    populations: str
    profiles: str | None


class GatherSettings(Asked):
    """Settings of the stage gather."""

    seeds: list[int]


@dataclass(frozen=True)
class GatherInputs:
    """Files that the stage gather reads: tables of every model and seed and of the baselines, the estimator, profiles with the
    bins, the training frames, and measured values."""

    scores: tuple[str, ...]
    populations: tuple[str, ...]
    reweighting: str
    profiles: str
    frames: dict[float, FrameFiles]
    experiment: tuple[str, ...]


@dataclass(frozen=True)
class GatherOutputs:
    """Files that it writes (docs/reference/files.md)."""

    scores: str
    populations: str
    predictions: str
    melting: str
    experiment: str
    convergence: str
    metrics: str
    grid: str
    grid_observables: str
    grid_surfaces: str
