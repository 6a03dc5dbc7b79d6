"""Stage ``learn``: a density model of p(z|T) on a pre-trained representation, with the encoder frozen or trained jointly."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thermolatent.config import Study
from thermolatent.densities.base import Density
from thermolatent.densities.descent import Descent
from thermolatent.densities.fit import Split, build_density, fit_samples
from thermolatent.densities.tau import search_tau
from thermolatent.errors import TrainingError
from thermolatent.layout import Layout
from thermolatent.learn.dataset import TrainingData, frame_mask, held_out_walkers, lagged_pairs, load_training
from thermolatent.learn.informed import InformedPool
from thermolatent.learn.labels import predicted_states
from thermolatent.learn.model import Model
from thermolatent.learn.representation import load_representation
from thermolatent.learn.reweight import FrameWeights, fit_potential
from thermolatent.learn.spib import Spib
from thermolatent.learn.training import Checkpoint, History, pick_device

log = logging.getLogger(__name__)

_EVALUATION_PAIRS = 50_000
#: Share of an informed batch that is drawn by weight; the rest are training frames at their own temperatures.
_INFORMED_SHARE = 0.5
_POOL_STEPS = 256


def run(study: Study, layout: Layout, model: str, seed: int) -> None:
    """Train one model of one seed and write ``learn/<model>/seed<seed>.safetensors`` with its history."""
    spec = study.models[model]
    data = load_training(study, layout)
    spib = load_representation(layout.spib(seed)).spib
    low, high = (T / study.temperatures.T_ref for T in study.temperature_range)
    about = {
        "density": spec.density.model_dump(mode="json"),
        "temperature": list(spec.temperature),
        "informed": spec.informed,
        "encoder": spec.encoder,
        "T_ref": study.temperatures.T_ref,
        "theta_range": [low, high],
        "temperatures": list(data.temperatures),
        "counts": data.counts,
        "lag": study.representation.lag,
        "seed": seed,
    }
    history = History()
    searching = _resolve_tau(study, data, spib, about, layout.model(model, seed), history)
    torch.manual_seed(seed)
    density = build_density(about["density"], spib.latent_dim, spec.temperature, (low, high))
    if spec.density.kind == "vampprior" and spec.encoder == "joint":
        raise TrainingError(
            f"models.{model}: SPIB's mixture belongs to the encoder it was trained with; write encoder: frozen"
        )
    density.from_representation(spib)
    weights = FrameWeights(study, layout, seed, data) if spec.informed else None
    settings = _that_decide(study, about)
    training = DensityTraining(
        study,
        data,
        spib,
        density,
        spec.encoder == "joint",
        weights,
        seed,
        Checkpoint(layout.model(model, seed), settings),
        history,
    )
    training.fit()
    about["held_out"] = training.best
    trained = Model(training.spib.cpu(), training.density.cpu(), about)
    if spec.informed:
        latents = trained.representation.encode(data.flat(data.features))
        trained.latent_potential = fit_potential(study, data, latents, seed, weights.preferred, training.history)
    trained.save(layout.model(model, seed))
    training.history.save(layout.history(layout.model(model, seed)))
    training.checkpoint.remove()
    searching.remove()


def _that_decide(study: Study, about: dict[str, Any]) -> list[Any]:
    """What a checkpoint must have been made under."""
    return [about, study.model_dump(mode="json", include={"learn", "representation"})]


def _resolve_tau(
    study: Study, data: TrainingData, spib: Spib, about: dict[str, Any], model_file: str, history: History
) -> Checkpoint:
    """Put a number in place of ``tau: auto``, and the search into ``about`` and ``history``.

    On the latents of the pre-trained encoder, for a joint model too: candidates are compared on the same samples. Returns
    the search's own checkpoint, whose scores save a resumed training from searching again.
    """
    checkpoint = Checkpoint(model_file.removesuffix(".safetensors") + ".tau", _that_decide(study, about))
    latents = cache(lambda: _latent_split(study, data, spib, about["seed"]))

    def score(spec: dict[str, Any], settings: Any) -> float:
        return fit_samples(spec, latents(), about["temperature"], about["theta_range"], settings, about["seed"]).best

    def scored(scores: dict[float, float], settings: Any) -> None:
        tau, held_out = list(scores.items())[-1]
        history.add("tau", len(scores) * settings.steps, tau=tau, held_out=held_out)
        checkpoint.save({"scores": scores, "history": history.rows})

    known = checkpoint.load() or {"scores": {}, "history": []}
    history.resume(known["history"])
    about["density"], search = search_tau(about["density"], study.learn, score, known["scores"], scored)
    if search is not None:
        about["tau_search"] = search
    return checkpoint


@torch.no_grad()
def _latent_split(study: Study, data: TrainingData, spib: Spib, seed: int) -> Split:
    """Noised latents of the training walkers, and of the held-out ones, on the training device."""
    device = pick_device(study.learn.device)
    mean, log_sigma = spib.posterior(spib.standardise(torch.from_numpy(data.flat(data.features))))
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
    z, theta = torch.addcmul(mean, log_sigma.exp().expand_as(mean), noise), torch.from_numpy(data.theta())
    held = torch.from_numpy(frame_mask(data, held_out_walkers(study.simulate.walkers, study.learn.held_out)))
    return Split(z[~held], theta[~held], z[held], theta[held]).to(device)


class DensityTraining(Descent):
    """Optimise E[-ln r(z|T)], and with a joint encoder the whole objective of :mod:`thermolatent.learn.spib`.

    Each part stops when its held-out objective, on whole walkers at the training temperatures, has not improved for
    ``learn.patience`` evaluations, and its best state is kept. A joint encoder comes first, for at most half of the
    steps: its objective is the whole one, cross-entropy + beta_ib E[ln q - ln r]. Then it is frozen and the density goes
    on by E[-ln r], which compares states only while z stands still (shrinking z lowers it).

    Parameters
    ----------
    joint: whether the encoder and decoder go on learning.
    weights: frame weights for informed training, or None.
    history: where losses are recorded.
    """

    def __init__(
        self,
        study: Study,
        data: TrainingData,
        spib: Spib,
        density: Density,
        joint: bool,
        weights: FrameWeights | None,
        seed: int,
        checkpoint: Checkpoint,
        history: History,
    ):
        settings, self.beta_ib = study.learn, study.representation.beta_ib
        self.joint = joint  # whether the encoder is learning now
        self.checkpoint = checkpoint
        self.device = pick_device(settings.device)
        self.spib, density = spib.to(self.device), density.to(self.device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        # In time, as the next state is needed; frames are picked through ``pairs`` and ``drawn``, which know their weights.
        self.x = self.spib.standardise(torch.from_numpy(data.in_time(data.features)).to(self.device))
        self.drawn = torch.from_numpy(data.places()).to(self.device)
        self.theta = torch.from_numpy(data.theta()).to(self.device)
        self.T_ref = data.T_ref
        held = held_out_walkers(study.simulate.walkers, settings.held_out)
        lag = study.representation.lag
        self.labels = predicted_states(self.spib, self.x)
        self.training = self._to_device(lagged_pairs(data, lag, ~held))
        pairs = lagged_pairs(data, lag, held)
        stride = -(-len(pairs.now) // _EVALUATION_PAIRS)
        self.held_out = tuple(i[::stride] for i in self._to_device(pairs))
        self.pool = None
        if weights is not None:
            temperature_range = study.temperature_range
            self.pool = InformedPool(
                lambda T: weights.log_weights(weights.preferred, T),
                (1 / temperature_range[1], 1 / temperature_range[0]),
                frame_mask(data, ~held),
                np.repeat(data.temperatures, data.counts),
                round(settings.batch_size * _INFORMED_SHARE),
                _POOL_STEPS,
                seed,
            )
        self._posterior = self._encode()
        mean, sigma = self._posterior
        rows = self.drawn[torch.randint(len(mean), (100_000,), generator=self.generator, device=self.device)]
        noise = torch.randn(len(rows), mean.shape[1], generator=self.generator, device=self.device)
        density.fit_scale(mean[rows] + sigma[rows] * noise)
        self.history = history
        history.resume(history.rows)  # its clock: what was done since the last row is no training
        parameters = [*density.parameters(), *(self.spib.parameters() if joint else [])]
        super().__init__({"spib": self.spib, "density": density}, parameters, settings)
        self._resume(checkpoint.load())

    def _after_evaluation(self) -> None:
        settings = self.settings
        if self.joint and (self.since_best >= settings.patience or 2 * self.step >= settings.steps):
            self._freeze_encoder()
        self._save()

    def _freeze_encoder(self) -> None:
        """End of the joint part: keep its best state and go on with the density alone."""
        log.info("encoder frozen after %d steps, held-out objective %.4f", self.step, self.best)
        self._load(self.best_state)
        self.joint, self._posterior = False, self._encode()
        self.best, self.since_best = float("inf"), 0

    @torch.no_grad()
    def _encode(self) -> tuple[Tensor, Tensor]:
        """Mean and sigma of q(z|x) of every frame, each ``(N, d)``."""
        mean, log_sigma = self.spib.posterior(self.x)
        return mean, log_sigma.exp().expand_as(mean)

    def _losses(self) -> tuple[Tensor, Tensor]:
        """Recorded are the density's loss and, with a joint encoder, the cross-entropy: ``(1 or 2,)``."""
        n_informed = self.pool.per_step if self.pool is not None else 0
        n_training = self.settings.batch_size - n_informed
        now, later = self.training
        chosen = torch.randint(len(now), (n_training,), generator=self.generator, device=self.device)
        rows, theta = now[chosen], self.theta[now[chosen]]
        if self.pool is not None:
            drawn, temperatures = self.pool.draw(self.step)
            rows = torch.cat([rows, self.drawn[torch.from_numpy(drawn).to(self.device)]])
            extra = torch.from_numpy((temperatures / self.T_ref).astype(np.float32)).to(self.device)
            theta = torch.cat([theta, extra])
        noise = torch.randn(len(rows), self.spib.latent_dim, generator=self.generator, device=self.device)
        if self.joint:
            # Labels exist one lag later only for the training pairs; drawn frames teach the density and, through
            # beta_ib, the encoder, but say nothing of the next state.
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
        now, later = self.held_out
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
        )
        return objective

    def _to_device(self, pairs: Any) -> tuple[Tensor, Tensor]:
        return pairs.now.to(self.device), pairs.later.to(self.device)

    def _save(self) -> None:
        self.checkpoint.save(
            {
                "now": self._state(),
                "joint": self.joint,
                "best_state": self.best_state,
                "best": self.best,
                "since_best": self.since_best,
                "step": self.step,
                "optimiser": self.optimiser.state_dict(),
                "schedule": {"last_epoch": self.schedule.last_epoch},
                "generator": self.generator.get_state(),
                "history": self.history.rows,
            }
        )

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self._load(state["now"])
        self.joint, self._posterior = state["joint"], self._encode()
        self.best_state, self.best, self.since_best = state["best_state"], state["best"], state["since_best"]
        self.step = state["step"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.last_epoch = state["schedule"]["last_epoch"]
        self.generator.set_state(state["generator"])
        self.history.resume(state["history"])
        log.info("continuing at step %d from %s", self.step, self.checkpoint.path)
