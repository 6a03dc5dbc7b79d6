"""The sections of a study file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from thermolatent.config.parsing import Section, from_registry
from thermolatent.densities import DENSITY_SPECS
from thermolatent.densities.specs import DensitySpec
from thermolatent.errors import did_you_mean
from thermolatent.featurize import FEATURES
from thermolatent.featurize.base import Feature
from thermolatent.layout import format_temperature

Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
#: What ``validate.tolerance`` calls the named states together; observables it calls by their names.
POPULATIONS, DEFAULT_TOLERANCE = "populations", 0.05
#: One trajectory file per walker: more would flood a file system.
MAX_WALKERS = 64


class Temperatures(Section):
    """Temperatures in the system's unit (reduced, or kelvin). Only ``train`` and ``reference`` are simulated."""

    train: list[Positive] = Field(min_length=1, description="MD here is what the models learn from")
    predict: list[Positive] = Field([], description="the ensemble is predicted here")
    reference: list[Positive] = Field(
        [], description="those of predict where MD is run as well, to judge; may be empty"
    )

    @model_validator(mode="after")
    def _roles_fit(self):
        for role in ("train", "predict", "reference"):
            values = [format_temperature(t) for t in getattr(self, role)]
            if twice := {v for v in values if values.count(v) > 1}:
                raise ValueError(f"{role} names {', '.join(sorted(twice))} twice; remove one")
        for role in ("predict", "reference"):
            if leaked := sorted(set(self.train) & set(getattr(self, role))):
                raise ValueError(
                    f"{role} has {', '.join(map(format_temperature, leaked))}, a training temperature: a held-out "
                    f"temperature must not be trained on; remove it from train or from {role}"
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
    def simulated(self) -> list[float]:
        return sorted({*self.train, *self.reference})

    @property
    def generated(self) -> list[float]:
        return sorted({*self.train, *self.predict})

    def role(self, temperature: float) -> Literal["train", "interpolate", "extrapolate"]:
        """What a temperature is to the models."""
        if temperature in self.train:
            return "train"
        return "interpolate" if min(self.train) < temperature < max(self.train) else "extrapolate"


class Simulate(Section):
    """Langevin dynamics (LangevinMiddleIntegrator). ``simulate: {from: other}`` takes over another study's MD."""

    source: str = Field("", description="set by 'from': the study whose trajectories these are; empty for its own")
    walkers: int = Field(32, ge=2, le=MAX_WALKERS, description="independent copies in one Context, one trajectory each")
    frames: int = Field(ge=2, description="saved frames per walker")
    save_every: int = Field(100, ge=1, description="steps between saved frames")
    equilibration: int = Field(0, ge=0, description="steps before the first saved frame")
    time_step: Positive = Field(description="ps (reduced: sigma sqrt(m/epsilon))")
    friction: Positive = Field(1.0, description="1/ps")
    pressure: Positive | None = Field(None, description="bar; explicit solvent only, energies are then U + pV")
    volume: Positive | None = Field(
        None, description="nm^3; explicit solvent without pressure: one for all temperatures"
    )
    seed: int = Field(1, ge=1, description="seed of the dynamics; each temperature derives its own")
    platform: Literal["auto", "Reference", "CPU", "OpenCL", "CUDA", "HIP"] = Field(
        "auto", description="OpenMM platform; auto takes the fastest measured for the system"
    )
    precision: Literal["single", "mixed", "double"] = Field("mixed", description="GPU platforms only")


class Tempering(Section):
    """Replica exchange for reference temperatures: one job in place of one each. ``tempering: true`` takes the defaults."""

    temperatures: list[Positive] = Field([], description="reference temperatures that are run so; default: all of them")
    rungs: list[Positive] = Field(
        [], description="temperatures of the ladder beside those and the training ones; their frames are not kept"
    )


class Coupled(Section):
    """Bath degrees of freedom that are there in one state only: its heat capacity then differs from the others'."""

    column: str = Field(description="of the fixed plane, by name; the state is where it is large")
    at: float = Field(description="where the logistic switch of that column is 1/2")
    width: Positive = Field(description="of the switch")
    degrees: int = Field(ge=1, description="number of degrees of freedom")
    neutral: Positive = Field(description="temperature at which populations stay what they are without the coupling")


class Bath(Section):
    """A harmonic bath that stands for a solvent: its energy is drawn for each frame, exactly (docs/extrapolation.md)."""

    degrees: int = Field(ge=0, description="degrees of freedom that depend on nothing")
    coupled: Coupled | None = Field(None, description="more degrees of freedom, which are there in one state only")


class Featurize(Section):
    """What the models see, and the fixed plane in which all of them are compared."""

    features: list[Any] = Field(min_length=1, description="features by name, or {kind: name, ...}")
    plane: list[Any] = Field(min_length=1, description="features with two columns in all: the model-free plane")
    observables: list[Any] = Field([], description="features whose means are predicted; angles as sin and cos")
    frames: int | None = Field(None, ge=2, description="of each walker, the first so many; default: all")
    bath: Bath | None = Field(None, description="energy of a harmonic bath, added to that of each frame")

    @field_validator("features", "plane", "observables", mode="after")
    @classmethod
    def _resolve(cls, values: list[Any]) -> list[Feature]:
        return [from_registry(FEATURES, value) for value in values]

    @property
    def all_features(self) -> list[Feature]:
        """Features, plane and observables."""
        return [*self.features, *self.plane, *self.observables]


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
        None, ge=1, description="SPIB sees so many of the slowest tICA components in place of the features themselves"
    )
    initial: Literal["plane", "tica"] = Field(
        "plane",
        description="what the first labels are clusters of: the fixed plane, or the features' slowest tICA components",
    )
    initial_labels: int = Field(100, ge=2, description="k-means clusters of them")
    refinements: int = Field(10, ge=0, description="relabelling rounds at the most")
    batch_size: int = Field(2048, ge=1, description="pairs of frames per optimiser step")
    learning_rate: Positive = Field(1e-3, description="of Adam")
    epochs: int = Field(20, ge=1, description="per refinement, at the most")
    tolerance: float = Field(1e-3, ge=0, description="loss change below which an epoch counts as no progress")
    patience: int = Field(2, ge=1, description="epochs without progress before relabelling")
    held_out: float = Field(0.2, gt=0, lt=1, description="share of walkers kept out of training")


class Reweight(Section):
    """Conditional reweighting: populations, averages and frame weights at any temperature, with error bars (docs/theory.md)."""

    heat_capacity: Positive | None = Field(
        None,
        description="how large a difference of heat capacities between conformations is plausible, in k; default: 5, or 0.7 "
        "per heavy atom of the solute if that is more",
    )


class Learn(Section):
    """Training of the density models."""

    temperature_range: tuple[Positive, Positive] | None = Field(
        None, description="what the models are trained for; default: the span of train and predict"
    )
    batch_size: int = Field(4096, ge=1, description="frames per step")
    learning_rate: Positive = Field(2e-3, description="of Adam, largest; falls to 0 along a cosine")
    steps: int = Field(4000, ge=1, description="optimiser steps at the most")
    evaluate_every: int = Field(250, ge=1, description="steps between held-out evaluations")
    patience: int = Field(8, ge=1, description="evaluations without a better held-out loss before stopping")
    held_out: float = Field(0.2, gt=0, lt=1, description="share of walkers kept out of training")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where torch sees one")


class Model(Section):
    """One composition: a density for p(z|T), how temperature enters it, what it is trained on."""

    density: Any = Field(description="a density by name, or {kind: name, ...}")
    temperature: list[Literal["steer", "condition"]] = Field(
        ["steer"], description="steer: in the base density (the paper); condition: in the network"
    )
    informed: bool = Field(False, description="train on reweighted frames between the training temperatures too")
    encoder: Literal["joint", "frozen"] = Field("joint", description="joint: the encoder goes on learning")

    @field_validator("density", mode="after")
    @classmethod
    def _resolve(cls, value: Any) -> DensitySpec:
        return from_registry(DENSITY_SPECS, value)


class Generate(Section):
    """What is made at every temperature asked for."""

    samples: int = Field(100_000, ge=1, description="samples per temperature")
    structures: int = Field(500, ge=0, description="frames of the resampled trajectory per temperature; 0 for none")
    grid: int = Field(25, ge=2, description="temperatures of the free-energy surfaces over the learning range")


class NearestStates(Section):
    """Named states: the nearest of these points of the fixed plane."""

    kind: Literal["nearest"] = "nearest"
    centers: dict[Name, tuple[float, float]] = Field(min_length=2, description="name of a state -> its point")

    @property
    def names(self) -> list[str]:
        return list(self.centers)


class BasinStates(Section):
    """Named states: the minimum of the system's energy that steepest descent in the fixed plane reaches."""

    kind: Literal["basins"] = "basins"
    minima: dict[Name, tuple[float, float]] = Field(min_length=2, description="name of a state -> its minimum")

    @property
    def names(self) -> list[str]:
        return list(self.minima)


class Validate(Section):
    """How everything is judged, and what the named states are (docs/metrics.md)."""

    bins: int = Field(60, ge=2, description="bins per axis of the divergences")
    bootstrap: int = Field(100, ge=2, description="bootstrap samples over walkers, or blocks of imported MD")
    states: Annotated[NearestStates | BasinStates, Field(discriminator="kind", description="the named states")]
    tolerance: dict[str, Positive] = Field(
        DEFAULT_TOLERANCE,
        validate_default=True,
        description="a population is trusted if its 95 % interval lies within so much of it; or 'populations' and "
        "observables by name, each with its own, in the observable's unit: these are judged as well",
    )
    baselines: list[Literal["nearest", "mbar", "which_t"]] = Field(
        ["nearest", "mbar"],
        description="what the tables compare with: nearest training temperature, MBAR, reweighting without energies",
    )
    melting: str | None = Field(None, description="named state whose population is fitted by a two-state melting curve")

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
        return self
