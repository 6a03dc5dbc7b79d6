"""For notebooks: a study's frames, its models or new ones, and their predictions at any temperature.

What is computed here is what the stages compute, by the same functions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thermolatent.config import Study, parse
from thermolatent.errors import ThermolatentError, did_you_mean
from thermolatent.frames import Frames, load_frames
from thermolatent.generate.stage import draw_samples
from thermolatent.generate.weights import ModelWeights
from thermolatent.layout import Layout
from thermolatent.learn import train
from thermolatent.learn.model import Model
from thermolatent.project import STUDIES_VARIABLE, find_study
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.stage import load_reweighting
from thermolatent.states.plane import NamedPlane
from thermolatent.states.sets import StateSet
from thermolatent.validate.profiles import Profiles
from thermolatent.validate.stage import fixed_view, latent_view
from thermolatent.validate.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Run:
    """A study that has been featurized, and what was made of it since.

    Parameters
    ----------
    name: of the study, or ``name@scale``.
    studies: folder of the study files; default: ``$THERMOLATENT_STUDIES``, else ``studies``.
    results: folder of the results.

    Attributes
    ----------
    study, layout: the study, and where its files lie.
    """

    def __init__(self, name: str, studies: str | Path | None = None, results: str | Path = "results"):
        folders = [studies] if studies else os.environ.get(STUDIES_VARIABLE, "studies").split(os.pathsep)
        study = find_study(name, folders)
        self.layout = Layout.of(study, str(results))
        there = [T for T in study.temperatures.reference if Path(self.layout.features_header(T)).is_file()]
        temperatures = study.temperatures.model_copy(
            update={"reference": there}
        )  # MD that is yet to come is not missed
        self.study: Study = study.model_copy(update={"temperatures": temperatures})

    @cached_property
    def training(self) -> Frames:
        """The training frames; ``training.flat(training.features)`` is ``(N, n_features)``, in the order of all weights."""
        return load_frames(self.study, self.layout)

    @cached_property
    def reference(self) -> Frames:
        """All MD there is, training temperatures included: ``reference.features[T]`` is ``(walkers, frames, n_features)``,
        ``reference.plane[T]`` and ``reference.observables[T]`` are like it. Raises :class:`ArtifactError` without any."""
        return load_frames(self.study, self.layout, self.study.temperatures.simulated, starts=True)

    def model(self, name: str, seed: int = 0) -> Fitted:
        """A trained model, of the study or of :meth:`fit`; raises :class:`ArtifactError` if its file is missing,
        :class:`ThermolatentError` for a name that nobody gave."""
        if name not in self.study.models and not Path(self.layout.model(name, seed)).is_file():
            hint = did_you_mean(name, self.study.models)
            raise ThermolatentError(f"study {self.study.name} has no model '{name}' of seed {seed}, {hint}")
        return Fitted(self, name, seed, Model.load(self.layout.model(name, seed)))

    def fit(self, name: str, seed: int = 0, **composition: Any) -> Fitted:
        """Train a model that the study file does not have, and save it beside the others.

        Parameters
        ----------
        name: what to call it.
        composition: as below ``models`` of a study: ``density``, ``temperature``, ``informed``, ``encoder``.

        Needs the files of pretrain for this seed, and of reweight if informed. Raises :class:`ThermolatentError` for a name
        that the study has, :class:`ConfigError` for a wrong composition.
        """
        if name in self.study.models:
            raise ThermolatentError(
                f"fit: '{name}' is a model of study {self.study.name}; write model('{name}'), or another name"
            )
        content = {**dict(self.study), "models": {**self.study.models, name: composition}}
        train.run(parse(Study, content, "fit"), self.layout, name, seed)
        return self.model(name, seed)

    @cached_property
    def reweighting(self) -> ConditionalReweighting:
        """The study's estimator: populations, means and frame weights at any temperature, with error bars."""
        return load_reweighting(self.layout, self.training)

    @cached_property
    def _fixed(self) -> View:
        return fixed_view(self.study, self.reference)

    @cached_property
    def _named(self) -> StateSet:
        fixed = self._fixed
        plane = NamedPlane(self.study.system, self.study.validate_.states, fixed.bins.edges, fixed.training)
        return plane.state_set(fixed.points)


@dataclass(frozen=True)
class Prediction:
    """The ensemble of one model at one temperature.

    Attributes
    ----------
    latents: samples ``(n, d)``; log_density: their ln p(z|T) ``(n,)`` in nats.
    state_probabilities: of the model's own states, ``(n, K)``.
    frame_weights: of the training frames ``(N,)``, sum 1, none above 1 / sqrt(N), and ess_fraction, the share of them that
        counts without that bound.
    populations: of the study's named states; observables: their means. Both from the frame weights.
    """

    temperature: float
    latents: np.ndarray
    log_density: np.ndarray
    state_probabilities: np.ndarray
    frame_weights: np.ndarray
    ess_fraction: float
    populations: dict[str, float]
    observables: dict[str, float]


class Fitted:
    """A trained model of a run. ``density`` is the :class:`~thermolatent.learn.model.Model` itself, with ``log_prob``,
    ``sample`` and ``representation``."""

    def __init__(self, run: Run, name: str, seed: int, density: Model):
        self.run, self.name, self.seed, self.density = run, name, seed, density

    @cached_property
    def _weights(self) -> ModelWeights:
        run = self.run
        reweighting = run.reweighting if self.density.about["informed"] else None
        return ModelWeights(self.density, run.training, reweighting)

    def predict(self, temperature: float, samples: int = 10_000) -> Prediction:
        """The ensemble at ``temperature``, in the study's unit. Seed, model and number of samples decide it."""
        run, training = self.run, self.run._fixed.training
        log_w, fraction = self._weights.log_weights(temperature)
        weights = np.exp(log_w)
        counts = run._named.by_unit(training, weights).sum(0)
        means = weights @ training.flat(training.observables) if training.observables else []
        return Prediction(
            temperature=temperature,
            **draw_samples(self.density, samples, temperature, self.seed, self._weights.log_density),
            frame_weights=weights,
            ess_fraction=fraction,
            populations=dict(zip(run._named.names, (counts / counts.sum()).tolist(), strict=True)),
            observables=dict(zip(training.observable_names, map(float, means), strict=True)),
        )

    def plot(self, *temperatures: float) -> Figure:
        """Free-energy surfaces (kT) over the first two latent coordinates: MD above where there is any, the model below."""
        from thermolatent.figures import surfaces
        from thermolatent.figures.style import style

        run = self.run
        study = run.study
        if self.name not in study.models:  # one of fit's, which a curve's colour asks for
            study = study.model_copy(update={"models": {**study.models, self.name: None}})
        view, _ = latent_view(study, run._fixed, self.density.representation, self.seed, "")
        profiles = Profiles(run._fixed, view, study.validate_.bootstrap, self.seed)
        for T in sorted(temperatures):
            found = self.predict(T, study.generate.samples)
            profiles.add(T, found.frame_weights, found.latents)
        with style():
            return surfaces.draw(study, self.name, profiles.arrays())
