"""What every training loop here shares: batches as index slices, histories, checkpoints, the device."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from thermolatent.artifacts import replacing
from thermolatent.densities.descent import adam, copy_state
from thermolatent.errors import TrainingError

__all__ = ["Checkpoint", "History", "adam", "copy_state", "pick_device", "shuffled_batches"]

#: Batches gathered from the frames at a time: one large gather costs less than many small ones.
_BATCHES_PER_BLOCK = 64


def pick_device(wanted: str) -> torch.device:
    """``auto`` takes a GPU where there is one; raises :class:`TrainingError` for a cuda that is not there."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "learn.device: cuda, but torch sees no GPU; write auto or cpu, or install torch's CUDA build"
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def shuffled_batches(size: int, generator: torch.Generator, *columns: tuple[Tensor, Tensor]) -> Iterator[list[Tensor]]:
    """One epoch. Each column is ``(values, index)``; a batch holds ``values[index[rows]]`` for the same random rows."""
    n = len(columns[0][1])
    order = torch.randperm(n, generator=generator, device=generator.device)
    for block in order.split(size * _BATCHES_PER_BLOCK):
        gathered = [values[index[block]].split(size) for values, index in columns]
        for batch in zip(*gathered, strict=True):
            yield list(batch)


class History:
    """Loss history as CSV: stage, step, seconds since the start, and one column per loss; empty where not evaluated."""

    def __init__(self):
        self.rows: list[dict[str, Any]] = []
        self._start = time.perf_counter()

    def add(self, stage: str, step: int, **losses: float) -> None:
        """Record losses; raises :class:`TrainingError` for one that is not finite."""
        for name, value in losses.items():
            if value != value or abs(value) == float("inf"):
                raise TrainingError(
                    f"{stage}, step {step}: {name} is {value}; lower the learning rate or look at the features"
                )
        seconds = round(time.perf_counter() - self._start, 3)
        self.rows.append({"stage": stage, "step": step, "seconds": seconds, **losses})

    def resume(self, rows: list[dict[str, Any]]) -> None:
        """Continue the history of an interrupted run, its clock too."""
        self.rows = list(rows)
        self._start = time.perf_counter() - (rows[-1]["seconds"] if rows else 0.0)

    def save(self, path: str | Path) -> None:
        columns = dict.fromkeys(["stage", "step", "seconds"])
        for row in self.rows:
            columns |= dict.fromkeys(row)
        with replacing(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns), restval="")
            writer.writeheader()
            for row in self.rows:
                writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


class Checkpoint:
    """State of an unfinished training run beside its model file; a killed job goes on from it.

    Parameters
    ----------
    model_file: where the finished model will lie.
    settings: anything that changes the result; a checkpoint made under other settings is ignored.
    """

    def __init__(self, model_file: str, settings: Any):
        self.path = Path(model_file.removesuffix(".safetensors") + ".checkpoint")
        self._key = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()

    def save(self, state: dict[str, Any]) -> None:
        with replacing(self.path) as temporary:
            torch.save({"key": self._key, **state}, temporary)

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None when there is none that fits."""
        try:
            state = torch.load(self.path, weights_only=True)
        except FileNotFoundError:
            return None
        except Exception:  # whatever a torn file raises: start over rather than stop
            return None
        return state if state.get("key") == self._key else None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
