"""For notebooks: a study's frames, its models or new ones, and their predictions at any temperature.

All results are computed by the functions of the stages.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.export.frames import Weighting
from thermolatent.export.structures import drawn
from thermolatent.files.paths import FrameFiles
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.generate.stage import draw_samples
from thermolatent.generate.weights import ModelWeights
from thermolatent.launch.home import study_folders
from thermolatent.learn.model import Model
from thermolatent.learn.settings import Composition
from thermolatent.parsing import parse, whole_number
from thermolatent.reweight.estimator import ConditionalReweighting, checked_temperature
from thermolatent.states.plane import NamedPlane
from thermolatent.states.sets import StateSet
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study
from thermolatent.study.study import Study
from thermolatent.tables import POPULATION_COLUMNS, cell
from thermolatent.validate.observables import judged_observables
from thermolatent.validate.predictions import predictions_at, predictions_with_models
from thermolatent.validate.profiles import Profiles
from thermolatent.validate.scores import ScoreRows
from thermolatent.validate.settings import Asked
from thermolatent.validate.stage import Learned, fixed_view, latent_view, model_populations
from thermolatent.validate.view import View

if TYPE_CHECKING:
    import mdtraj
    from matplotlib.figure import Figure


class Run:
    """A study with its results, from the stage featurize on.

    Parameters
    ----------
    name: of the study, or ``name@scale``.
    studies: folder of the study files; default: ``$THERMOLATENT_STUDIES``, else ``studies``; then the examples.
    results: folder of the results.

    Attributes
    ----------
    study, layout: the study, and the paths of its files.
    """

    def __init__(self, name: str, studies: str | Path | None = None, results: str | Path = "results"):
        study = find_study(name, study_folders([studies] if studies else None))
        self.layout = Layout.of(study, str(results))
        # Reference MD without files is left out.
        there = [T for T in study.temperatures.reference if Path(self.layout.features_header(T)).is_file()]
        temperatures = study.temperatures.model_copy(update={"reference": there})
        self.study: Study = study.model_copy(update={"temperatures": temperatures})

    @cached_property
    def asked(self) -> Asked:
        """The parts of the study that predictions depend on."""
        return asked_of(self.study)

    @cached_property
    def training(self) -> Frames:
        """The training frames; ``training.flat(training.features)`` is ``(N, n_features)``, in training frame order."""
        return load_frames(self._files(self.study.temperatures.train))

    @cached_property
    def reference(self) -> Frames:
        """All MD, training temperatures included: ``reference.features[T]`` is ``(walkers, frames, n_features)``, likewise
        ``reference.plane[T]`` and ``reference.observables[T]``. Raises :class:`ArtifactError` if files are missing."""
        simulated = self.study.temperatures.simulated
        return load_frames(self._files(simulated), {T: self.layout.protocol(T) for T in simulated})

    def _files(self, temperatures: list[float]) -> dict[float, FrameFiles]:
        return {T: self.layout.frame_files(T) for T in temperatures}

    def predict(self, *temperatures: float) -> pd.DataFrame:
        """Populations of the named states, and means of the observables in ``validate.tolerance``, with intervals and
        verdicts, one row each with the columns of ``predictions.csv``.

        Any temperatures, in the study's unit: ``run.predict(375, 390)``. Needs the file of ``reweight``, and for observables
        those of ``featurize``.
        """
        asked = _checked(temperatures)
        reweighting = ConditionalReweighting.load(self.layout.reweighting)
        observables = judged_observables(self.asked, self._files(self.study.temperatures.train), reweighting)
        rows = (predictions_at(self.asked, reweighting, T, observables=observables) for T in asked)
        found = pd.DataFrame([row for of_temperature in rows for row in of_temperature])
        return found.astype({"temperature": float})

    def structures(
        self, temperature: float, n: int = 100, model: str | None = None, seed: int = 0
    ) -> mdtraj.Trajectory:
        """``n`` frames of the training MD drawn by their weights at a temperature: an equilibrium ensemble, nm.

        By the reweighting, or by a ``model`` of the study; ``seed``: of the model and of the draw. Raises
        :class:`ThermolatentError` for MD without coordinates.
        """
        n, seed = whole_number("n", n, 1), whole_number("seed", seed, 0)
        return drawn(self.study, self.layout, checked_temperature(temperature), n, Weighting(model, seed))[0]

    def _repr_html_(self) -> str:
        """In a notebook: the predictions at the study's temperatures as a table, once the stage reweight has run."""
        if not Path(self.layout.reweighting).is_file():
            return f"{html.escape(repr(self))}: no predictions yet; run <code>thermolatent run {self.study.name}</code>"
        found = self.predict(*self.study.temperatures.generated).astype({"temperature": str})
        shown = found[["temperature", "state", "value", "low", "high", "verdict"]]
        return f"<p>{html.escape(repr(self))}</p>{shown.to_html(index=False, float_format='{:.3f}'.format)}"

    def __repr__(self) -> str:
        return f"<run of {self.study.name} in {self.layout.root}: {', '.join(self.study.models)}>"

    def model(self, name: str, seed: int = 0) -> Fitted:
        """A trained model, of the study or of :meth:`fit`; raises :class:`ArtifactError` if its file is missing,
        :class:`ThermolatentError` for an unknown name."""
        seed = whole_number("seed", seed, 0)
        if name not in self.study.models and not Path(self.layout.model(name, seed)).is_file():
            hint = did_you_mean(name, self.study.models)
            raise ThermolatentError(f"study {self.study.name} has no model '{name}' of seed {seed}, {hint}")
        return Fitted(self, name, seed, Model.load(self.layout.model(name, seed)))

    def fit(self, name: str, seed: int = 0, **composition: Any) -> Fitted:
        """Train a model that is not in the study file, and save it with the others.

        Parameters
        ----------
        composition: as in ``models`` of a study: ``density``, ``temperature``, ``informed``, ``encoder``,
            ``representation``, whose SPIB is trained first.

        Needs the files of represent for this seed, and of reweight if informed. Raises :class:`ThermolatentError` for a name
        of a model of the study, :class:`ConfigError` for a wrong composition.
        """
        seed = whole_number("seed", seed, 0)
        if name in self.study.models:
            raise ThermolatentError(
                f"fit: '{name}' is a model of study {self.study.name}; write model('{name}'), or another name"
            )
        content = {**dict(self.study), "models": {**self.study.models, name: composition}}
        study = parse(Study, content, "fit")
        if study.spib_of(name) == name:
            run_job("represent", study, self.layout, model=name, seed=seed)
        run_job("learn", study, self.layout, model=name, seed=seed)
        return self.model(name, seed)

    @cached_property
    def reweighting(self) -> ConditionalReweighting:
        """The study's estimator: populations, means and frame weights at any temperature, with error bars."""
        return ConditionalReweighting.load(self.layout.reweighting, self.training)

    @cached_property
    def _fixed(self) -> View:
        return fixed_view(self.asked, self.reference)

    @cached_property
    def _named(self) -> StateSet:
        fixed = self._fixed
        plane = NamedPlane(self.study.system, self.study.validate_.states, fixed.bins.edges, fixed.training)
        return plane.state_set(fixed.points)


def _checked(temperatures: tuple[Any, ...]) -> list[float]:
    if not temperatures:
        raise ThermolatentError("temperature: is missing; give one or several")
    return [checked_temperature(T) for T in temperatures]


@dataclass(frozen=True)
class Prediction:
    """The ensemble of one model at one temperature.

    Attributes
    ----------
    latents: samples ``(n, d)``; log_density: their ln p(z|T) ``(n,)`` in nats.
    state_probabilities: of the model's own states, ``(n, K)``.
    frame_weights: of the training frames ``(N,)``, sum 1; ess_fraction: their effective sample fraction.
    populations: of the study's named states, one row each with the columns of ``predictions.csv``.
    observables: one row each, with ``value``, ``stderr``, ``low``, ``high``.
    """

    temperature: float
    latents: np.ndarray
    log_density: np.ndarray
    state_probabilities: np.ndarray
    frame_weights: np.ndarray
    ess_fraction: float
    populations: pd.DataFrame
    observables: pd.DataFrame

    def __repr__(self) -> str:
        told = self.populations[["state", "value", "low", "high", "verdict"]].to_string(index=False)
        return f"<prediction at {self.temperature:g}: {len(self.latents)} samples>\n{told}"


class Fitted:
    """A trained model of a run. ``density`` is the :class:`~thermolatent.learn.model.Model`, with ``log_prob``, ``sample`` and
    ``representation``."""

    def __init__(self, run: Run, name: str, seed: int, density: Model):
        self.run, self.name, self.seed, self.density = run, name, seed, density

    def __repr__(self) -> str:
        informed = "informed" if self.density.about["informed"] else "not informed"
        kind = self.density.about["density"]["kind"]
        return f"<model {self.name} of {self.run.study.name}, seed {self.seed}: {kind}, {informed}>"

    @cached_property
    def _study(self) -> Study:
        """The study including this model, also if it is of :meth:`Run.fit`."""
        study = self.run.study
        if self.name in study.models:
            return study
        about = {key: self.density.about.get(key) for key in Composition.model_fields}
        return parse(Study, {**dict(study), "models": {**study.models, self.name: about}}, "fit")

    @cached_property
    def _asked(self) -> Asked:
        return asked_of(self._study)

    @cached_property
    def _reweighting(self) -> ConditionalReweighting | None:
        return self.run.reweighting if self.density.about["informed"] else None

    @cached_property
    def _weights(self) -> ModelWeights:
        return ModelWeights(self.density, self.run.training, self._reweighting)

    @cached_property
    def _learned(self) -> Learned:
        run, representation = self.run, self.density.representation
        suffix = f"_{self.name}" if self._study.models[self.name].own_latent else ""
        latent, own = latent_view(
            run.study.validate_.bins, run.study.generate.samples, run._fixed, representation, self.seed, suffix
        )
        return latent, [run._named, own], representation

    def predict(self, temperature: float, samples: int | None = None) -> Prediction:
        """The ensemble at one ``temperature``, in the study's unit, with this number of ``samples`` (default: the study's).

        The results equal those of the workflow. Raises :class:`ThermolatentError` for an invalid temperature or number.
        """
        n = self.run.study.generate.samples if samples is None else whole_number("samples", samples, 1)
        temperature = checked_temperature(temperature)
        log_w, fraction = self._weights.log_weights(temperature)
        weights = np.exp(log_w)
        drawn = draw_samples(self.density, n, temperature, self.seed, self._weights.log_density)
        tables = ScoreRows(self._asked, self.seed, self.run._fixed)
        tables.observables(self.name, temperature, weights, self._reweighting)
        observables = pd.DataFrame(tables.population_rows)
        model_populations(tables, self.name, temperature, self._learned, (drawn["latents"], weights), self._reweighting)
        rows = [{c: cell(row.get(c)) for c in POPULATION_COLUMNS} for row in tables.population_rows]
        found = predictions_with_models(self._asked, self.run.reweighting, temperature, rows, [self.name])
        return Prediction(
            temperature=temperature,
            **drawn,
            frame_weights=weights,
            ess_fraction=fraction,
            populations=pd.DataFrame([row for row in found if row["predictor"] == self.name]),
            observables=observables,
        )

    def plot(self, *temperatures: float) -> Figure:
        """Free-energy surfaces (kT) over the first two latent coordinates: the MD, if any, above the model."""
        from thermolatent.figures import surfaces
        from thermolatent.figures.style import style

        asked = _checked(temperatures)
        run = self.run
        view = self._learned[0]
        study, replicates = self._asked, run.study.validate_.bootstrap
        profiles = Profiles(run._fixed, view, replicates, self.seed, self._reweighting)
        for T in sorted(asked):
            found = self.predict(T, run.study.generate.samples)
            profiles.add(T, found.frame_weights, found.latents)
        with style():
            return surfaces.draw(study, self.name, profiles.arrays())
