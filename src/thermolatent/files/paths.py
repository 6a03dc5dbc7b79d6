"""Groups of paths that a stage reads or writes together (``study/layout.py`` defines the paths)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MdFiles:
    """The MD at one temperature: a folder, complete when its protocol is there.

    Attributes
    ----------
    log_weights: of biased MD; there if the protocol says ``weighted``.
    volumes: of MD at constant pressure.
    trajectories: one per walker.
    columns: in place of topology and trajectories where there are no positions, ``(walkers, frames, n)`` float64.
    """

    folder: str
    protocol: str
    topology: str
    energies: str
    log_weights: str
    volumes: str
    trajectories: tuple[str, ...]
    columns: str


@dataclass(frozen=True)
class FrameFiles:
    """Files of the stage featurize at one temperature; ``log_weights`` is an empty array for frames of equal counts, ``chains``
    (Markov states) for MD that is not reseeded."""

    header: str
    features: str
    plane: str
    observables: str
    energies: str
    log_weights: str
    chains: str


@contextmanager
def in_ascii(path: str | os.PathLike) -> Iterator[str]:
    """Another path to a file that is or will be there, where ``path`` has umlauts: mdtraj's readers in C take none."""
    if str(path).isascii():
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = f"{folder}/file{Path(path).suffix}"
        os.symlink(os.path.abspath(path), link)
        yield link


def paths_in(value: Any) -> Iterator[str]:
    """Every path in inputs or outputs: dataclasses, mappings and sequences of paths, to any depth."""
    if isinstance(value, str):
        yield value
    elif value is not None:
        if is_dataclass(value):
            value = {field.name: getattr(value, field.name) for field in fields(value)}
        for item in value.values() if isinstance(value, dict) else value:
            yield from paths_in(item)


def named_paths(inputs: Any) -> dict[str, list[str]]:
    """The paths of each field of inputs; of a bare sequence under the name "files". Fields without any are left out."""
    named = (
        {field.name: getattr(inputs, field.name) for field in fields(inputs)}
        if is_dataclass(inputs)
        else {"files": inputs}
    )
    found = {name: list(paths_in(value)) for name, value in named.items()}
    return {name: paths for name, paths in found.items() if paths}
