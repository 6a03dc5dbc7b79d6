"""Common parts of the training loops: batches, histories, checkpoints, the device."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from thermolatent.densities.descent import adam
from thermolatent.digest import job_digest
from thermolatent.errors import ArtifactError, TrainingError
from thermolatent.files.artifacts import load_model, replacing, save_model
from thermolatent.frames import Frames
from thermolatent.rows import Rows, picked_at_once
from thermolatent.sampling import Sampler

__all__ = ["Checkpoint", "History", "adam", "checkpoint_of", "pick_device", "shuffled_batches"]

log = logging.getLogger(__name__)

#: Maximum number of batches that are gathered at once: one large gather is faster than many small ones.
_BATCHES_PER_BLOCK = 64


def pick_device(wanted: str) -> torch.device:
    """The device; ``auto`` uses a GPU if there is one. Raises :class:`TrainingError` for ``cuda`` without a GPU."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "learn.device: cuda, but torch sees no GPU; write auto or cpu, or install torch's CUDA build"
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def shuffled_batches(
    size: int, generator: torch.Generator, *columns: tuple[Rows, Tensor], sampler: Sampler | None = None
) -> Iterator[list[Tensor]]:
    """One epoch. Each column is ``(values, index)``; a batch is ``values[index[rows]]`` of each for the same random rows.

    ``sampler`` draws the rows, by default each once.
    """
    order = (sampler or Sampler(len(columns[0][1]))).epoch(generator)
    at_once = min(picked_at_once(values, size * _BATCHES_PER_BLOCK) for values, _ in columns)
    for block in order.split(size * max(1, at_once // size)):
        gathered = [values[index[block]].split(size) for values, index in columns]
        for batch in zip(*gathered, strict=True):
            yield list(batch)


class History:
    """Loss history as CSV: stage, step, seconds since the start, and one column per loss, empty if not evaluated."""

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
        """Continue the history and the clock of an interrupted run."""
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
    """The state of one job's training, in a file next to its model, from which a killed job is resumed.

    A job may have several trainings (candidates, networks, a density), each a :meth:`part`. The recorded losses are included.

    Parameters
    ----------
    model_file: path of the finished model.
    decided_by: everything that determines the result (JSON-able); a checkpoint for anything else is ignored.

    Attributes
    ----------
    history: the recorded losses.
    """

    def __init__(self, model_file: str, decided_by: Any):
        self.path = Path(model_file.removesuffix(".safetensors") + ".checkpoint")
        self._key = hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()
        self._parts: dict[str, Any] = {}
        self.history = History()
        if (found := self._read()) is not None:
            self._parts = found["parts"]
            self.history.resume(found["history"])
            log.info("going on from %s", self.path)

    def part(self, name: str) -> Part:
        """The saved state of one training of the job."""
        return Part(self, name)

    def save(self, part: str, state: Any) -> None:
        self._parts[part] = state
        tensors: dict[str, Tensor] = {}
        content = {"key": self._key, "history": self.history.rows, "parts": self._parts}
        save_model(self.path, "checkpoint", {"content": _without_tensors(content, tensors)}, tensors)

    def load(self, part: str) -> Any:
        return self._parts.get(part)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            spec, tensors = load_model(self.path, "checkpoint")
            content = _with_tensors(spec["content"], tensors)
        except (ArtifactError, KeyError, TypeError) as error:
            log.warning("%s cannot be read, training starts again (%s)", self.path, error)
            return None
        if content["key"] != self._key:
            log.warning("%s is of other data, settings or code, training starts again", self.path)
            return None
        return content


@dataclass(frozen=True)
class Part:
    """One part of a :class:`Checkpoint`: the :class:`~thermolatent.densities.descent.Keeper` of one training."""

    checkpoint: Checkpoint
    name: str

    def save(self, state: Any) -> None:
        self.checkpoint.save(self.name, state)

    def load(self) -> Any:
        return self.checkpoint.load(self.name)


def checkpoint_of(
    module: str, settings: BaseModel, model_file: str, data: Frames, files: Iterable[str] = ()
) -> Checkpoint:
    """The checkpoint of a job, valid for these settings, the code of the stage's ``module``, these frames and the content of
    these ``files``."""
    made_of = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files]
    code = job_digest(module, settings)
    return Checkpoint(model_file, [settings.model_dump(mode="json"), code, data.fingerprint(), made_of])


def _without_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    """``value`` as JSON: tensors by their name in ``tensors``, mappings as pairs, since their keys may be numbers."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"mapping": [[key, _without_tensors(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_without_tensors(item, tensors) for item in value]
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of :func:`_without_tensors`, except for tuples, which become lists."""
    if isinstance(value, list):
        return [_with_tensors(item, tensors) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _with_tensors(item, tensors) for key, item in value["mapping"]}
    return value
