"""A project: ``config.yaml`` in layers, and studies by name."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thermolatent.errors import ArtifactError, ConfigError, did_you_mean
from thermolatent.files.artifacts import load_json, save_json
from thermolatent.parsing import parse, read_yaml
from thermolatent.study.layout import Layout
from thermolatent.study.loading import Project, load_study
from thermolatent.study.study import Study

log = logging.getLogger(__name__)


def load_project(files: Iterable[str | Path], overrides: Mapping[str, Any]) -> Project:
    """Merge ``config.yaml`` files, later ones over earlier ones, and ``overrides`` (from ``--config``) over all.

    Missing files are skipped. Single values in place of lists, and numbers as text, are accepted: ``studies=lj7``,
    ``seeds=["0"]``. Raises :class:`ConfigError` with the layer.
    """
    layers = {str(path): read_yaml(Path(path)) for path in files if Path(path).is_file()}
    layers["--config"] = dict(overrides)
    merged: dict[str, Any] = {}
    for name, layer in layers.items():
        for key in {"studies", "seeds"} & set(layer):
            if not isinstance(layer[key], list):
                layer[key] = [layer[key]]
        parse(Project, layer, name)
        merged |= layer
    return parse(Project, merged, "config.yaml")


def find_study(name: str, folders: Iterable[str | Path]) -> Study:
    """Load a study from the first folder that has it; raises :class:`ConfigError`."""
    return load_study(name, study_file(name, folders).parent)


def study_file(name: str, folders: Iterable[str | Path]) -> Path:
    """The file of a study in the first folder that has it; raises :class:`ConfigError`."""
    folders = [Path(folder) for folder in folders]
    stem = name.partition("@")[0]
    for folder in folders:
        if (path := folder / f"{stem}.yaml").is_file():
            return path
    known = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    where = " or ".join(str(folder / f"{stem}.yaml") for folder in folders)
    raise ConfigError(where, [("", f"no such study, {did_you_mean(stem, known)}")])


def resolved(study: Study) -> dict[str, Any]:
    """The study with all defaults and derived temperatures, JSON-able."""
    content = study.model_dump(mode="json", by_alias=True)
    content["temperature_range"] = list(study.temperature_range)
    content["temperatures"]["generated"] = study.temperatures.generated
    return content


def check_not_renamed(study: Study, layout: Layout) -> None:
    """Raise :class:`ConfigError` if the folder of the study's results was another study's.

    Snakemake keeps the provenance of files by path. It has none for files in a renamed folder, and would use them even if
    their settings have changed.
    """
    try:
        found = load_json(layout.study)
    except ArtifactError:
        return
    if (old := found.get("name")) in (None, study.name):
        return
    keys = ("system", "simulate")
    same = all(found.get(key) == resolved(study).get(key) for key in keys)
    remedy = "move all but simulate/ out of it" if same else "move it away, for its MD was run with other settings"
    raise ConfigError(
        layout.root,
        [
            (
                "",
                f"holds results of study '{old}', and what they were made from is not known under a new name; {remedy}, "
                "or rename the folder back",
            )
        ],
    )


def rename_old_folders(layout: Layout) -> None:
    """Rename folders of results and logs of older versions to the present names of their stages."""
    for folder in (layout.root, f"logs/{Path(layout.root).name}"):
        old, new = Path(folder, "pretrain"), Path(folder, "represent")
        if old.is_dir() and not new.exists():
            old.rename(new)
            log.info("%s is %s now", old, new)


def save_resolved(study: Study, layout: Layout) -> None:
    """Write the resolved study into its results, unless it is there. Raises :class:`ConfigError` for results of another
    study."""
    check_not_renamed(study, layout)
    rename_old_folders(layout)
    try:
        if load_json(layout.study) == resolved(study):
            return
    except ArtifactError:
        pass
    save_json(layout.study, resolved(study))
