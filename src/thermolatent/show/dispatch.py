"""Which file is shown by whom, and what is said of those that nobody knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.show import arrays, headers, models, tables, trajectories

Show = Callable[[Path], list[str]]

#: By ending. Each raises ArtifactError for a file that is damaged or foreign.
_BY_SUFFIX: dict[str, Show] = {
    ".json": headers.show,
    ".npy": arrays.show_array,
    ".npz": arrays.show_arrays,
    ".float64": arrays.show_raw,
    ".angstrom": arrays.show_raw,
    ".safetensors": models.show_model,
    ".csv": tables.show,
    ".dcd": trajectories.show_trajectory,
    ".pdb": trajectories.show_structure,
}
_PLAIN = {
    ".pdf": "a figure; the numbers in it lie beside it, as CSV where it has a few, and in validate/",
    ".png": "a figure; the numbers in it lie beside it, as CSV where it has a few, and in validate/",
    ".html": "the report of a study: open it in a browser, no network needed",
    ".log": "what a job printed; thermolatent status reads it",
    ".tsv": "Snakemake's record of a job: seconds, memory, processor time",
}


def show(path: str | os.PathLike) -> list[str]:
    """Lines about a file or folder of results; raises :class:`ThermolatentError` for what is not there, foreign or damaged."""
    path = Path(path)
    if path.is_dir():
        return headers.show_folder(path)
    if not path.is_file():
        raise ThermolatentError(f"{path}: there is no such file")
    if path.name == "checkpoint":
        return headers.show_checkpoint(path)
    if path.suffix == ".checkpoint":
        return [f"{path}: an unfinished training; its stage goes on from it and removes it at the end"]
    if path.suffix in (".yaml", ".yml"):
        return [f"{path}: a study file or a setting of the workflow; thermolatent check {path.stem} reads it"]
    if path.suffix in _PLAIN:
        return [f"{path}: {_PLAIN[path.suffix]}"]
    if path.suffix not in _BY_SUFFIX:
        known = ", ".join(sorted({*_BY_SUFFIX, *_PLAIN}))
        raise ThermolatentError(f"{path}: is no file of this project; known are {known} and folders of results")
    if path.stat().st_size == 0:
        raise ArtifactError(f"{path}: is empty; delete it and run its stage again")
    return _BY_SUFFIX[path.suffix](path)
