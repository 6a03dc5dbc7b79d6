"""Stage ``represent``: train SPIB with its VampPrior and relabel until its states are stable."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from thermolatent.errors import Stopped
from thermolatent.files.artifacts import load_json, save_model
from thermolatent.frame_loading import load_frames
from thermolatent.frames import Frames
from thermolatent.progress import progress
from thermolatent.represent.labels import (
    SETTLED,
    initial_labels,
    order_by_population,
    order_parameters,
    place_representatives,
    predicted_states,
    refine,
)
from thermolatent.represent.noise import noise_ratio, warn_if_blurred
from thermolatent.represent.pairs import LaggedPairs, lagged_pairs
from thermolatent.represent.representation import spib_tensors
from thermolatent.represent.scaler import Scaler, new_spib
from thermolatent.represent.settings import Inputs, Outputs, Representation, Settings
from thermolatent.represent.spib import Spib, SpibSpec
from thermolatent.represent.tica import fit_tica, loadings, timescales
from thermolatent.rows import Rows, picked_at_once, transformed
from thermolatent.sampling import Sampler, held_out_units
from thermolatent.stopping import stop_signals
from thermolatent.training import Checkpoint, adam, checkpoint_of, pick_device, shuffled_batches

log = logging.getLogger(__name__)

_EVALUATION_PAIRS = 100_000
#: An epoch of fewer optimiser steps leaves a decoder of a hundred labels untrained, and relabelling then merges states: few
#: frames come in smaller batches, of at least so many pairs.
_LEAST_STEPS = 64
_LEAST_BATCH = 32


def run(job: Settings, inputs: Inputs, outputs: Outputs) -> None:
    """Train the representation of one seed; write it and its loss history."""
    settings, seed = job.representation, job.seed
    data = load_frames(inputs.frames)
    device = pick_device(job.device)
    features = data.rows()
    held_out = held_out_units(data.n_walkers)
    training_frames = np.flatnonzero(data.of_walkers(~held_out))
    ordered_by = order_parameters(data, settings.initial, settings.lag, ~held_out)
    labels = initial_labels(ordered_by, settings.initial_labels, seed)

    torch.manual_seed(seed)
    weights, about = _reduction(settings, data, inputs.frames[data.temperatures[0]].header, ~held_out)
    scaler = Scaler(features, training_frames, data.counts_of(training_frames))
    spib = new_spib(settings, scaler, int(labels.max()) + 1, weights).to(device)
    x = transformed(features, spib.standardise, device)
    seen = AllFrames(x, torch.from_numpy(labels).to(device), _on(device, data.counts_of()))
    pairs = (lagged_pairs(data, settings.lag, walkers) for walkers in (~held_out, held_out))
    training = SpibTraining(spib, seen, tuple(pairs), settings, seed, checkpoint_of(__name__, job, outputs.model, data))
    training.fit()
    at_T_ref = np.flatnonzero(data.theta(job.T_ref) == 1.0)
    spib = order_by_population(
        training.spib, x, torch.from_numpy(at_T_ref).to(device), _on(device, data.counts_of(at_T_ref))
    )
    ratio = noise_ratio(spib, x, data.counts_of())
    log.info("%d states; sigma/std(z) %s", spib.n_states, " ".join(f"{r:.3f}" for r in ratio))
    warn_if_blurred(ratio)
    save_model(
        outputs.model,
        "spib",
        {"spib": asdict(spib.spec), "seed": seed, "lag": settings.lag, "sigma_over_std": ratio.tolist(), **about},
        spib_tensors(spib),
    )
    training.history.save(outputs.history)
    training.checkpoint.remove()


def _reduction(
    settings: Representation, data: Frames, header: str, walkers: np.ndarray
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Loadings ``(n_features, components)`` of ``representation.tica`` or None, and the file's entry about them."""
    if settings.tica is None:
        return None, {}
    names = load_json(header, "features' header")["names"]
    model = fit_tica(data, settings.lag, walkers, settings.tica, "representation.tica: leave it out, since components")
    slow = timescales(model, settings.lag)
    log.info("tICA: %d components of %d features, timescales %s frames", len(slow), len(names), np.round(slow, 1))
    return loadings(model, len(names)), {"tica": {"features": names, "timescales": slow}}


def _on(device: torch.device, counts: np.ndarray | None) -> Tensor | None:
    return None if counts is None else torch.from_numpy(counts).to(device)


class AllFrames(NamedTuple):
    """SPIB's training data.

    Attributes
    ----------
    x: inputs of the encoder, ``(N, n)``, in memory or mapped.
    labels: ``(N,)`` initial labels.
    counts: how often each frame counts, ``(N,)``; None for equal counts.
    """

    x: Rows
    labels: Tensor
    counts: Tensor | None = None


class SpibTraining:
    """The refinement loop (docs/theory.md, section 1): train to convergence, relabel, rebuild the optimiser, repeat.

    Parameters
    ----------
    pairs: frames one lag apart, for training and held out.

    Attributes
    ----------
    spib, labels, history: the results.
    """

    def __init__(
        self,
        spib: Spib,
        frames: AllFrames,
        pairs: tuple[LaggedPairs, LaggedPairs],
        settings: Representation,
        seed: int,
        checkpoint: Checkpoint,
    ):
        self.spib, self.settings, self.checkpoint = spib, settings, checkpoint
        self.x, self.labels, self.counts = x, labels, counts = frames
        training, held_out = pairs
        self.training = training.to(x.device)
        self.sampler = Sampler(len(training.now), training.counts)
        self.held_out = held_out.thinned(picked_at_once(x, _EVALUATION_PAIRS)).to(x.device)
        self.generator = torch.Generator(x.device).manual_seed(seed)
        self.history, self._keeper = checkpoint.history, checkpoint.part("spib")
        self.refinement, self.epochs_done = 0, 0
        if (state := self._keeper.load()) is not None:
            self._restore(state)
        else:
            place_representatives(spib, x, labels, counts)
            self._begin()

    def fit(self) -> None:
        """Refine until the labels have converged."""
        with stop_signals() as stop:
            while True:
                self._train(stop)
                if self.refinement == self.settings.refinements or self._relabel() < SETTLED:
                    break
                self.refinement += 1
                self._begin()
                self._save()
        kept = torch.unique(predicted_states(self.spib, self.x))
        self.spib = self.spib.with_states(kept)

    def _begin(self) -> None:
        """Start a refinement: a new optimiser, and the counters of progress."""
        self.optimiser = adam(self.spib.parameters(), self.settings.learning_rate)
        self.epoch, self.best, self.without_progress = 0, float("inf"), 0

    def _train(self, stop: threading.Event) -> None:
        """Train until the loss improves by less than ``tolerance`` for ``patience`` epochs."""
        settings = self.settings
        with progress(settings.epochs, f"SPIB, refinement {self.refinement}, epochs", self.epoch) as bar:
            while self.epoch < settings.epochs and self.without_progress < settings.patience:
                loss = self._one_epoch(stop)
                self.epoch, self.epochs_done = self.epoch + 1, self.epochs_done + 1
                self.history.add(f"refinement {self.refinement}", self.epochs_done, loss=loss, **self._evaluate())
                self.without_progress = 0 if loss < self.best - settings.tolerance else self.without_progress + 1
                self.best = min(self.best, loss)
                self._save()
                bar.update(1, f"loss {loss:.4f}")
        last = self.history.rows[-1]
        log.info(
            "refinement %d: %d states, held-out cross-entropy %.4f after %d epochs, %.0f s",
            self.refinement,
            self.spib.n_states,
            last["held_out_cross_entropy"],
            self.epochs_done,
            last["seconds"],
        )

    def _one_epoch(self, stop: threading.Event) -> float:
        """The mean training loss. Raises :class:`Stopped` on a stop signal; all earlier epochs are saved."""
        settings, spib = self.settings, self.spib
        size = min(settings.batch_size, max(_LEAST_BATCH, len(self.training.now) // _LEAST_STEPS))
        total, count = torch.zeros((), device=self.x.device), 0
        columns = (self.x, self.training.now), (self.labels, self.training.later)
        for x, y in shuffled_batches(size, self.generator, *columns, sampler=self.sampler):
            noise = torch.randn(len(x), spib.latent_dim, generator=self.generator, device=x.device)
            terms = spib.terms(x, y, noise)
            loss = terms.cross_entropy + settings.beta_ib * (terms.log_q + terms.neg_log_r)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            total += loss.detach() * len(x)
            count += len(x)
            if stop.is_set():
                raise Stopped(f"told to stop after {self.epochs_done} epochs, all of them saved; run it again to go on")
        return float(total) / count

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        noise_source = torch.Generator(self.x.device).manual_seed(0)
        x, y = self.x[self.held_out.now], self.labels[self.held_out.later]
        noise = torch.randn(len(x), self.spib.latent_dim, generator=noise_source, device=x.device)
        terms = self.spib.terms(x, y, noise)
        return {
            "held_out_cross_entropy": float(terms.cross_entropy),
            "held_out_rate": float(terms.log_q + terms.neg_log_r),
            "states": self.spib.n_states,
        }

    def _relabel(self) -> float:
        """Refine the labels; returns the share of frames whose label changed."""
        moved = (predicted_states(self.spib, self.x) != self.labels).float()
        changed = float(moved.mean() if self.counts is None else (self.counts * moved).mean())
        self.spib, self.labels = refine(self.spib, self.x, f"refinement {self.refinement}", self.counts)
        return changed

    def _save(self) -> None:
        self._keeper.save(
            {
                "refinement": self.refinement,
                "epoch": self.epoch,
                "epochs": self.epochs_done,
                "best": self.best,
                "without_progress": self.without_progress,
                "spec": asdict(self.spib.spec),
                "spib": self.spib.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "labels": self.labels,
                "generator": self.generator.get_state(),
            }
        )

    def _restore(self, state: dict[str, Any]) -> None:
        self.spib = Spib(SpibSpec(**state["spec"])).to(self.x.device)
        self.spib.load_state_dict(state["spib"])
        self.labels = state["labels"].to(self.x.device)
        self._begin()
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.refinement, self.epochs_done = state["refinement"], state["epochs"]
        self.epoch, self.best, self.without_progress = state["epoch"], state["best"], state["without_progress"]
        log.info("going on at refinement %d, epoch %d", self.refinement, self.epoch)
