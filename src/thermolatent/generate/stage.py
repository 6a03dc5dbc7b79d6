"""Stage ``generate``: the ensemble at every temperature of the study, training ones included."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np

from thermolatent.densities.fit import FittedDensity
from thermolatent.densities.tabulated import LogDensity
from thermolatent.digest import job_digest
from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.artifacts import load_arrays, save_arrays
from thermolatent.files.manifest import save_manifest
from thermolatent.files.paths import paths_in
from thermolatent.frame_loading import load_frames
from thermolatent.generate.settings import Inputs, Outputs, Settings
from thermolatent.generate.structures import StateMedoids, TrainingTrajectories, drawn_frames, write_dcd
from thermolatent.generate.weights import ModelWeights
from thermolatent.learn.model import Model
from thermolatent.progress import progress
from thermolatent.reweight.estimator import ConditionalReweighting

log = logging.getLogger(__name__)

#: Points per axis of the free-energy surfaces.
_GRID = 100
_BASE_SAMPLES = 20_000


def run(settings: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Write samples, frame weights and structures at each temperature, and surfaces over the learning range.

    Temperatures with files of this model, code and settings are skipped.
    """
    sizes, seed = settings.generate, settings.seed
    trained = Model.load(inputs.model)
    digest = _digest(settings, inputs.model)
    data = load_frames(inputs.frames)
    reweighting = ConditionalReweighting.load(inputs.reweighting, data) if inputs.reweighting else None
    weights = ModelWeights(trained, data, reweighting)
    trajectories = TrainingTrajectories(data, inputs.trajectories)
    medoids = StateMedoids(settings, trajectories, inputs.topology) if outputs.medoids else None
    for T in progress(settings.temperatures, "ensembles"):
        structures = (outputs.structures[T], outputs.medoids[T]) if medoids else ()
        if _finished(outputs.samples[T], digest, structures, sizes.samples):
            log.info("T%s is there already", T)
            continue
        log_w, fraction = weights.log_weights(T)
        drawn = draw_samples(trained, sizes.samples, T, seed, weights.log_density)
        if medoids:
            write_dcd(structures[0], trajectories.positions(drawn_frames(log_w, sizes.structures, seed)))
            medoids.write(structures[1], T, log_w, seed)
        save_arrays(
            outputs.samples[T],
            {
                **drawn,
                "frame_weights": np.exp(log_w),
                "ess_fraction": np.array(fraction),
                "model_digest": np.array(digest),
            },
        )
        log.info("T%s: %d samples, effective frames %.1f %%", T, sizes.samples, 100 * fraction)
    save_arrays(outputs.surfaces, surfaces(settings, trained, weights.latents))
    save_manifest(outputs.listing, [path for path in paths_in(outputs) if path != outputs.listing])


def draw_samples(
    model: FittedDensity, n: int, temperature: float, seed: int, log_density: LogDensity | None = None
) -> dict[str, np.ndarray]:
    """Exactly ``n`` samples: ``latents`` ``(n, d)``, ``log_density`` ``(n,)``, and for a :class:`Model`
    ``state_probabilities`` ``(n, n_states)``.

    ``log_density``: of the model, where it was tabulated before; by default it is tabulated over the samples.

    Raises :class:`ThermolatentError` with the number of samples that are not finite; none is dropped.
    """
    # One seed per temperature, so that temperatures do not share base points.
    own_seed = int(np.random.SeedSequence([seed, round(temperature * 1e6)]).generate_state(1)[0])
    if model.density.by_ode and model.dim > 2:  # too many dimensions for a table
        latents, log_p = model.sample_with_log_prob(n, temperature, own_seed)
    else:
        latents = model.sample(n, temperature, own_seed)
        log_p = (log_density or LogDensity(model, latents))(latents, temperature)
    if bad := int((~(np.isfinite(latents).all(1) & np.isfinite(log_p))).sum()):
        raise ThermolatentError(
            f"{bad} of {n} samples at T = {temperature} are not finite; train the model longer or with a lower learning rate"
        )
    drawn = {"latents": latents, "log_density": log_p.astype(np.float32)}
    if isinstance(model, Model):
        drawn["state_probabilities"] = model.representation.state_probabilities(latents)
    return drawn


def surfaces(settings: Settings, model: Model, latents: np.ndarray) -> dict[str, np.ndarray]:
    """Free energies in kT on a grid of temperatures, evenly spaced over the learning range.

    For d <= 2 from the density; for d > 2 along the first two coordinates, from samples.

    Returns ``temperatures`` ``(m,)``, ``axes`` ``(d or 2, points)``, ``free_energy`` ``(m, points[, points])`` with
    minimum 0, and, if the model has a base density, ``base_samples`` ``(k, d)`` of it at T_ref.
    """
    temperatures = np.linspace(*settings.temperature_range, settings.generate.grid)
    shown = latents[:, :2]
    low, high = shown.min(0), shown.max(0)
    margin = 0.05 * (high - low)
    axes = np.stack([np.linspace(a - m, b + m, _GRID) for a, b, m in zip(low, high, margin, strict=True)])
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    free_energy = []
    for T in temperatures:
        if model.representation.latent_dim <= 2:
            F = -model.log_prob(points.reshape(-1, points.shape[-1]), T).reshape(points.shape[:-1])
        else:
            edges = [np.linspace(a[0], a[-1], _GRID + 1) for a in axes]
            z = model.sample(settings.generate.samples, T, settings.seed)
            with np.errstate(divide="ignore"):
                F = -np.log(np.histogram2d(z[:, 0], z[:, 1], bins=edges)[0])
        free_energy.append(F - F.min())
    result = {"temperatures": temperatures, "axes": axes, "free_energy": np.asarray(free_energy, np.float32)}
    if (base := model.sample_base(_BASE_SAMPLES, settings.T_ref, settings.seed)) is not None:
        result["base_samples"] = base
    return result


def _digest(settings: Settings, path: str) -> str:
    """Digest of the model, code and settings that determine the files of one temperature."""
    text = job_digest(__name__, settings) + settings.generate.model_dump_json(include={"samples", "structures"})
    text += settings.states.model_dump_json()
    return hashlib.sha256(Path(path).read_bytes() + text.encode()).hexdigest()


def _finished(samples: str, digest: str, structures: tuple[str, ...], n: int) -> bool:
    """Whether the ``n`` samples of this digest and the structures exist; incomplete or unreadable files are written again."""
    try:
        there = load_arrays(samples, "samples")
    except ArtifactError:
        return False
    complete = all(Path(path).is_file() for path in structures)
    return complete and str(there.get("model_digest")) == digest and len(there.get("latents", ())) == n
