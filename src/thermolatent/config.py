"""The data model of a study and of ``config.yaml``. What is wrong with either is said here, before any job starts.

Needs neither torch nor OpenMM. Unknown keys are refused with a suggestion; every problem is one line that names the
file, the key, what is wrong and what to write.
"""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from thermolatent.densities import DENSITY_SPECS
from thermolatent.densities.specs import DensitySpec
from thermolatent.errors import ConfigError, ThermolatentError, did_you_mean
from thermolatent.featurize import FEATURES
from thermolatent.featurize.base import Feature, Particles, check_features
from thermolatent.layout import BASELINES, format_temperature
from thermolatent.registry import Registry
from thermolatent.systems import SYSTEMS
from thermolatent.systems.base import System

Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
#: One trajectory file per walker: more would flood a file system.
MAX_WALKERS = 64


class Section(BaseModel):
    """Base of every section: unknown keys forbidden, values frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _from_registry(registry: Registry, value: Any) -> Any:
    """Turn ``"name"`` or ``{"kind": "name", ...}`` into an instance of the registered class."""
    if isinstance(value, BaseModel):
        return value
    parameters = {"kind": value} if isinstance(value, str) else dict(value or {})
    if "kind" not in parameters:
        raise ValueError(f"names no kind; write e.g. 'kind: {next(iter(registry))}'")
    if parameters["kind"] not in registry:
        raise ValueError(
            f"unknown {registry.kind} '{parameters['kind']}', {did_you_mean(parameters['kind'], registry)}"
        )
    plugin = registry[parameters["kind"]]
    try:
        return plugin(**parameters)
    except ValidationError as error:
        key, text = _explain(plugin, error.errors()[0])
        raise ValueError(f"{key}: {text}" if key else text) from None


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
    coupled: Coupled | None = None


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
        return [_from_registry(FEATURES, value) for value in values]

    @property
    def all_features(self) -> list[Feature]:
        """Features, plane and observables."""
        return [*self.features, *self.plane, *self.observables]


class Representation(Section):
    """State Predictive Information Bottleneck: encoder, decoder, labels (docs/theory.md)."""

    latent_dim: int = Field(2, ge=1, description="dimension d of z")
    lag: int = Field(1, ge=1, description="in saved frames")
    beta_ib: Positive = Field(1e-4, description="information-bottleneck weight")
    encoder: Literal["linear", "mlp"] = "linear"
    variance: Literal["global", "input"] = Field(
        "global", description="sigma of q(z|x): one scalar, or a function of x"
    )
    encoder_width: int = Field(32, ge=1, description="hidden units of an mlp encoder's two layers")
    decoder_width: int = Field(16, ge=1, description="hidden units of the decoder's two layers")
    initial: Literal["plane", "tica"] = Field(
        "plane",
        description="what the first labels are clusters of: the fixed plane, or the features' slowest tICA components",
    )
    initial_labels: int = Field(100, ge=2, description="k-means clusters of them")
    refinements: int = Field(10, ge=0, description="relabelling rounds at the most")
    batch_size: int = Field(2048, ge=1)
    learning_rate: Positive = 1e-3
    epochs: int = Field(20, ge=1, description="per refinement, at the most")
    tolerance: float = Field(1e-3, ge=0, description="loss change below which an epoch counts as no progress")
    patience: int = Field(2, ge=1, description="epochs without progress before relabelling")
    held_out: float = Field(0.2, gt=0, lt=1, description="share of walkers kept out of training")


class Reweight(Section):
    """Conditional reweighting and its energy-free form ``which_t`` (docs/theory.md)."""

    width: int = Field(64, ge=1, description="hidden units of the network's two layers")
    steps: int = Field(4000, ge=1)
    batch_size: int = Field(4096, ge=1)
    learning_rate: Positive = 1e-3
    held_out: float = Field(0.2, gt=0, lt=1, description="share of walkers kept out of training")


class Learn(Section):
    """Training of the density models."""

    temperature_range: tuple[Positive, Positive] | None = Field(
        None, description="what the models are trained for; default: the span of train and predict"
    )
    batch_size: int = Field(4096, ge=1)
    learning_rate: Positive = 2e-3
    steps: int = Field(4000, ge=1, description="optimiser steps at the most")
    evaluate_every: int = Field(250, ge=1, description="steps between held-out evaluations")
    patience: int = Field(8, ge=1, description="evaluations without a better held-out loss before stopping")
    held_out: float = Field(0.2, gt=0, lt=1, description="share of walkers kept out of training")
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Model(Section):
    """One composition: a density for p(z|T), how temperature enters it, what it is trained on."""

    density: Any
    temperature: list[Literal["steer", "condition"]] = Field(
        ["steer"], description="steer: in the base density (the paper); condition: in the network"
    )
    informed: bool = Field(False, description="train on reweighted frames between the training temperatures too")
    encoder: Literal["joint", "frozen"] = Field("joint", description="joint: the encoder goes on learning")

    @field_validator("density", mode="after")
    @classmethod
    def _resolve(cls, value: Any) -> DensitySpec:
        return _from_registry(DENSITY_SPECS, value)


class Generate(Section):
    samples: int = Field(100_000, ge=1, description="samples per temperature")
    structures: int = Field(500, ge=0, description="frames of the resampled trajectory per temperature; 0 for none")
    grid: int = Field(25, ge=2, description="temperatures of the free-energy surfaces over the learning range")


class NearestStates(Section):
    """Named states: the nearest of these points of the fixed plane."""

    kind: Literal["nearest"] = "nearest"
    centers: dict[Name, tuple[float, float]] = Field(min_length=2)

    @property
    def names(self) -> list[str]:
        return list(self.centers)


class BasinStates(Section):
    """Named states: the minimum of the system's energy that steepest descent in the fixed plane reaches."""

    kind: Literal["basins"] = "basins"
    minima: dict[Name, tuple[float, float]] = Field(min_length=2)

    @property
    def names(self) -> list[str]:
        return list(self.minima)


class Validate(Section):
    bins: int = Field(60, ge=2, description="bins per axis of the divergences")
    bootstrap: int = Field(100, ge=2, description="bootstrap samples over walkers")
    states: Annotated[NearestStates | BasinStates, Field(discriminator="kind")]
    melting: str | None = Field(None, description="named state whose population is fitted by a two-state melting curve")

    @model_validator(mode="after")
    def _melting_is_a_state(self):
        if self.melting is not None and self.melting not in self.states.names:
            raise ValueError(f"melting: no state '{self.melting}', {did_you_mean(self.melting, self.states.names)}")
        return self


class Study(Section):
    """One study: a system, its temperatures, and what each stage does with them."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(@[a-z]+)?$")
    description: str = ""
    system: Any
    temperatures: Temperatures
    simulate: Simulate
    featurize: Featurize
    representation: Representation = Representation()
    reweight: Reweight = Reweight()
    learn: Learn = Learn()
    models: dict[Name, Model] = Field(min_length=1)
    generate: Generate = Generate()
    validate_: Validate = Field(alias="validate")

    @model_validator(mode="before")
    @classmethod
    def _existing_md(cls, content: Any) -> Any:
        """Existing trajectories bring their own times: a study only says how they are cut into walkers."""
        system, simulate = content.get("system"), content.get("simulate")
        if not isinstance(system, dict) or system.get("kind") != "trajectories" or not isinstance(simulate, dict):
            return content
        if "source" in simulate:  # taken over from another study, times and all
            return content
        if extra := sorted(set(simulate) - {"walkers", "frames"}):
            raise ValueError(
                f"simulate.{extra[0]}: is not for system.kind: trajectories, whose MD is done; leave it out"
            )
        times = {"save_every": 1, "time_step": 1.0}  # the protocol of what is imported has the real ones
        return {**content, "simulate": {**simulate, **times}}

    @field_validator("system", mode="after")
    @classmethod
    def _resolve(cls, value: Any) -> System:
        return _from_registry(SYSTEMS, value)

    @field_validator("models", mode="after")
    @classmethod
    def _no_reserved_names(cls, value: dict[str, Model]) -> dict[str, Model]:
        if taken := sorted(set(value) & {*BASELINES, "baselines"}):
            raise ValueError(f"'{taken[0]}' is a baseline's name; rename the model")
        return value

    @model_validator(mode="after")
    def _sections_fit(self):
        if (self.featurize.frames or 0) > self.simulate.frames:
            raise ValueError(
                f"featurize.frames: {self.featurize.frames} is more than a walker has (simulate.frames: "
                f"{self.simulate.frames}); lower it or leave it out"
            )
        if self.representation.lag >= self.frames:
            raise ValueError(
                f"representation.lag: {self.representation.lag} frames is not shorter than a walker "
                f"({self.frames} frames); lower the lag or simulate longer"
            )
        if not self.system.molecular:  # a molecule has to be built first: the stage simulate checks its features
            check_features(self.featurize, Particles(self.system.n_particles))
        _check_solvent(self)
        self.system.check_simulate(self.simulate, self.temperatures.generated)
        for T in self.temperatures.simulated:
            self.system.input_files(T)
        asked = self.temperatures.generated
        if self.validate_.melting and len(asked) < 3:
            raise ValueError(
                "validate.melting: a melting curve needs three temperatures in train and predict; add some to predict"
            )
        low, high = self.temperature_range
        if not low <= min(asked) <= max(asked) <= high:
            raise ValueError(
                f"learn.temperature_range: [{low}, {high}] does not cover train and predict "
                f"({min(asked)} to {max(asked)}); widen it or leave it out"
            )
        for name, model in self.models.items():
            if self.representation.latent_dim == 1 and getattr(model.density, "transform", "") == "realnvp":
                raise ValueError(
                    f"models.{name}.density.transform: realnvp needs representation.latent_dim >= 2 (a coupling has "
                    "no partner at 1); write spline"
                )
        return self

    @property
    def frames(self) -> int:
        """Frames of each walker that everything after ``simulate`` uses."""
        return self.featurize.frames or self.simulate.frames

    @property
    def md_study(self) -> str:
        """Name of the study whose ``simulate`` folder holds the trajectories."""
        return self.simulate.source or self.name

    @property
    def temperature_range(self) -> tuple[float, float]:
        """The learning range."""
        asked = self.temperatures.generated
        return self.learn.temperature_range or (min(asked), max(asked))


def _check_solvent(study: Study) -> None:
    """All temperatures of explicit solvent must share one Hamiltonian: at one pressure with U + pV, or in one volume."""
    simulate = study.simulate
    given = [key for key in ("pressure", "volume") if getattr(simulate, key) is not None]
    if getattr(study.system, "surroundings", "") != "explicit":
        if given:
            raise ValueError(f"simulate.{given[0]}: there is no explicit solvent; leave it out")
    elif len(given) == 2:
        raise ValueError("simulate.volume: the volume changes at constant pressure; remove volume or pressure")
    elif not given:
        coldest = format_temperature(study.temperatures.T_ref)
        raise ValueError(
            "simulate.volume: is missing; explicit solvent needs 'pressure: 1' (bar), or one volume for all temperatures: "
            f"run a copy of this study with 'pressure: 1' at its lowest temperature ({coldest}) first and write here the "
            f"mean_volume of results/<that study>/simulate/T{coldest}/protocol.json, which is in nm^3"
        )


class Project(Section):
    """``config.yaml``: which studies to run, and how often."""

    studies: list[str] = Field(["lj7"], min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)
    scale: Name = "full"


def load_study(name: str, folder: str | Path = "studies") -> Study:
    """Read ``<folder>/<name>.yaml``; ``name@scale`` applies that scale's overrides from the file's ``scales``.

    Raises :class:`ConfigError` with one line per problem.
    """
    name, _, scale = name.partition("@")
    path = Path(folder) / f"{name}.yaml"
    if not path.is_file():
        known = [p.stem for p in Path(folder).glob("*.yaml")]
        raise ConfigError(str(path), [("", f"no such study, {did_you_mean(name, known)}")])
    content = read_yaml(path)
    scales = content.pop("scales", None) or {}
    if scale:
        if scale not in scales:
            raise ConfigError(str(path), [("scales", f"has no '{scale}', {did_you_mean(scale, scales)}")])
        content = _merge(content, scales[scale])
    content["name"] = f"{name}@{scale}" if scale else name
    simulate = content.get("simulate")
    base = _take_over_md(content, path, scale) if isinstance(simulate, dict) and "from" in simulate else None
    study = parse(Study, content, str(path))
    if base is not None:
        _check_shared_md(study, base, str(path))
    return study


def _take_over_md(content: dict[str, Any], path: Path, scale: str) -> Study:
    """Replace ``simulate: {from: other}`` by the other study's section, and a missing system by its system."""
    other = content["simulate"]["from"]
    if extra := sorted(set(content["simulate"]) - {"from"}):
        raise ConfigError(str(path), [(f"simulate.{extra[0]}", "cannot stand beside 'from'; remove one of them")])
    if other == path.stem:
        raise ConfigError(str(path), [("simulate.from", "names this very study; write another")])
    try:
        base = load_study(
            f"{other}@{scale}" if _has_scale(path.parent / f"{other}.yaml", scale) else str(other), path.parent
        )
    except ConfigError as error:
        raise ConfigError(str(path), [("simulate.from", str(error))]) from None
    content["simulate"] = {**base.simulate.model_dump(), "source": base.md_study}
    content.setdefault("system", base.system)
    return base


def _has_scale(path: Path, scale: str) -> bool:
    """A scale that only says what is done with the MD need not exist where the MD is from."""
    return bool(scale) and path.is_file() and scale in (read_yaml(path).get("scales") or {})


def _check_shared_md(study: Study, base: Study, file: str) -> None:
    if study.system != base.system:
        raise ConfigError(file, [("system", f"is not that of {base.name}, whose MD it takes over; leave it out")])
    if missing := sorted(set(study.temperatures.simulated) - set(base.temperatures.simulated)):
        raise ConfigError(
            file,
            [("temperatures", f"{base.name} has no MD at {', '.join(map(format_temperature, missing))}; add it there")],
        )


def parse(model: type[BaseModel], content: dict[str, Any], file: str) -> Any:
    """Validate ``content``; raises :class:`ConfigError` that speaks of ``file``."""
    try:
        return model(**content)
    except ValidationError as error:
        raise ConfigError(file, [_explain(model, e) for e in error.errors()]) from None
    except ThermolatentError as error:
        raise ConfigError(file, [("", str(error))]) from None


def parse_density(value: Any) -> DensitySpec:
    """A density's parameters outside of a study; raises :class:`ThermolatentError` in one line."""
    try:
        return _from_registry(DENSITY_SPECS, value)
    except ValueError as error:
        raise ThermolatentError(f"density {value.get('kind')}: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; raises :class:`ConfigError` for anything else."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [("", f"cannot be read ({error})")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(str(path), [("", f"{where}not valid YAML ({getattr(error, 'problem', error)})")]) from None
    if not isinstance(content, dict):
        raise ConfigError(str(path), [("", "is not a mapping of keys to values")])
    return content


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``changes`` over ``base``: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _explain(model: type[BaseModel], error: Any) -> tuple[str, str]:
    """One pydantic error as ``(key path, plain words)``."""
    path = [str(part) for part in error["loc"]]
    key, kind = ".".join(path), error["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        return key, f"unknown key, {did_you_mean(path[-1], known)}"
    if kind == "missing":
        return key, "is missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        inner, colon, rest = message.partition(": ")
        if colon and " " not in inner:  # a cross-field check names the key itself
            return ".".join([*path, inner]), rest
        return key, message
    return key, f"is {error['input']!r}; {message[0].lower()}{message[1:]}"


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Keys allowed where ``path`` leads: through sections, mappings of sections and tagged unions."""
    current: Any = model
    for part in path:
        origin, arguments = typing.get_origin(current), typing.get_args(current)
        if origin is dict:
            current = arguments[1]
        elif origin is None and issubclass(current, BaseModel):
            fields = {f.alias or n: f for n, f in current.model_fields.items()}
            current = fields[part].annotation
        else:  # a tagged union: pydantic's path holds the tag
            current = next(a for a in arguments if a.model_fields["kind"].default == part)
    return [f.alias or n for n, f in current.model_fields.items()]
