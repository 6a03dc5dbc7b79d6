"""Lists of files whose number depends on the study, which the workflow tracks as one file.

A list has a digest of each file, so that files with unchanged content repeat no later jobs. A list with a missing file is
removed, so that its files are made again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_json, save_json


def save_manifest(path: str | os.PathLike, files: Iterable[str | os.PathLike]) -> None:
    """Write the list of ``files`` (all in the list's folder or below) with their SHA-256."""
    folder = Path(path).parent
    digests = {}
    for file in sorted(map(Path, files)):
        if not file.is_file():
            raise ArtifactError(f"{file}: was not written; run its stage again")
        with file.open("rb") as stream:
            digests[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    save_json(path, {"files": digests})


def lost_files(path: str | os.PathLike) -> list[str]:
    """Missing files of the list at ``path``; the list itself if it cannot be read."""
    if not Path(path).is_file():
        return []
    try:
        files = load_json(path)["files"]
    except (ArtifactError, KeyError):
        return [str(path)]
    # Each folder is listed once: on a shared file system a query per file takes minutes.
    there: dict[Path, set[str]] = {}
    lost = []
    for file in (Path(path).parent / name for name in files):
        if file.parent not in there:
            there[file.parent] = _files_in(file.parent)
        if file.name not in there[file.parent]:
            lost.append(str(file))
    return lost


def _files_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except FileNotFoundError:
        return set()


def withdraw_if_lost(path: str | os.PathLike) -> bool:
    """Remove the list at ``path`` if one of its files is missing. Returns whether it was removed."""
    if not lost_files(path):
        return False
    Path(path).unlink()
    return True
