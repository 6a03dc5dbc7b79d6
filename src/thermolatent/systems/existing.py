"""Existing MD: the user's files by temperature. Nothing is simulated.

The stage simulate imports the files (:mod:`thermolatent.simulate.importing`) into the layout that every other system's MD has,
and later stages work the same.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from thermolatent.errors import ThermolatentError
from thermolatent.systems.base import System, check_kelvin
from thermolatent.systems.files import existing_file
from thermolatent.temperatures import format_temperature

if TYPE_CHECKING:
    from thermolatent.simulate.settings import Simulate

Files = dict[float, list[str]]


def _checked(files: Files) -> Files:
    for paths in files.values():
        for path in paths:
            existing_file(path)
    return files


def checked_once(files: Files) -> Files:
    """Also that no file is named twice: its frames, or its temperature, would be wrong."""
    at: dict[str, float] = {}
    for temperature, paths in _checked(files).items():
        for path in paths:
            if (other := at.setdefault(os.path.realpath(path), temperature)) != temperature:
                raise ValueError(
                    f"'{path}' is at {format_temperature(other)} and at {format_temperature(temperature)}; "
                    "write each temperature's own"
                )
        if twice := [path for path in paths if paths.count(path) > 1]:
            raise ValueError(f"'{twice[0]}' is there twice at {format_temperature(temperature)}; leave one out")
    return files


def checked_apart(files: Files) -> Files:
    """Also that no file is at two temperatures; parts of a trajectory may share one."""
    checked_once({temperature: list(dict.fromkeys(paths)) for temperature, paths in files.items()})
    return files


class Column(BaseModel):
    """A column of numbers, one per frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = Field(
        None, description="name of the column; default: the potential energy, where a format has one"
    )
    unit: Literal["kJ/mol", "kcal/mol", "kT", "eV"] | None = Field(
        None, description="of the column, where the file does not say it"
    )


class Source(NamedTuple):
    """A column of numbers of the frames besides their features.

    Attributes
    ----------
    key: of the section ``system`` that asks for them.
    what: ``energies``, ``pV`` that is added to them, or ``log_weights``, of which there may be several.
    """

    key: str
    what: Literal["energies", "pV", "log_weights"]
    column: Column


class ExistingMd(System):
    """MD in files. ``simulate`` says only into how many ``walkers`` of how many ``frames`` they are cut."""

    existing: ClassVar[bool] = True

    files: Files = Field(min_length=1, description="temperature -> files")
    frame_interval: float | None = Field(None, gt=0, description="ps between the frames in the files")
    stride: int = Field(1, ge=1, description="every so many frames of the files are used")
    unit: Literal["kelvin", "reduced"] = Field("kelvin", description="of temperatures; reduced: kT is the temperature")
    discontinuous: bool = Field(
        False, description="replica exchange: one file per temperature, frames of equal number are simultaneous"
    )
    exchange_interval: float | None = Field(
        None, gt=0, description="ps between attempts to exchange, from a file's first frame on; of discontinuous files"
    )

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    _files_exist = field_validator("files", mode="after")(checked_once)

    @model_validator(mode="after")
    def _exchanges(self):
        if not self.discontinuous and self.exchange_interval is not None:
            raise ValueError(
                "exchange_interval: is for replica exchange only; write discontinuous: true or leave it out"
            )
        if not self.discontinuous:
            return self
        for key, what in (("exchange_interval", "attempts to exchange replicas"), ("frame_interval", "frames")):
            if getattr(self, key) is None:
                raise ValueError(f"{key}: is missing; with discontinuous: true write the ps between {what}")
        if several := [T for T, paths in self.files.items() if len(paths) != 1]:
            raise ValueError(
                f"files: {len(self.files[several[0]])} at {format_temperature(several[0])}; replica exchange (discontinuous: "
                "true) needs one file per temperature: join them in the order of time"
            )
        return self

    @property
    def stretch(self) -> float | None:
        """Number of used frames between two attempts to exchange; None for continuous MD."""
        return None if self.exchange_interval is None else self.exchange_interval / self.saved_interval

    @property
    def temperature_unit(self) -> str:
        return self.unit

    @property
    def saved_interval(self) -> float:
        """ps between the frames that are used."""
        return self.frame_interval * self.stride

    @property
    def sources(self) -> list[Source]:
        """The columns that are read for each frame."""
        raise NotImplementedError

    @property
    def has_energies(self) -> bool:
        return any(source.what == "energies" for source in self.sources)

    @property
    def weighted(self) -> bool:
        """Whether the MD is biased."""
        return any(source.what == "log_weights" for source in self.sources)

    def files_of(self, key: str = "files") -> Files:
        """Files by temperature, or those of a source by its key: ``files`` for columns in the trajectories' own files."""
        return self.files if key == "files" else getattr(getattr(self, key), "files", self.files)

    def at(self, temperature: float, key: str = "files") -> list[str]:
        """Files of one temperature; raises :class:`ThermolatentError` if there are none, or not one per file of frames."""
        files = self.files_of(key)
        where = "files" if files is self.files else f"{key}.files"
        if temperature not in files:
            raise ThermolatentError(
                f"system.{where}: there are none at {format_temperature(temperature)}; there are some at "
                f"{', '.join(map(format_temperature, files))}; add them, or take {format_temperature(temperature)} out of "
                "temperatures"
            )
        if not files[temperature] or len(files[temperature]) != len(self.files[temperature]):
            raise ThermolatentError(
                f"system.{where}: {len(files[temperature])} files at {format_temperature(temperature)} for "
                f"{len(self.files[temperature])} trajectories; write one for each, in the same order"
            )
        return files[temperature]

    def check_simulate(self, settings: Simulate, temperatures: list[float]) -> None:
        """Refuse temperatures that are not kelvin."""
        if self.unit == "kelvin":
            check_kelvin(temperatures)

    def input_files(self, temperature: float) -> list[str]:
        """Every file that is read for this temperature; raises :class:`ThermolatentError` where some are missing."""
        files = [self.at(temperature), *(self.at(temperature, source.key) for source in self.sources)]
        return list(dict.fromkeys(path for paths in files for path in paths))
