"""The stage ``validate``: one model and seed, or the baselines of one seed, against the reference MD."""

from __future__ import annotations

import logging

import numpy as np

from thermolatent.artifacts import load_arrays, require_finite, save_arrays
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.frames import Frames, load_frames
from thermolatent.layout import Layout, format_temperature
from thermolatent.learn.model import Model
from thermolatent.learn.pairs import held_out_walkers
from thermolatent.learn.representation import Representation, load_representation
from thermolatent.learn.reweight import FrameWeights
from thermolatent.states.sets import StateSet
from thermolatent.validate.assumption import conditional_shift
from thermolatent.validate.form import HeatCapacityError, basis_disagreement
from thermolatent.validate.identity import log_density_error, spread, trust_identity
from thermolatent.validate.kinetics import cross_entropy, gmrq, slowest_timescale
from thermolatent.validate.matching import Candidate
from thermolatent.validate.profiles import Profiles
from thermolatent.validate.scores import Tables
from thermolatent.validate.tables import POPULATION_COLUMNS, SCORE_COLUMNS, write_table
from thermolatent.validate.uncertainty import stream
from thermolatent.validate.view import View

log = logging.getLogger(__name__)


def run(study: Study, layout: Layout, model: str, seed: int) -> None:
    """Write scores, populations and, for a model, profiles of ``model`` (or "baselines") at every temperature.

    Raises :class:`ArtifactError` for a file that is missing, of another version, of the wrong length, or not finite.
    """
    fixed = fixed_view(study, load_frames(study, layout, study.temperatures.simulated, starts=True))
    reference = fixed.reference
    if missing := [format_temperature(T) for T in study.temperatures.generated if T not in reference.temperatures]:
        log.info("no reference MD at T = %s: predictions and trust figures, no scores", ", ".join(missing))
    tables = Tables(study, seed, fixed)
    if model == "baselines":
        representation, suffix = load_representation(layout.spib(seed)), ""
    else:
        representation = load_representation(layout.model(model, seed))
        suffix = f"_{model}" if study.models[model].encoder == "joint" else ""
    latent, own = latent_view(study, fixed, representation, seed, suffix)
    named = tables.named_plane.state_set(fixed.points)
    if model == "baselines":
        _baselines(study, layout, tables, [fixed, latent], [named, own])
    else:
        _model(study, layout, model, tables, latent, [named, own])
        _identity(study, layout, model, tables, latent)
        _kinetics(study, model, tables, (latent, own), representation)
        if suffix:  # a plane of its own: the baselines must appear in it too
            _baselines(study, layout, tables, [latent], [own])
    write_table(layout.scores(model, seed), SCORE_COLUMNS, tables.rows)
    write_table(layout.populations(model, seed), POPULATION_COLUMNS, tables.population_rows)


def fixed_view(study: Study, reference: Frames) -> View:
    """The fixed plane with the MD at every simulated temperature in it."""
    training = reference.among(study.temperatures.train)
    return View("fixed", reference, training, reference.plane, list(reference.plane_periodic), study.validate_.bins)


def latent_view(
    study: Study, fixed: View, representation: Representation, seed: int, suffix: str
) -> tuple[View, StateSet]:
    """The latent plane of a representation with the noised frames of a fixed plane in it, and its own states."""
    points, labels = {}, {}
    for T, features in fixed.reference.features.items():
        points[T], labels[T] = _encoded(representation, features, seed, T)
    view = View(
        *(f"latent{suffix}", fixed.reference, fixed.training, points, [False] * representation.latent_dim),
        *(study.validate_.bins, study.generate.samples),
    )
    names = [str(k) for k in range(representation.n_states)]
    return view, StateSet(f"model{suffix}", view.name, names, labels)


def _encoded(
    representation: Representation, features: np.ndarray, seed: int, T: float
) -> tuple[np.ndarray, np.ndarray]:
    """Noised latents ``(walkers, frames, d)`` and states ``(walkers, frames)`` of MD at one temperature."""
    mu, sigma = representation.encode(features), representation.sigmas(features)
    require_finite(mu.reshape(-1, mu.shape[-1]), f"encoder of seed {seed}", f"latents of the MD at T={T}")
    noise_seed = int(stream("noise", seed, T).integers(2**31))
    return representation.noised(mu, sigma, noise_seed), representation.states(mu)


def _model(study: Study, layout: Layout, model: str, tables: Tables, latent: View, state_sets: list[StateSet]) -> None:
    profiles = Profiles(tables.fixed, latent, tables.replicates, tables.seed)
    for T in study.temperatures.generated:
        latents, weights, fraction = _load_samples(layout.samples(model, tables.seed, T), latent)
        tables.effective_sample(model, T, weights, fraction)
        tables.observables(model, T, weights)
        tables.divergences(model, T, tables.fixed, tables.weighted(tables.fixed, weights))
        tables.divergences(model, T, latent, Candidate(latents))
        for state_set in state_sets:
            tables.populations(model, T, state_set, weights)
        profiles.add(T, weights, latents)
        if tables.has_reference(T) and np.isfinite(shift := conditional_shift(tables.fixed, latent, T)):
            tables.add(model, T, latent.name, "conditional_shift", shift)
        log.info("%s: T=%s scored", model, format_temperature(T))
    save_arrays(layout.profiles(model, tables.seed), profiles.arrays())


def _load_samples(path: str, latent: View) -> tuple[np.ndarray, np.ndarray, float]:
    """Latents ``(n, d)``, frame weights ``(N,)`` and their effective fraction before the bound of one samples file, checked."""
    arrays = load_arrays(path, "generated samples")
    if absent := {"latents", "frame_weights", "ess_fraction"} - set(arrays):
        raise ArtifactError(f"{path}: has no {', '.join(sorted(absent))}; delete it and run generate again")
    z, w = arrays["latents"], np.asarray(arrays["frame_weights"], np.float64)
    d, frames = latent.training_points.shape[1], len(latent.training)
    if z.ndim != 2 or z.shape[1] != d or len(z) == 0:
        raise ArtifactError(f"{path}: latents have shape {z.shape}, must be (n, {d}); delete it and run generate again")
    if w.shape != (frames,):
        raise ArtifactError(
            f"{path}: has {w.size} frame weights for {frames} training frames; delete it and run generate again"
        )
    require_finite(z, path, "generated latents")
    require_finite(w, path, "frame weights")
    if (w < 0).any() or w.sum() <= 0:
        raise ArtifactError(f"{path}: {int((w < 0).sum())} frame weights are negative or all are 0; run generate again")
    return z, w / w.sum(), float(arrays["ess_fraction"])


def _baselines(study: Study, layout: Layout, tables: Tables, views: list[View], state_sets: list[StateSet]) -> None:
    """Rows of floor, nearest and the reweightings in the given planes and state sets."""
    frame_weights = FrameWeights(study, layout, tables.seed)
    home = state_sets[0].label == "named"  # the baselines' own file: their trust metrics are written there only
    for T in study.temperatures.generated:
        for view in views:
            tables.divergences("floor", T, view, None)
        for state_set in state_sets:
            tables.md_populations(T, state_set)
            if state_set.label == "named":
                tables.exact_rows(T, state_set)
        if home:
            tables.md_observables(T)
        for name in ("nearest", *frame_weights.methods):
            if name == "nearest":
                weights = nearest_weights(tables.training, T)
            else:
                weights = np.exp(frame_weights.log_weights(name, T))
                require_finite(weights, layout.reweighting(tables.seed), f"{name} weights at T={T}")
            if home:
                tables.effective_sample(name, T, weights)
                tables.observables(name, T, weights)
            for view in views:
                tables.divergences(name, T, view, tables.weighted(view, weights))
            for state_set in state_sets:
                tables.populations(name, T, state_set, weights)
        log.info("baselines: T=%s scored", format_temperature(T))
    # With one training temperature nothing was fitted, without energies no heat capacity: no form of A to doubt.
    if home and len(tables.training.temperatures) > 1 and "conditional" in frame_weights.methods:
        _form(study, tables, frame_weights, state_sets[0])


def nearest_weights(training: Frames, temperature: float) -> np.ndarray:
    """Weights ``(N,)`` of the training temperature with the smallest ``|ln(T_k / T)|``: how often its frames count."""
    nearest = int(np.argmin([abs(np.log(T / temperature)) for T in training.temperatures]))
    weights = np.where(training.temperature_index() == nearest, training.frame_counts, 0.0)
    return weights / weights.sum()


def _form(study: Study, tables: Tables, frame_weights: FrameWeights, named: StateSet) -> None:
    """Trust figures of the data: how much the assumed form of A(x, b) decides. Rows of ``conditional``."""
    training = tables.training
    n, two = len(training), len(training.temperatures) == 2
    error = HeatCapacityError(frame_weights, training, named) if two else None
    for T in study.temperatures.generated:
        basis = basis_disagreement(frame_weights, training, named, T)
        tables.add("conditional", T, "fixed", "trust_basis", basis, None, None, n)
        if error is not None:
            value = error.largest(T, study.system.kT(T))
            tables.add("conditional", T, "fixed", "trust_heat_capacity", value, None, None, n)


def _identity(study: Study, layout: Layout, model: str, tables: Tables, latent: View) -> None:
    trained, kT = Model.load(layout.model(model, tables.seed)), study.system.kT
    violations = {}
    for T in study.temperatures.train:
        energies = tables.training.energies[T]
        if not np.isfinite(energies).all():
            log.warning("%s: the MD at T=%s has no energies, no trust_identity", model, format_temperature(T))
            continue
        half, counts = tables.training.half[T], tables.training.counts[T]
        value = trust_identity(trained, kT(T), T, latent.points[T], energies, half, counts)
        if np.isfinite(value):
            tables.add(model, T, latent.name, "trust_identity", value, None, energies.size)
            violations[1 / kT(T)] = (value, spread(energies, counts))
    if len(violations) == len(study.temperatures.train):
        for T in study.temperatures.generated:
            value = log_density_error(violations, 1 / kT(T))
            tables.add(model, T, latent.name, "trust_log_density", value)


def _kinetics(
    study: Study, model: str, tables: Tables, plane: tuple[View, StateSet], representation: Representation
) -> None:
    """Scores of the representation at the training temperatures: the model's own states, one lag apart."""
    (latent, own), training = plane, tables.training
    lag, n_states = study.representation.lag, len(own.names)
    held_out = held_out_walkers(study.simulate.walkers, study.representation.held_out)
    for T in study.temperatures.train:
        labels, times = own.labels[T], training.counts[T]
        probabilities = representation.state_probabilities(latent.points[T][held_out])
        foreseen = cross_entropy(probabilities, labels[held_out], lag, times[held_out])
        found = {
            "gmrq": (*gmrq(labels, lag, n_states, times=times), labels.size),
            "implied_timescale": (*slowest_timescale(labels, lag, n_states, times), labels.size),
            "held_out_cross_entropy": (*foreseen, labels[held_out].size),
        }
        for metric, (value, stderr, n) in found.items():
            if np.isfinite(value):
                tables.add(model, T, "", metric, value, stderr, n)
            else:
                log.warning(
                    "%s: too few transitions between states at T=%s, no %s", model, format_temperature(T), metric
                )
