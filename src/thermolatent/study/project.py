"""What the workflow asks of a project: ``config.yaml`` in layers, studies by name."""

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
    """Read ``config.yaml`` files, each over the one before, and ``overrides`` (from ``--config``) over them all.

    A file that does not exist is skipped. The command line has no lists of one and no numbers: ``studies=lj7`` and
    ``seeds=["0"]`` are understood. Raises :class:`ConfigError` that names the layer at fault.
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
    folders = [Path(folder) for folder in folders]
    stem = name.partition("@")[0]
    for folder in folders:
        if (folder / f"{stem}.yaml").is_file():
            return load_study(name, folder)
    known = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    where = " or ".join(str(folder / f"{stem}.yaml") for folder in folders)
    raise ConfigError(where, [("", f"no such study, {did_you_mean(stem, known)}")])


def resolved(study: Study) -> dict[str, Any]:
    """The study with every default in it, as JSON can hold it, and what follows from it."""
    content = study.model_dump(mode="json", by_alias=True)
    content["temperature_range"] = list(study.temperature_range)
    content["temperatures"]["generated"] = study.temperatures.generated
    return content


def check_not_renamed(study: Study, layout: Layout) -> None:
    """Raise :class:`ConfigError` if the folder of the study's results was another study's.

    Snakemake knows by path what a file was made from. Of files in a renamed folder it knows nothing, and would take them for
    good whatever has changed since.
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
    """Give folders of results, and their logs, the names that their stages have today."""
    for folder in (layout.root, f"logs/{Path(layout.root).name}"):
        old, new = Path(folder, "pretrain"), Path(folder, "represent")
        if old.is_dir() and not new.exists():
            old.rename(new)
            log.info("%s is %s now", old, new)


def save_resolved(study: Study, layout: Layout) -> None:
    """Write the resolved study beside its results, unless it lies there already. Raises :class:`ConfigError` if those are of
    another study."""
    check_not_renamed(study, layout)
    rename_old_folders(layout)
    try:
        if load_json(layout.study) == resolved(study):
            return
    except ArtifactError:
        pass
    save_json(layout.study, resolved(study))
