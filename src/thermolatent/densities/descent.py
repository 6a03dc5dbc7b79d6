"""How a density is optimised, whatever its samples come from."""

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
#: Seconds after which the state is kept between two evaluations.
KEEP_SECONDS = 10.0


class DescentSettings(Protocol):
    """What a descent reads of its settings: ``learn`` of a study, or :class:`FitSettings`."""

    steps: int
    batch_size: int
    learning_rate: float
    evaluate_every: int
    patience: int


class Keeper(Protocol):
    """Where a descent leaves its state (tensors, and what JSON holds), so that a killed one goes on."""

    def save(self, state: dict[str, Any]) -> None: ...

    def load(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class FitSettings:
    """Optimiser steps at the most, samples per step, steps between held-out evaluations, and evaluations without a
    better held-out objective before stopping."""

    steps: int = 4000
    batch_size: int = 4096
    learning_rate: float = 2e-3
    evaluate_every: int = 250
    patience: int = 8


def adam(parameters: Any, learning_rate: float) -> torch.optim.Adam:
    """Adam in its fused form: one call for all parameters, several times faster on small networks."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def copy_state(module: nn.Module) -> dict[str, Tensor]:
    """A detached copy of a module's state."""
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


class Descent:
    """Adam with a short warm-up and half a cosine to zero. Of all states evaluated, the one with the best held-out
    objective is kept; training stops when it has not improved for ``patience`` evaluations.

    A subclass says what a batch loses (:meth:`_losses`) and what is judged (:meth:`_judge`). It goes on from the state that
    ``keeper`` has, and ends as if it had never been interrupted. Kept is the state after each evaluation and every
    :data:`KEEP_SECONDS`, and when SIGTERM or SIGUSR1 comes.

    Parameters
    ----------
    modules: whose state is kept, by name.
    parameters: those that are learned.
    generator: the source of all randomness that no module holds.

    Attributes
    ----------
    best: the best held-out objective.
    what: it trains, for the bar and the log.
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
        self.schedule = self._make_schedule()
        if keeper is not None and (state := keeper.load()) is not None:
            self._restore(state)
            log.info("going on at step %d", self.step)

    def fit(self) -> None:
        """Run to the end and load the best state. Raises :class:`Stopped`, all saved, when a signal told it to stop."""
        settings, kept = self.settings, time.monotonic()
        with stop_signals() as stop, progress(settings.steps, self.what, self.step) as bar:
            while self.step < settings.steps and self.since_best < settings.patience:
                self._since.append(self._advance())
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
        """Of one batch: the scalar to descend, and the losses to record ``(k,)``."""
        raise NotImplementedError

    def _judge(self, losses: Tensor) -> float:
        """The held-out objective; ``losses`` are the recorded ones, averaged since the last evaluation."""
        raise NotImplementedError

    def _after_evaluation(self) -> None:
        """What else is to be done then."""

    def _after_step(self) -> None:
        """What else is to be done after each step of the optimiser."""
        if "density" in self.modules:
            self.modules["density"].after_step()

    def _advance(self) -> Tensor:
        total, losses = self._losses()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()
        self.schedule.step()
        self._after_step()
        return losses.detach()

    def _consider(self, objective: float) -> None:
        self.since_best += 1
        if objective < self.best:
            self.best, self.best_state, self.since_best = objective, self._weights(), 0
        self._note = f"held-out objective {objective:.4f} (best {self.best:.4f})"

    def _rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / _WARM_UP)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.settings.steps)))

    def _make_schedule(self) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)

    def _save(self) -> None:
        if self._keeper is not None:
            self._keeper.save(self._state())

    def _state(self) -> dict[str, Any]:
        """Everything that decides how it goes on."""
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
        return {name: copy_state(module) for name, module in self.modules.items()}

    def _load(self, state: dict[str, dict[str, Tensor]]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
