"""Stage ``validate``: scores of one model and seed, or of the baselines of one seed, against the reference MD."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_arrays, require_finite, save_arrays
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.represent.representation import TrainedSpib, load_representation
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.units import with_units
from thermolatent.sampling import held_out_units
from thermolatent.states.sets import StateSet
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, write_table
from thermolatent.temperatures import format_temperature
from thermolatent.validate.baselines import Baselines
from thermolatent.validate.kinetics import cross_entropy, gmrq, slowest_timescale
from thermolatent.validate.matching import Candidate
from thermolatent.validate.profiles import Profiles
from thermolatent.validate.scores import ScoreRows
from thermolatent.validate.settings import Asked, Inputs, Outputs, Settings
from thermolatent.validate.shift import conditional_shift
from thermolatent.validate.uncertainty import stream
from thermolatent.validate.view import View

log = logging.getLogger(__name__)


def run(study: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Write scores and populations, and profiles of a model, at every temperature.

    Raises :class:`ArtifactError` for a file that is missing, of another version, of the wrong length, or not finite.
    """
    fixed = fixed_view(study, load_frames(inputs.frames, inputs.protocols))
    reference = fixed.reference
    if missing := [format_temperature(T) for T in study.temperatures.generated if T not in reference.temperatures]:
        log.info("no reference MD at T = %s: predictions with intervals, no scores", ", ".join(missing))
    model, seed = study.model, study.seed
    tables = ScoreRows(study, seed, fixed)
    representation = load_representation(inputs.representation)
    reweighting = ConditionalReweighting.load(inputs.reweighting, tables.training)
    suffix = f"_{model}" if model in study.models and study.models[model].own_latent else ""
    latent, own = latent_view(study.validate_.bins, study.samples, fixed, representation, seed, suffix)
    named = tables.named_plane.state_set(fixed.points)
    if model not in study.models:
        _baselines(study, reweighting, tables, [fixed, latent], [named, own])
    else:
        informed = reweighting if study.models[model].informed else None
        profiles = _model(study, inputs.samples, tables, (latent, [named, own], representation), informed)
        save_arrays(outputs.profiles, profiles.arrays())
        _kinetics(study, model, tables, (latent, own), representation)
        if suffix:  # the baselines must be scored in the plane of this model, too
            _baselines(study, reweighting, tables, [latent], [own])
    write_table(outputs.scores, SCORE_COLUMNS, tables.rows)
    write_table(outputs.populations, POPULATION_COLUMNS, tables.population_rows)


def fixed_view(study: Asked, reference: Frames) -> View:
    """The fixed plane of the MD at every simulated temperature, with its independent pieces."""
    reference = with_units(study.named, reference, study.temperatures.train)
    training = reference.among(study.temperatures.train)
    return View("fixed", reference, training, reference.plane, list(reference.plane_periodic), study.validate_.bins)


def latent_view(
    bins: int, samples: int, fixed: View, representation: TrainedSpib, seed: int, suffix: str
) -> tuple[View, StateSet]:
    """The latent plane of a representation with the noised latents of all frames, and the representation's states."""
    points, labels = {}, {}
    for T, features in fixed.reference.features.items():
        mu, sigma = representation.encode(features), representation.sigmas(features)
        require_finite(mu.reshape(-1, mu.shape[-1]), f"encoder of seed {seed}", f"latents of the MD at T={T}")
        noise_seed = int(stream("noise", seed, T).integers(2**31))
        points[T], labels[T] = representation.noised(mu, sigma, noise_seed), representation.states(mu)
    view = View(
        *(f"latent{suffix}", fixed.reference, fixed.training, points, [False] * representation.latent_dim),
        *(bins, samples),
    )
    names = [str(k) for k in range(representation.n_states)]
    return view, StateSet(f"model{suffix}", view.name, names, labels)


#: Of a model: latent plane, state sets (named and its own), representation.
Learned = tuple[View, list[StateSet], TrainedSpib]


def _model(
    study: Settings,
    samples: Mapping[float, str],
    tables: ScoreRows,
    learned: Learned,
    reweighting: ConditionalReweighting | None,
) -> Profiles:
    """Rows of a model at every temperature. ``reweighting`` is the estimator, for an informed model."""
    latent = learned[0]
    model = study.model
    profiles = Profiles(tables.fixed, latent, tables.replicates, tables.seed, reweighting)
    for T in study.temperatures.generated:
        latents, weights, fraction = _load_samples(samples[T], latent)
        tables.effective_sample(model, T, weights, fraction)
        tables.observables(model, T, weights, reweighting)
        tables.divergences(model, T, tables.fixed, tables.weighted(tables.fixed, weights))
        tables.divergences(model, T, latent, Candidate(latents))
        model_populations(tables, model, T, learned, (latents, weights), reweighting)
        profiles.add(T, weights, latents)
        if tables.has_reference(T) and np.isfinite(shift := conditional_shift(tables.fixed, latent, T)):
            tables.add(model, T, latent.name, "conditional_shift", shift)
        log.info("%s: T=%s scored", model, format_temperature(T))
    return profiles


def model_populations(
    tables: ScoreRows,
    model: str,
    temperature: float,
    learned: Learned,
    drawn: tuple[np.ndarray, np.ndarray],
    reweighting: ConditionalReweighting | None,
) -> None:
    """Rows of the populations of one model at one temperature, in its own states and the named ones.

    Parameters
    ----------
    drawn: its samples ``(n, d)`` and frame weights ``(N,)``.
    reweighting: the estimator, for an informed model.
    """
    (latent, state_sets, representation), (latents, weights) = learned, drawn
    for state_set in state_sets:
        tables.populations(model, temperature, state_set, weights, reweighting)
    if reweighting is not None:
        named, names = tables.training.flat(state_sets[0].labels), state_sets[0].names
        own = _density_populations(representation, latents, latent, named, weights, len(names))
        tables.density_populations(model, temperature, own)


def _load_samples(path: str, latent: View) -> tuple[np.ndarray, np.ndarray, float]:
    """Latents ``(n, d)``, frame weights ``(N,)`` and their effective fraction before the bound of one samples file, checked."""
    arrays = load_arrays(path, "generated samples", ["latents", "frame_weights", "ess_fraction"])
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


def _density_populations(
    representation: TrainedSpib,
    latents: np.ndarray,
    latent: View,
    named: np.ndarray,
    weights: np.ndarray,
    n_named: int,
) -> np.ndarray:
    """Named populations ``(states,)`` of a density's samples ``(n, d)``.

    The shares of SPIB's states among the samples, times the weighted share of each named state among the training frames in
    them; ``named`` ``(N,)`` are the frames' named states.
    """
    n_own = representation.n_states
    own = np.bincount(representation.states(latents), minlength=n_own) / len(latents)
    joint = np.bincount(representation.states(latent.training_points) * n_named + named, weights, n_own * n_named)
    joint = joint.reshape(n_own, n_named)
    within = joint.sum(1, keepdims=True)
    shares = own @ np.divide(joint, within, out=np.zeros_like(joint), where=within > 0)
    return shares / shares.sum() if shares.sum() > 0 else np.full(n_named, np.nan)


def _baselines(
    study: Settings,
    reweighting: ConditionalReweighting,
    tables: ScoreRows,
    views: list[View],
    state_sets: list[StateSet],
) -> None:
    """Rows of the floor, the study's baselines and conditional reweighting in the given planes and state sets."""
    baselines = Baselines(study, tables.training)
    home = state_sets[0].label == "named"  # the baselines' own file; only it has rows that do not depend on the plane
    for T in study.temperatures.generated:
        for view in views:
            tables.divergences("floor", T, view, None)
        for state_set in state_sets:
            tables.md_populations(T, state_set)
            if state_set.label == "named":
                tables.exact_rows(T, state_set)
        if home:
            tables.pieces(T)
            tables.md_observables(T)
        for name in (*baselines.names, "conditional"):
            own = reweighting if name == "conditional" else None
            weights = reweighting.weights(T) if own else baselines.weights(name, T)
            if home:
                tables.effective_sample(name, T, weights)
                tables.observables(name, T, weights, own)
            for view in views:
                tables.divergences(name, T, view, tables.weighted(view, weights))
            for state_set in state_sets:
                tables.populations(name, T, state_set, weights, own)
        log.info("baselines: T=%s scored", format_temperature(T))


def _kinetics(
    study: Asked, model: str, tables: ScoreRows, plane: tuple[View, StateSet], representation: TrainedSpib
) -> None:
    """Kinetic scores of the model's own states at the training temperatures."""
    (latent, own), training = plane, tables.training
    lag, n_states = study.lag_of(model), len(own.names)
    held_out = held_out_units(training.n_walkers)
    for T in study.temperatures.train:
        labels, times, units = own.labels[T], training.counts[T] * training.linked(T, lag), training.unit_at(T)
        probabilities = representation.state_probabilities(latent.points[T][held_out])
        surprise = cross_entropy(probabilities, labels[held_out], lag, times[held_out], units[held_out])
        found = {
            "gmrq": (*gmrq(labels, lag, n_states, times=times, units=units), labels.size),
            "implied_timescale": (*slowest_timescale(labels, lag, n_states, times, units), labels.size),
            "held_out_cross_entropy": (*surprise, labels[held_out].size),
        }
        for metric, (value, stderr, n) in found.items():
            if np.isfinite(value):
                tables.add(model, T, "", metric, value, stderr=stderr, n_ref=n)
            else:
                log.warning(
                    "%s: too few transitions between states at T=%s, no %s", model, format_temperature(T), metric
                )
