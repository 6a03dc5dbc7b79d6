"""A study: its sections, and the checks across them."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, field_validator, model_validator

from thermolatent.errors import did_you_mean
from thermolatent.featurize.base import check_features, without_topology
from thermolatent.featurize.settings import Featurize
from thermolatent.generate.settings import Generate
from thermolatent.learn.settings import Composition, Learn
from thermolatent.markov import LEAST_FRAMES
from thermolatent.parsing import Name, Section
from thermolatent.represent.settings import Representation
from thermolatent.reweight.settings import Reweight
from thermolatent.simulate.settings import Simulate, Tempering
from thermolatent.study.layout import BASELINES_JOB, spib_of
from thermolatent.systems.colvar import Colvar
from thermolatent.systems.kinds import EXISTING, AnySystem
from thermolatent.temperatures import Temperatures, format_temperature
from thermolatent.validate.settings import BASELINES, MELTING, POPULATIONS, Validate


class Study(Section):
    """One study: a system, its temperatures, and the settings of each stage."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(@[a-z]+)?$", description="the file's; not a key of it")
    description: str = Field("", description="one line, the title of the report")
    system: AnySystem = Field(description="a system by name, or {kind: name, ...}")
    temperatures: Temperatures = Field(description="temperatures of the MD and of the predictions")
    simulate: Simulate = Field(description="the MD; 'from: other' uses that of another study")
    tempering: Tempering | None = Field(None, description="replica exchange for reference temperatures")
    featurize: Featurize = Field(description="features of the models, fixed plane, observables")
    representation: Representation = Field(Representation(), description="SPIB")
    reweight: Reweight = Field(Reweight(), description="conditional reweighting")
    learn: Learn = Field(Learn(), description="training of the models")
    models: dict[Name, Composition] = Field(min_length=1, description="name -> model; each is trained once per seed")
    generate: Generate = Field(Generate(), description="the ensemble at each temperature")
    validate_: Validate = Field(alias="validate", description="named states, scores")

    @model_validator(mode="before")
    @classmethod
    def _existing_md(cls, content: Any) -> Any:
        """With existing MD ``simulate`` has ``walkers`` and ``frames`` only; the times are those of the files. There are no
        structures without coordinates."""
        system, simulate, generate = content.get("system"), content.get("simulate"), content.get("generate", {})
        if isinstance(system, Colvar):  # of another study
            system = {"kind": system.kind}
        if not isinstance(system, dict) or system.get("kind") not in EXISTING:
            return content
        if system["kind"] == "colvar" and isinstance(generate, dict):
            content = {**content, "generate": {"structures": 0, **generate}}
        if not isinstance(simulate, dict):
            return content
        if "source" in simulate:  # the section of another study
            return content
        if extra := sorted(set(simulate) - {"walkers", "frames"}):
            raise ValueError(
                f"simulate.{extra[0]}: is not for system.kind: {system['kind']}, whose MD is done; leave it out"
            )
        times = {"save_every": 1, "time_step": 1.0}  # the protocol of imported MD has the real ones
        return {**content, "simulate": {**simulate, **times}}

    @model_validator(mode="before")
    @classmethod
    def _own_representations(cls, content: Any) -> Any:
        """A model's ``representation`` gets what it does not say from the study's."""
        shared, models = content.get("representation", {}), content.get("models")
        if not isinstance(shared, dict | Representation) or not isinstance(models, dict):
            return content
        whole = {
            name: {**model, "representation": {**dict(shared), **model["representation"]}}
            for name, model in models.items()
            if isinstance(model, dict) and isinstance(model.get("representation"), dict)
        }
        return {**content, "models": {**models, **whole}}

    @field_validator("tempering", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return {True: {}, False: None}[value] if isinstance(value, bool) else value

    @field_validator("models", mode="after")
    @classmethod
    def _no_reserved_names(cls, value: dict[str, Composition]) -> dict[str, Composition]:
        seen: dict[str, str] = {}
        for name in value:
            if name.lower() in {*BASELINES, "baselines"}:
                raise ValueError(f"'{name}' is a baseline's name; rename the model")
            if (other := seen.setdefault(name.lower(), name)) != name:  # one folder on macOS and Windows
                raise ValueError(f"'{other}' and '{name}' differ in nothing but capitals; rename one")
        return value

    @model_validator(mode="after")
    def _sections_fit(self):
        _check_lengths(self)
        if (
            bare := without_topology(self.system)
        ) is not None:  # those of a molecule the stage simulate checks, which builds it
            check_features(self.featurize, bare)
        if self.system.columns and self.generate.structures:
            raise ValueError("generate.structures: there are no coordinates in columns of numbers; leave it out")
        _check_tolerances(self)
        _check_experiment(self)
        _check_solvent(self)
        _check_tempering(self)
        _check_reseeded(self)
        _check_exchanges(self)
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
            if model.informed and len(self.temperatures.train) < 2:
                raise ValueError(
                    f"models.{name}.informed: needs two training temperatures to reweight between; add one to "
                    "temperatures.train, or write informed: false"
                )
            if model.relabel and model.encoder == "frozen":
                raise ValueError(f"models.{name}.relabel: nothing changes with encoder: frozen; leave one of them out")
            if self.representation_of(name).latent_dim == 1 and getattr(model.density, "transform", "") == "realnvp":
                raise ValueError(
                    f"models.{name}.density.transform: realnvp needs representation.latent_dim >= 2 (a coupling has "
                    "no partner at 1); write spline"
                )
        return self

    def representation_of(self, model: str) -> Representation:
        """Settings of the SPIB of a model; the "baselines" have the study's."""
        own = self.models[model].representation if model in self.models else None
        return own or self.representation

    def spib_of(self, model: str) -> str:
        """Under whose name the SPIB of a model is, "baselines" for the study's."""
        own = {name: spec.representation for name, spec in self.models.items()}
        return spib_of(model, own, self.representation)

    @property
    def spibs(self) -> list[str]:
        """The names of all SPIBs, the study's first."""
        return list(dict.fromkeys(map(self.spib_of, [BASELINES_JOB, *self.models])))

    @property
    def lags(self) -> dict[str, int]:
        """All lags by their key, the study's first."""
        own = {name: model.representation for name, model in self.models.items() if model.representation}
        lags = {f"models.{name}.representation.lag": representation.lag for name, representation in own.items()}
        return {"representation.lag": self.representation.lag, **lags}

    def frames_at(self, temperature: float) -> int:
        """Number of frames of each walker at one temperature that the stages after ``simulate`` use."""
        own = self.featurize.training_frames if temperature in self.temperatures.train else None
        return own or self.featurize.frames or self.simulate.at(temperature).frames

    @property
    def least_frames(self) -> int:
        """The smallest :meth:`frames_at` of the simulated temperatures."""
        return min(map(self.frames_at, self.temperatures.simulated))

    @property
    def md_study(self) -> str:
        """Name of the study whose ``simulate`` folder holds the trajectories."""
        return self.simulate.source or self.name

    @property
    def tempered(self) -> list[float]:
        """Temperatures with MD by replica exchange, whose frames are not continuous in time."""
        if self.tempering is None:
            return []
        asked = self.tempering.temperatures or self.temperatures.reference
        return sorted(t for t in asked if t in self.temperatures.simulated)

    @property
    def ladder(self) -> list[float]:
        """Temperatures of the replica exchange, ascending; none without tempering."""
        if self.tempering is None:
            return []
        return sorted({*self.tempered, *self.temperatures.train, *self.tempering.rungs})

    @property
    def temperature_range(self) -> tuple[float, float]:
        """The learning range."""
        asked = self.temperatures.generated
        return self.learn.temperature_range or (min(asked), max(asked))


def _check_lengths(study: Study) -> None:
    simulate, featurize = study.simulate, study.featurize
    known = study.temperatures.simulated
    if not simulate.source and (other := sorted(set(simulate.frames_at) - set(known))):
        raise ValueError(
            f"simulate.frames_at: there is no MD at {format_temperature(other[0])}, only at "
            f"{', '.join(map(format_temperature, known))}; leave it out, or add it to temperatures.train"
        )
    if not simulate.source and (other := sorted(set(simulate.frames_at) & set(study.tempered))):
        raise ValueError(
            f"simulate.frames_at: {format_temperature(other[0])} is tempered: its rungs have one length; leave it out"
        )
    saved = min(simulate.at(T).frames for T in known)
    trained = min(simulate.at(T).frames for T in study.temperatures.train)
    for key, has in (("frames", saved), ("training_frames", trained)):
        if (asked := getattr(featurize, key) or 0) > has:
            raise ValueError(
                f"featurize.{key}: {asked} is more than a walker has (simulate.frames: {has}); lower it or leave it out"
            )
    for key, lag in study.lags.items():
        if lag >= study.least_frames:
            raise ValueError(
                f"{key}: {lag} frames is not shorter than a walker ({study.least_frames} frames); lower the lag or "
                "simulate longer"
            )


def _check_tolerances(study: Study) -> None:
    known = {POPULATIONS, *(feature.label for feature in study.featurize.observables)}
    for name in study.validate_.tolerance:
        if name not in known:
            raise ValueError(f"validate.tolerance.{name}: none of featurize.observables, {did_you_mean(name, known)}")


def _check_experiment(study: Study) -> None:
    known = [*study.validate_.states.names, *(feature.label for feature in study.featurize.observables), MELTING]
    for k, data in enumerate(study.validate_.experiment):
        # Columns of a molecule's observables are known once it is built, by the stage gather.
        if data.quantity not in known and not (study.system.molecular and study.featurize.observables):
            raise ValueError(
                f"validate.experiment.{k}.quantity: '{data.quantity}' is no state and no observable, "
                f"{did_you_mean(data.quantity, known)}"
            )


def _check_tempering(study: Study) -> None:
    tempering, reference = study.tempering, study.temperatures.reference
    if tempering is None or study.simulate.source:  # checked where the MD is
        return
    if study.system.existing:
        raise ValueError(f"tempering: is not for system.kind: {study.system.kind}, whose MD is done; leave it out")
    if not reference:
        raise ValueError(
            "tempering: is for reference temperatures, there are none; add some to temperatures.reference or leave it out"
        )
    if other := sorted(set(tempering.temperatures) - set(reference)):
        raise ValueError(
            f"tempering.temperatures: {format_temperature(other[0])} is not in temperatures.reference; add it there, or "
            "write it in tempering.rungs"
        )
    study.system.check_simulate(study.simulate, study.ladder)


def _check_reseeded(study: Study) -> None:
    """Walkers start from saved frames, which of explicit solvent have no solvent; their Markov model needs some time."""
    if not (reseeded := study.temperatures.reseeded):
        return
    at, bath = format_temperature(reseeded[0]), study.featurize.bath
    if study.system.existing:
        raise ValueError(
            f"temperatures.reseeded: is not for system.kind: {study.system.kind}, whose MD is done; leave it out"
        )
    if getattr(study.system, "surroundings", "") == "explicit":
        raise ValueError(
            "temperatures.reseeded: explicit solvent is not saved, so no walker can start from a frame; leave it "
            f"out, and {at} is simulated from the system's starts"
        )
    if bath is not None and bath.coupled is not None:
        raise ValueError(
            "temperatures.reseeded: frames have weights by featurize.bath.coupled already; remove one of them"
        )
    for T in reseeded:
        if study.frames_at(T) < LEAST_FRAMES:
            raise ValueError(
                f"simulate.frames_at: {study.frames_at(T)} frames per walker at {format_temperature(T)} are too few for the "
                f"Markov model of a reseeded temperature; write {LEAST_FRAMES} or more"
            )


def _check_exchanges(study: Study) -> None:
    """For imported replica exchange, refuse a lag that is not shorter than the stretches between exchanges."""
    system, (key, lag) = study.system, max(study.lags.items(), key=lambda item: item[1])
    if not system.existing or system.stretch is None or lag < system.stretch:
        return
    there = f"{system.exchange_interval:g} ps between exchanges (system.exchange_interval)"
    longest = math.ceil(system.stretch) - 1
    if longest < 1:
        raise ValueError(
            f"system.frame_interval: the frames used are {system.saved_interval:g} ps apart, no less than the {there}, so no "
            "two are of one stretch, and SPIB needs pairs; save frames more often, or lower system.stride"
        )
    raise ValueError(
        f"{key}: {lag} frames ({lag * system.saved_interval:g} ps) is not shorter than the {there}; write lag: "
        f"{longest}" + (" or less" if longest > 1 else "")
    )


def _check_solvent(study: Study) -> None:
    """All temperatures with explicit solvent must have one Hamiltonian: at one pressure with U + pV, or in one volume."""
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
