"""Temperatures: their format in paths, and the section ``temperatures`` of a study."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thermolatent.errors import ThermolatentError
from thermolatent.parsing import Different, Positive, Section

#: Pattern of temperatures in paths, as formatted by :func:`format_temperature`.
TEMPERATURE_PATTERN = r"\d+(?:\.\d+)?"


def format_temperature(temperature: float | str) -> str:
    """A temperature as text: ``0.2``, ``1``, ``340.5``. Raises :class:`ThermolatentError` if it needs an exponent."""
    if isinstance(temperature, str) and temperature.startswith("{"):
        return temperature
    text = repr(float(temperature)).removesuffix(".0")
    if not text.replace(".", "", 1).isdigit():
        raise ThermolatentError(f"temperature {temperature!r} cannot be used in a file name; use 0.0001 to 1e15")
    return text


class Temperatures(Section):
    """Temperatures in the system's unit (reduced, or kelvin). Only ``train`` and ``reference`` are simulated."""

    train: Annotated[list[Positive], Different] = Field(min_length=1, description="temperatures of the training MD")
    predict: Annotated[list[Positive], Different] = Field([], description="temperatures of the predicted ensembles")
    reference: Annotated[list[Positive], Different] = Field(
        [], description="those of predict with reference MD, may be empty"
    )
    reseeded: Annotated[list[Positive], Different] = Field(
        [],
        description="those of train whose walkers start from frames of the other ones, drawn by their weights there; a Markov "
        "model weights their frames (docs/trust.md)",
    )

    @model_validator(mode="after")
    def _roles_fit(self):
        for role in ("train", "predict", "reference"):
            for T in getattr(self, role):
                format_temperature(T)
        for role in ("predict", "reference"):
            if leaked := sorted(set(self.train) & set(getattr(self, role))):
                raise ValueError(
                    f"{role} has {', '.join(map(format_temperature, leaked))}, a training temperature: a held-out "
                    f"temperature must not be trained on; remove it from train or from {role}"
                )
        if judges := sorted(set(self.reseeded) & set(self.reference)):
            raise ValueError(
                f"reseeded has {format_temperature(judges[0])}, a reference: MD that starts from predictions cannot judge them; "
                "move it from predict and reference to train, or leave it out of reseeded"
            )
        if extra := sorted(set(self.reseeded) - set(self.train)):
            raise ValueError(f"reseeded has {', '.join(map(format_temperature, extra))}, not in train; add it there")
        if self.reseeded and len(self.seeding) < 2:
            raise ValueError(
                "reseeded leaves fewer than two temperatures of train to draw from; add one to train, or take one out of reseeded"
            )
        if extra := sorted(set(self.reference) - set(self.predict)):
            raise ValueError(f"reference has {', '.join(map(format_temperature, extra))}, not in predict; add it there")
        if self.predict and len(self.train) < 2:
            raise ValueError("predict needs at least two temperatures in train; add one, or leave predict empty")
        return self

    @property
    def T_ref(self) -> float:
        """Reference temperature of theta = T / T_ref: the lowest training one."""
        return min(self.train)

    @property
    def seeding(self) -> list[float]:
        """Training temperatures whose frames are the starts of the reseeded ones."""
        return [T for T in self.train if T not in self.reseeded]

    @property
    def simulated(self) -> list[float]:
        return sorted({*self.train, *self.reference})

    @property
    def generated(self) -> list[float]:
        return sorted({*self.train, *self.predict})

    def role(self, temperature: float) -> Literal["train", "interpolate", "extrapolate"]:
        """Role of a temperature for the models."""
        if temperature in self.train:
            return "train"
        return "interpolate" if min(self.train) < temperature < max(self.train) else "extrapolate"
