"""How a density is optimised, whatever its samples come from."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from thermolatent.densities.base import Density

log = logging.getLogger(__name__)

_WARM_UP = 100


class DescentSettings(Protocol):
    """What a descent reads of its settings: ``learn`` of a study, or :class:`FitSettings`."""

    steps: int
    batch_size: int
    learning_rate: float
    evaluate_every: int
    patience: int


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

    A subclass says what a batch loses (:meth:`_losses`) and what is judged (:meth:`_judge`).

    Parameters
    ----------
    modules: whose state is kept, by name; ``density`` is among them.
    parameters: those that are learned.

    Attributes
    ----------
    best: the best held-out objective.
    """

    def __init__(self, modules: Mapping[str, nn.Module], parameters: list[Tensor], settings: DescentSettings):
        self.modules, self.settings = modules, settings
        self.density: Density = modules["density"]
        self.step, self.best, self.best_state, self.since_best = 0, float("inf"), self._state(), 0
        self.optimiser = adam(parameters, settings.learning_rate)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)

    def fit(self) -> None:
        """Run to the end and load the best state."""
        settings = self.settings
        since: list[Tensor] = []  # losses since the last evaluation: one batch alone is mostly noise
        while self.step < settings.steps and self.since_best < settings.patience:
            since.append(self._advance())
            self.step += 1
            if self.step % settings.evaluate_every == 0 or self.step == settings.steps:
                with torch.no_grad():
                    self._consider(self._judge(torch.stack(since).mean(0)))
                since.clear()
                self._after_evaluation()
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

    def _advance(self) -> Tensor:
        total, losses = self._losses()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()
        self.schedule.step()
        self.density.after_step()
        return losses.detach()

    def _consider(self, objective: float) -> None:
        self.since_best += 1
        if objective < self.best:
            self.best, self.best_state, self.since_best = objective, self._state(), 0
        if self.step % (4 * self.settings.evaluate_every) == 0:
            log.info("step %d: held-out objective %.4f (best %.4f)", self.step, objective, self.best)

    def _rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / _WARM_UP)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.settings.steps)))

    def _state(self) -> dict[str, dict[str, Tensor]]:
        return {name: copy_state(module) for name, module in self.modules.items()}

    def _load(self, state: dict[str, dict[str, Tensor]]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
