"""Stage ``learn``: a density model of p(z|T) on a pre-trained representation, with the encoder frozen or trained jointly."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thermolatent.densities.base import Density
from thermolatent.densities.descent import Descent
from thermolatent.densities.fit import Split, build_density, fit_samples
from thermolatent.densities.tau import search_tau
from thermolatent.errors import TrainingError
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.learn.informed import InformedPool
from thermolatent.learn.model import Model
from thermolatent.learn.settings import Inputs, Outputs, Settings
from thermolatent.represent.labels import SETTLED, order_by_population, predicted_states
from thermolatent.represent.pairs import LaggedPairs, lagged_pairs
from thermolatent.represent.representation import load_representation, posterior
from thermolatent.represent.spib import Spib
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.rows import picked_at_once, transformed
from thermolatent.sampling import Sampler, held_out_units
from thermolatent.training import Checkpoint, checkpoint_of, pick_device

log = logging.getLogger(__name__)

_EVALUATION_PAIRS = 50_000
#: Share of an informed batch that is drawn from the pool; the rest are training frames at their own temperatures.
_INFORMED_SHARE = 0.5
_POOL_STEPS = 256


def run(settings: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Train one model with one seed; write it and its loss history."""
    training = begin(settings, inputs, outputs.model)
    training.fit()
    about = training.about | {"held_out": training.best}
    trained = Model(training.numbered().cpu(), training.density.cpu(), about)
    trained.save(outputs.model)
    training.history.save(outputs.history)
    training.checkpoint.remove()


def begin(settings: Settings, inputs: Inputs, model_file: str) -> DensityTraining:
    """A training before its first step, or where its checkpoint beside ``model_file`` was written."""
    spec, seed = settings.model, settings.seed
    data = load_frames(inputs.frames)
    spib = load_representation(inputs.spib).spib
    about = {
        **spec.model_dump(mode="json"),
        "T_ref": settings.T_ref,
        "theta_range": list(settings.theta_range),
        "temperatures": list(data.temperatures),
        "counts": data.frames_at,
        "lag": settings.lag,
        "seed": seed,
    }
    files = [inputs.spib, *([inputs.reweighting] if inputs.reweighting else [])]
    checkpoint = checkpoint_of(__name__, settings, model_file, data, files)
    _resolve_tau(settings, data, spib, about, checkpoint)
    torch.manual_seed(seed)
    density = build_density(about["density"], spib.latent_dim, spec.temperature, settings.theta_range)
    if spec.density.kind == "vampprior" and spec.encoder == "joint":
        raise TrainingError(
            f"models.{settings.name}: the vampprior belongs to the encoder that it was trained with; write encoder: frozen"
        )
    density.from_representation(spib)
    reweighting = ConditionalReweighting.load(inputs.reweighting, data) if inputs.reweighting else None
    return DensityTraining(settings, data, spib, density, reweighting, checkpoint, about)


def _resolve_tau(job: Settings, data: Frames, spib: Spib, about: dict[str, Any], checkpoint: Checkpoint) -> None:
    """Replace ``tau: auto`` by a number and record the search in ``about`` and the history.

    The latents are those of the pre-trained encoder, also for a joint model: candidates are compared on the same samples.
    Scores in the checkpoint are not computed again.
    """
    latents, part = cache(lambda: _latent_split(job, data, spib)), checkpoint.part("tau")

    def score(spec: dict[str, Any], settings: Any) -> float:
        ways, seed, trial = about["temperature"], about["seed"], checkpoint.part(f"tau {spec['tau']:g}")
        return fit_samples(spec, latents(), ways, about["theta_range"], settings, seed, trial).best

    def scored(scores: dict[float, float], settings: Any) -> None:
        tau, held_out = list(scores.items())[-1]
        checkpoint.history.add("tau", len(scores) * settings.steps, tau=tau, held_out=held_out)
        part.save(scores)

    about["density"], search = search_tau(about["density"], job.learn, score, part.load(), scored)
    if search is not None:
        about["tau_search"] = search


@torch.no_grad()
def _latent_split(job: Settings, data: Frames, spib: Spib) -> Split:
    """Noised latents of the training walkers, and of the held-out ones, on the training device."""
    device = pick_device(job.learn.device_for(job.learn.batch_size))
    mean, sigma = posterior(spib, transformed(data.rows(), spib.standardise, torch.device("cpu")))
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(job.seed))
    z, theta = torch.addcmul(mean, sigma, noise), torch.from_numpy(data.theta(job.T_ref))
    held = data.of_walkers(held_out_units(data.n_walkers))
    parts = []
    for mask in (~held, held):
        rows = np.flatnonzero(mask)
        rows = rows[Sampler(len(rows), data.counts_of(rows)).thinned(len(rows)).numpy()]
        parts += [z[rows], theta[rows]]
    return Split(*parts).to(device)


class DensityTraining(Descent):
    """Minimise E[-ln r(z|T)] and, with a joint encoder, the whole objective of :mod:`thermolatent.represent.spib`.

    A joint encoder is trained first, for at most half of the steps, by the whole objective, cross-entropy + beta_ib E[ln q -
    ln r]. Then it is frozen and the density alone is trained by E[-ln r], which is comparable only for a fixed encoder
    (shrinking z lowers it). Each part keeps its best state by its held-out objective, on whole walkers at the training
    temperatures, and stops when that has not improved for ``learn.patience`` evaluations.

    Parameters
    ----------
    reweighting: estimator whose frame weights are used for training; None for a model that is not informed.
    about: what the model's file tells of it.
    """

    def __init__(
        self,
        job: Settings,
        data: Frames,
        spib: Spib,
        density: Density,
        reweighting: ConditionalReweighting | None,
        checkpoint: Checkpoint,
        about: dict[str, Any],
    ):
        settings, seed, self.beta_ib = job.learn, job.seed, job.beta_ib
        self.checkpoint, self.about = checkpoint, about
        self.joint = joint = job.model.encoder == "joint"  # whether the encoder is being trained now
        self.relabels = job.model.relabel
        self.device = pick_device(settings.device_for(settings.batch_size))
        self.spib, self.density = spib.to(self.device), density.to(self.device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.x = transformed(data.rows(), self.spib.standardise, self.device)
        self.T_ref = job.T_ref
        self.theta = torch.from_numpy(data.theta(self.T_ref)).to(self.device)
        held = held_out_units(data.n_walkers)
        self.labels = predicted_states(self.spib, self.x)
        counts = data.counts_of()
        self._counts = None if counts is None else torch.from_numpy(counts).to(self.device)
        self.training = lagged_pairs(data, job.lag, ~held).to(self.device)
        self.sampler = Sampler(len(self.training.now), self.training.counts)
        pairs = lagged_pairs(data, job.lag, held)
        self.held_out: LaggedPairs = pairs.thinned(picked_at_once(self.x, _EVALUATION_PAIRS)).to(self.device)
        self.pool = None
        if reweighting is not None:
            low, high = job.temperature_range
            self.pool = InformedPool(
                reweighting.weights,
                (1 / high, 1 / low),
                data.frame_counts * data.of_walkers(~held),
                np.repeat(data.temperatures, data.frames_at),
                round(settings.batch_size * _INFORMED_SHARE),
                _POOL_STEPS,
                seed,
            )
        self._posterior = posterior(self.spib, self.x)
        mean, sigma = self._posterior
        rows = self.training.now[
            self.sampler.batch(100_000, self.generator)
        ]  # no held-out walker is in the density's scale
        noise = torch.randn(len(rows), mean.shape[1], generator=self.generator, device=self.device)
        density.fit_scale(mean[rows] + sigma[rows] * noise)
        self.history = checkpoint.history
        self.history.resume(self.history.rows)  # the clock: time since the last row was not spent on training
        parameters = [*density.parameters(), *(self.spib.parameters() if joint else [])]
        modules = {"spib": self.spib, "density": density}
        super().__init__(modules, parameters, settings, self.generator, checkpoint.part("density"))

    def numbered(self) -> Spib:
        """The encoder; where frames were relabelled, with the states that are left, by falling population at T_ref."""
        if not self.relabels:
            return self.spib
        spib = self.spib.with_states(torch.unique(predicted_states(self.spib, self.x)))
        at_T_ref = torch.nonzero(self.theta == 1.0).squeeze(1)
        counts = None if self._counts is None else self._counts[at_T_ref]
        return order_by_population(spib, self.x, at_T_ref, counts)

    def _after_evaluation(self) -> None:
        settings = self.settings
        if self.joint and self.relabels:
            self._relabel()
        if self.joint and (self.since_best >= settings.patience or 2 * self.step >= settings.steps):
            self._freeze_encoder()

    def _relabel(self) -> None:
        """Label every frame by its predicted state; the objective is then another, whose best state is yet to come."""
        labels = predicted_states(self.spib, self.x)
        if (left := len(torch.unique(labels))) < 2:
            raise TrainingError(
                f"step {self.step}: only one state is left; lower the lag or beta_ib, or leave relabel out"
            )
        if float((labels != self.labels).float().mean()) >= SETTLED:
            log.info("relabelled after %d steps: %d states", self.step, left)
            self.labels, self.best, self.best_state, self.since_best = labels, float("inf"), self._weights(), 0

    def _freeze_encoder(self) -> None:
        """End the joint part: keep its best state and train the density alone."""
        log.info("encoder frozen after %d steps, held-out objective %.4f", self.step, self.best)
        self._load(self.best_state)
        self.joint, self._posterior = False, posterior(self.spib, self.x)
        self.best, self.since_best = float("inf"), 0

    def _losses(self) -> tuple[Tensor, Tensor]:
        """Total loss, and the recorded losses: of the density and, with a joint encoder, the cross-entropy, ``(1 or 2,)``."""
        n_informed = self.pool.per_step if self.pool is not None else 0
        n_training = self.settings.batch_size - n_informed
        now, later = self.training.now, self.training.later
        chosen = self.sampler.batch(n_training, self.generator)
        rows, theta = now[chosen], self.theta[now[chosen]]
        if self.pool is not None:
            drawn, temperatures = self.pool.draw(self.step)
            rows = torch.cat([rows, torch.from_numpy(drawn).to(self.device)])
            extra = torch.from_numpy((temperatures / self.T_ref).astype(np.float32)).to(self.device)
            theta = torch.cat([theta, extra])
        noise = torch.randn(len(rows), self.spib.latent_dim, generator=self.generator, device=self.device)
        if self.joint:
            # Only training pairs have a label one lag later; frames of the pool have none and enter neg_log_r only.
            y = torch.cat([self.labels[later[chosen]], torch.full((n_informed,), -100, device=self.device)])
            terms = self.spib.terms(self.x[rows], y, noise, self.density, theta, self.beta_ib)
            total = terms.cross_entropy + self.beta_ib * terms.log_q + terms.neg_log_r
            losses = torch.stack([terms.neg_log_r, terms.cross_entropy])
        else:
            mean, sigma = self._posterior
            total = self.density.loss(torch.addcmul(mean[rows], sigma[rows], noise), theta)
            losses = total[None]
        return total, losses

    def _judge(self, losses: Tensor) -> float:
        now, later = self.held_out.now, self.held_out.later
        fixed = torch.Generator(self.device).manual_seed(0)
        noise = torch.randn(len(now), self.spib.latent_dim, generator=fixed, device=self.device)
        terms = self.spib.terms(self.x[now], self.labels[later], noise, self.density, self.theta[now])
        objective = terms.neg_log_r
        if self.joint:
            objective = terms.cross_entropy + self.beta_ib * (terms.log_q + terms.neg_log_r)
        objective = float(objective)
        self.history.add(
            "joint" if self.joint else "density",
            self.step,
            **dict(zip(("loss", "cross_entropy"), losses.tolist(), strict=False)),
            held_out=objective,
            held_out_neg_log_r=float(terms.neg_log_r),
            held_out_cross_entropy=float(terms.cross_entropy),
            held_out_rate=float(terms.log_q + terms.neg_log_r),
        )
        return objective

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "joint": self.joint, **({"labels": self.labels} if self.relabels else {})}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.joint, self._posterior = state["joint"], posterior(self.spib, self.x)
        self.labels = state["labels"].to(self.device) if self.relabels else self.labels
