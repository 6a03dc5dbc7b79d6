"""Studies and ``config.yaml`` from their files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from thermolatent.errors import ConfigError, did_you_mean
from thermolatent.parsing import Different, Name, Section, merge, parse, read_yaml
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature

log = logging.getLogger(__name__)

#: Keys that studies had and that decide nothing: the estimator has no steps to set, and always a fifth is held out.
OLD_KEYS = {
    "reweight": {"batch_size", "held_out", "learning_rate", "steps", "width"},
    "representation": {"held_out"},
    "learn": {"held_out"},
}


class Project(Section):
    """``config.yaml``: which studies to run, and how often."""

    studies: Annotated[list[str], Different] = Field(
        ["lj7"], min_length=1, description="names of files in studies/, without .yaml"
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Different] = Field(
        [0], min_length=1, description="each model is trained once per seed"
    )
    scale: Name = Field("full", description="another one is a section below 'scales' of the study")


def load_study(name: str, folder: str | Path = "studies", takers: tuple[str, ...] = ()) -> Study:
    """Read ``<folder>/<name>.yaml``; ``name@scale`` applies that scale's overrides from the file's ``scales``.

    ``takers`` are the studies that take over its MD, by ``simulate.from``, each that of the next. Raises
    :class:`ConfigError` with one line per problem.
    """
    name, _, scale = name.partition("@")
    path = Path(folder) / f"{name}.yaml"
    if Path(name).name != name:
        raise ConfigError(str(path), [("", "is a path; write the name of a study, and its folder as --studies DIR")])
    if not path.is_file():
        known = [p.stem for p in Path(folder).glob("*.yaml")]
        raise ConfigError(str(path), [("", f"no such study, {did_you_mean(name, known)}")])
    return study_of(read_yaml(path), path, scale, takers)


def study_of(content: dict[str, Any], path: Path, scale: str = "", takers: tuple[str, ...] = ()) -> Study:
    """The study in the content of a file; the others as in :func:`load_study`."""
    content, name = dict(content), path.stem
    scales = content.pop("scales", None) or {}
    if scale:
        if scale not in scales:
            raise ConfigError(str(path), [("scales", f"has no '{scale}', {did_you_mean(scale, scales)}")])
        content = _scaled(content, scales[scale])
    _drop_old_keys(content, path)
    content["name"] = f"{name}@{scale}" if scale else name
    simulate, base = content.get("simulate"), None
    if isinstance(simulate, dict) and "from" in simulate:
        base = _take_over_md(content, path, scale, (*takers, name))
    study = parse(Study, content, str(path))
    if base is not None:
        _check_shared_md(study, base, str(path))
    return study


def _scaled(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A study with a scale's changes. A scale's own number of frames holds at all temperatures."""
    simulate, own = content.get("simulate"), changes.get("simulate")
    if isinstance(simulate, dict) and isinstance(own, dict) and "frames" in own:
        content = {**content, "simulate": {key: simulate[key] for key in simulate if key != "frames_at"}}
    return merge(content, changes)


def _drop_old_keys(content: dict[str, Any], path: Path) -> None:
    """Leave out keys of earlier versions that have no effect, with a warning: a study of then still runs."""
    for section, keys in OLD_KEYS.items():
        own = content.get(section)
        for key in sorted(keys & set(own)) if isinstance(own, dict) else ():
            log.warning("%s: %s.%s: has no effect; leave it out", path, section, key)
            content[section] = {name: value for name, value in content[section].items() if name != key}


def _take_over_md(content: dict[str, Any], path: Path, scale: str, takers: tuple[str, ...]) -> Study:
    """Replace ``simulate: {from: other}`` by the other study's section, and a missing system by its system."""
    other = content["simulate"]["from"]
    if extra := sorted(set(content["simulate"]) - {"from"}):
        raise ConfigError(str(path), [(f"simulate.{extra[0]}", "cannot stand beside 'from'; remove one of them")])
    if other == path.stem:
        raise ConfigError(str(path), [("simulate.from", "names this very study; write another")])
    if (stem := str(other).partition("@")[0]) in takers:
        circle = " -> ".join((*takers[takers.index(stem) :], stem))
        raise ConfigError(str(path), [("simulate.from", f"{circle} is a circle; one of them needs MD of its own")])
    try:
        scaled = f"{other}@{scale}" if _has_scale(path.parent / f"{other}.yaml", scale) else str(other)
        base = load_study(scaled, path.parent, takers)
    except ConfigError as error:
        raise ConfigError(str(path), [("simulate.from", str(error))]) from None
    if "tempering" in content:
        raise ConfigError(str(path), [("tempering", f"belongs where the MD is; write it in {other}.yaml")])
    content["simulate"] = {**base.simulate.model_dump(), "source": base.md_study}
    if base.tempered:
        content["tempering"] = {"temperatures": base.tempered}
    content.setdefault("system", base.system)
    return base


def _has_scale(path: Path, scale: str) -> bool:
    """A scale that only says what is done with the MD need not exist where the MD is from."""
    return bool(scale) and path.is_file() and scale in (read_yaml(path).get("scales") or {})


def _check_shared_md(study: Study, base: Study, file: str) -> None:
    if study.system != base.system:
        raise ConfigError(file, [("system", f"is not that of {base.name}, whose MD it takes over; leave it out")])
    if missing := sorted(set(study.temperatures.simulated) - set(base.temperatures.simulated)):
        raise ConfigError(
            file,
            [("temperatures", f"{base.name} has no MD at {', '.join(map(format_temperature, missing))}; add it there")],
        )
    seeded = set(base.temperatures.reseeded) & set(study.temperatures.simulated)
    if different := sorted(seeded ^ set(study.temperatures.reseeded)):
        at, here = format_temperature(different[0]), different[0] in seeded
        raise ConfigError(
            file,
            [
                (
                    "temperatures.reseeded",
                    f"{at} is {'' if here else 'not '}reseeded in {base.name}, whose MD this is; "
                    + ("write it in train and reseeded, and not in reference" if here else "leave it out"),
                )
            ],
        )
    if tempered := sorted(set(study.temperatures.train) & set(base.tempered)):
        raise ConfigError(
            file,
            [
                (
                    "temperatures.train",
                    f"{format_temperature(tempered[0])} is tempered in {base.name}: its frames are not continuous in "
                    "time and cannot be trained on; add it to temperatures.train there, or leave it out here",
                )
            ],
        )
