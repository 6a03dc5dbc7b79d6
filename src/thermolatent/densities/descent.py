"""Gradient descent with early stopping and checkpoints, for densities on any samples."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from thermolatent.errors import Stopped
from thermolatent.progress import progress
from thermolatent.stopping import stop_signals

log = logging.getLogger(__name__)

_WARM_UP = 100
#: Seconds after which the state is saved between two evaluations.
KEEP_SECONDS = 10.0


class DescentSettings(Protocol):
    """Settings of a descent: ``learn`` of a study, or :class:`FitSettings`."""

    steps: int
    batch_size: int
    learning_rate: float
    evaluate_every: int
    patience: int


class Keeper(Protocol):
    """Where a descent saves its state (tensors and JSON values), so that a killed one can be resumed."""

    def save(self, state: dict[str, Any]) -> None: ...

    def load(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class FitSettings:
    """Settings of the optimisation.

    Attributes
    ----------
    steps: maximum number of optimiser steps.
    batch_size: samples per step.
    evaluate_every: steps between held-out evaluations.
    patience: evaluations without a better held-out objective before stopping.
    """

    steps: int = 4000
    batch_size: int = 4096
    learning_rate: float = 2e-3
    evaluate_every: int = 250
    patience: int = 8


def adam(parameters: Any, learning_rate: float) -> torch.optim.Adam:
    """Fused Adam: one call for all parameters, several times faster on small networks."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


class Descent:
    """Adam with a short warm-up and half a cosine to zero, and early stopping: the state with the best held-out
    objective is kept, and training stops when it has not improved for ``patience`` evaluations.

    A subclass provides the loss of a batch (:meth:`_losses`) and the held-out objective (:meth:`_judge`). A descent resumes
    from the state in ``keeper``; the result equals that of an uninterrupted run. The state is saved after each evaluation,
    every :data:`KEEP_SECONDS`, and on SIGTERM or SIGUSR1.

    Parameters
    ----------
    modules: modules whose state is saved, by name.
    parameters: the trainable parameters.
    generator: the source of all random numbers outside of the modules.

    Attributes
    ----------
    best: the best held-out objective.
    what: name of the training in the progress bar and the log.
    """

    what = "training"

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        parameters: list[Tensor],
        settings: DescentSettings,
        generator: torch.Generator,
        keeper: Keeper | None = None,
    ):
        self.modules, self.settings, self.generator, self._keeper = modules, settings, generator, keeper
        self.step, self.best, self.best_state, self.since_best = 0, float("inf"), self._weights(), 0
        self._note = ""
        self._since: list[Tensor] = []  # losses since the last evaluation: one batch alone is mostly noise
        self.optimiser = adam(parameters, settings.learning_rate)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        if keeper is not None and (state := keeper.load()) is not None:
            self._restore(state)
            log.info("going on at step %d", self.step)

    def fit(self) -> None:
        """Train and load the best state. Raises :class:`Stopped`, with the state saved, on a stop signal."""
        settings, kept = self.settings, time.monotonic()
        with stop_signals() as stop, progress(settings.steps, self.what, self.step) as bar:
            while self.step < settings.steps and self.since_best < settings.patience:
                self._since.append(self.advance())
                self.step += 1
                judged = self.step % settings.evaluate_every == 0 or self.step == settings.steps
                if judged:
                    with torch.no_grad():
                        self._consider(self._judge(torch.stack(self._since).mean(0)))
                    self._since.clear()
                    self._after_evaluation()
                bar.update(1, self._note)
                if judged or stop.is_set() or time.monotonic() - kept > KEEP_SECONDS:
                    self._save()
                    kept = time.monotonic()
                if stop.is_set():
                    saved = "" if self._keeper is None else ", all of them saved; run it again to go on"
                    raise Stopped(f"told to stop after {self.step} of {settings.steps} steps{saved}")
        self._load(self.best_state)
        log.info("stopped after %d steps, held-out objective %.4f", self.step, self.best)

    def _losses(self) -> tuple[Tensor, Tensor]:
        """Of one batch: the scalar to minimise, and the losses to record ``(k,)``."""
        raise NotImplementedError

    def _judge(self, losses: Tensor) -> float:
        """The held-out objective; ``losses`` ``(k,)`` are the recorded ones, averaged since the last evaluation."""
        raise NotImplementedError

    def _after_evaluation(self) -> None:
        """Hook after each evaluation."""

    def advance(self) -> Tensor:
        """Take one step; returns the recorded losses ``(k,)`` of its batch."""
        total, losses = self._losses()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()
        self.schedule.step()
        self.modules["density"].after_step()
        return losses.detach()

    def _consider(self, objective: float) -> None:
        self.since_best += 1
        if objective < self.best:
            self.best, self.best_state, self.since_best = objective, self._weights(), 0
        self._note = f"held-out objective {objective:.4f} (best {self.best:.4f})"

    def _rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / _WARM_UP)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.settings.steps)))

    def _save(self) -> None:
        if self._keeper is not None:
            self._keeper.save(self._state())

    def _state(self) -> dict[str, Any]:
        """The complete state from which training is resumed."""
        return {
            "step": self.step,
            "now": self._weights(),
            "best_state": self.best_state,
            "best": self.best,
            "since_best": self.since_best,
            "since": list(self._since),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._load(state["now"])
        self.step, self.best, self.since_best = state["step"], state["best"], state["since_best"]
        self.best_state = state["best_state"]
        self._since = [losses.to(self.generator.device) for losses in state["since"]]
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        return {
            name: {k: v.detach().clone() for k, v in module.state_dict().items()}
            for name, module in self.modules.items()
        }

    def _load(self, state: dict[str, dict[str, Tensor]]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
