"""Where a file lies says what it is: its stage, temperature, model and seed, and the header beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_json
from thermolatent.temperatures import TEMPERATURE_PATTERN

_STAGES = ("simulate", "featurize", "represent", "reweight", "learn", "generate", "validate", "figures")


def place(path: Path) -> str:
    """``"lj7, learn, model latf, seed 0"``; nothing for a file that lies elsewhere."""
    parts = path.absolute().parts
    stage = next((i for i in range(len(parts) - 1, 0, -1) if parts[i] in _STAGES), None)
    if stage is None:
        return ""
    told = [f"study {parts[stage - 1]}", f"stage {parts[stage]}"]
    below = parts[stage + 1 :]
    if len(below) > 1 and not re.match(r"T\d", below[0]):
        told.append(f"model {below[0]}" if below[0] != "baselines" else "the baselines")
    for part in below:
        if found := re.match(r"seed(\d+)(\.|$)", part):
            told.append(f"seed {found[1]}")
        if found := re.match(rf"T({TEMPERATURE_PATTERN})($|\.(?!\d))", part):
            told.append(f"T = {found[1]}")
    return ", ".join(told)


def header_beside(path: Path, name: str) -> dict[str, Any]:
    """The JSON header in the file's folder; empty where there is none."""
    try:
        return load_json(path.with_name(name))
    except ArtifactError:
        return {}


def titled(path: Path, what: str) -> str:
    """First line of what is shown of a file."""
    where = place(path)
    return f"{path}: {what}" + (f" ({where})" if where else "")


def temperature_text(header: dict[str, Any]) -> str:
    """``"300 K"`` or, where kT is the temperature, ``"0.5 (reduced units)"``."""
    T = header.get("temperature")
    if T is None:
        return ""
    return f"{T:g} (reduced units)" if header.get("kT") == T else f"{T:g} K"


def size_text(n: int) -> str:
    """Bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"
