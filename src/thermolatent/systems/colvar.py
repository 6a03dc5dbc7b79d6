"""MD with collective variables only: columns of COLVAR, CSV or NPZ files per temperature, without coordinates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from thermolatent.errors import did_you_mean
from thermolatent.parsing import Different, Positive
from thermolatent.systems.existing import Column, ExistingMd, Files, Source


class NamedColumn(Column):
    """A column of energies; its name suffices if the file has the unit."""

    column: str = Field(description="name of the column")


class EnergyColumn(NamedColumn):
    """The column of potential energies; its name suffices if the file has the unit."""

    pressure: float | None = Field(
        None, ge=0, description="bar, of MD at constant pressure: p V of the column of volumes is added"
    )


def _by_name(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _each_assumed(value: Any) -> Any:
    return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


_ByName = BeforeValidator(_by_name, json_schema_input_type=str | NamedColumn)
_EnergyByName = BeforeValidator(_by_name, json_schema_input_type=str | EnergyColumn)
_Periods = BeforeValidator(_each_assumed, json_schema_input_type=list[str] | dict[str, float])


class Colvar(ExistingMd):
    """Existing MD as columns of numbers, without coordinates: PLUMED's COLVAR, CSV, blank-separated columns with a
    header, NPZ, each also gzipped."""

    kind: Literal["colvar"] = "colvar"
    files: Files = Field(min_length=1, description="temperature -> files: COLVAR, CSV, blank-separated, NPZ; also .gz")
    frame_interval: float | None = Field(None, gt=0, description="ps between the rows; default: by the column of times")
    features: Annotated[list[str], Different] = Field(
        min_length=1, description="columns that features, plane and observables are made of (kind: columns)"
    )
    periodic: Annotated[dict[str, Positive | None], _Periods] = Field(
        {}, description="those of them that are angles, or name -> period; default: the file's, else 2 pi"
    )
    energy: Annotated[EnergyColumn | None, _EnergyByName] = Field(
        None, description="column of potential energies, by name or as {column, unit}; without them intervals are wider"
    )
    pressure_volume: Annotated[NamedColumn | None, _ByName] = Field(
        None, description="column of p V, an energy that is added"
    )
    bias: Annotated[NamedColumn | None, _ByName] = Field(
        None, description="column of the bias, an energy: a frame counts exp(bias / kT)"
    )
    log_weight: str | None = Field(None, description="column of ln w: a frame counts w (times that of the bias)")

    @model_validator(mode="after")
    def _columns_fit(self):
        if unknown := [name for name in self.periodic if name not in self.features]:
            raise ValueError(f"periodic: '{unknown[0]}' is none of features, {did_you_mean(unknown[0], self.features)}")
        if self.pressure_volume is not None and (self.energy is None or self.energy.pressure):
            raise ValueError("pressure_volume: is added to the energies once; write energy: COLUMN without pressure")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.features)

    @property
    def n_particles(self) -> int:
        return 0

    @property
    def sources(self) -> list[Source]:
        ln_w = None if self.log_weight is None else NamedColumn(column=self.log_weight, unit="kT")
        found = [
            Source("energy", "energies", self.energy),
            Source("pressure_volume", "pV", self.pressure_volume),
            Source("bias", "log_weights", self.bias),
            Source("log_weight", "log_weights", ln_w),
        ]
        return [source for source in found if source.column is not None]
