"""Sizes of files and free disk space."""

from __future__ import annotations

import shutil
from pathlib import Path


def size_text(size: float) -> str:
    """``"1.2 GB"``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def free_bytes(folder: str) -> int:
    """Bytes free on the disk where ``folder`` is or will be."""
    path = Path(folder).absolute()
    return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free


def size_of(folder: str | Path) -> int:
    """Bytes of a file or of all files in a folder, symbolic links not followed; 0 if it does not exist."""
    if Path(folder).is_file():
        return Path(folder).stat().st_size
    return sum(f.lstat().st_size for f in Path(folder).rglob("*") if f.is_file() and not f.is_symlink())
