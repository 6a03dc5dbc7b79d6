"""Files in the section ``system`` of a study. Relative paths start at the working directory, as those of ``config.yaml``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

#: Files that come with the package.
DATA = Path(__file__).with_name("data")


def existing_file(path: str) -> str:
    """``path``, if it is a file; raises ValueError that says where it was looked for."""
    if not Path(path).is_file():
        raise ValueError(f"'{path}' is not a file; write a path that is absolute or relative to {Path.cwd()}")
    return path


def structure_path(name: str) -> str:
    """Path of a structure file, or of a folded structure that comes with the package, by its name."""
    shipped = DATA / f"{name}_folded.pdb"
    return str(shipped) if name.isidentifier() and shipped.is_file() else name


def digest(paths: Iterable[str]) -> str:
    """Of the files' content, in their order: part of the resolved study, so that an edited file repeats the MD."""
    hashed = hashlib.sha256()
    for path in paths:
        hashed.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return hashed.hexdigest()[:16]
