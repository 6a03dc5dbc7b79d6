"""MD written into a study file, whose comments and order stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thermolatent.advise.options import Option
from thermolatent.errors import ConfigError, ThermolatentError
from thermolatent.files.artifacts import replacing
from thermolatent.study.loading import study_of
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature
from thermolatent.yaml_editing import with_item, with_value, without_item
from thermolatent.yaml_text import load_yaml


def frames_after(study: Study, option: Option) -> int:
    """Frames of a walker at the option's temperature, with those that are there."""
    return option.md.frames + (study.simulate.at(option.md.temperature).frames if option.extends else 0)


def apply(path: Path, study: Study, temperature: float, frames: int, reseeds: bool = False) -> list[str]:
    """Train the study in a file at a temperature, with so many frames of each walker; what was changed, a line each.

    ``reseeds``: a new temperature's walkers start from frames of the others.
    Nothing is changed where the study is so already. Raises :class:`ThermolatentError` for MD that is not the study's own,
    :class:`ConfigError` for frames that would not be used, and if the study would not be valid; nothing is written then.
    """
    T, at, roles = temperature, format_temperature(temperature), study.temperatures
    _check(path, study, T)
    old = path.read_text(encoding="utf-8")
    text, changed = old, []
    if T not in roles.train:
        for role in (role for role in ("predict", "reference") if T in getattr(roles, role)):
            text = without_item(text, ("temperatures", role), T)
            changed.append(f"temperatures.{role}: without {at}, which is trained now")
        text = with_item(text, ("temperatures", "train"), T)
        changed.append(f"temperatures.train: with {at}")
        if reseeds:
            text = with_item(text, ("temperatures", "reseeded"), T)
            changed.append(f"temperatures.reseeded: with {at}")
    if frames != study.simulate.at(T).frames:
        known = load_yaml(text)["simulate"].get("frames_at")
        path_of, value = (("frames_at", T), frames) if known else (("frames_at",), {T: frames})
        text = with_value(text, ("simulate", *path_of), value)
        changed.append(f"simulate.frames_at: {at}: {frames}")
    if changed:
        _verify(path, load_yaml(old), load_yaml(text), T, frames, reseeds)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\r\n" if b"\r\n" in path.read_bytes() else "\n")
    return changed


def _check(path: Path, study: Study, temperature: float) -> None:
    if study.system.existing:
        raise ThermolatentError(
            "--apply: the MD is yours, of system.files; run it with the program that made it and name its files there"
        )
    if "@" in study.name:
        raise ThermolatentError(
            f"--apply: changes the study itself, not its scale; leave @{study.name.partition('@')[2]} out"
        )
    if study.simulate.source:
        raise ConfigError(
            str(path), [("simulate.from", f"the MD is that of {study.simulate.source}; advise and apply it there")]
        )
    for key in ("frames", "training_frames"):
        if temperature in study.temperatures.train and getattr(study.featurize, key):
            told = "further frames of a walker would not be used; leave it out, then apply"
            raise ConfigError(str(path), [(f"featurize.{key}", told)])


def _verify(path: Path, old: dict[str, Any], new: dict[str, Any], T: float, frames: int, reseeds: bool) -> None:
    """Raise :class:`ConfigError` unless the edited text is a valid study with this MD, and the same in all else."""
    found = new["simulate"].get("frames_at", {}).get(T, new["simulate"].get("frames"))
    rest = [{k: v for k, v in content.items() if k not in ("temperatures", "simulate")} for content in (old, new)]
    there = [T in new["temperatures"].get(role, []) for role in ("train", "reseeded")]
    if found != frames or not there[0] or (reseeds and not there[1]) or rest[0] != rest[1]:
        raise ConfigError(
            str(path),
            [("", f"cannot be edited here; write {format_temperature(T)} with {frames} frames per walker yourself")],
        )
    study_of(new, path)
