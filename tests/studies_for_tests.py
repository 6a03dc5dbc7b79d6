"""A small sound study, and studies with one thing wrong each, for the tests that judge how that is said."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from thermolatent.study.loading import load_study

SOUND: dict[str, Any] = {
    "system": {"kind": "three_hole"},
    "temperatures": {"train": [0.5, 1.5], "predict": [1.0], "reference": [1.0]},
    "simulate": {"walkers": 2, "frames": 20, "save_every": 2, "equilibration": 10, "time_step": 0.02},
    "featurize": {"features": ["position_xy"], "plane": ["position_xy"]},
    "models": {"latf": {"density": {"kind": "flow", "couplings": 2, "width": 4}, "temperature": ["steer"]}},
    "generate": {"samples": 50, "structures": 3, "grid": 3},
    "validate": {"states": {"kind": "basins", "minima": {"left": [-1.0, 0.0], "right": [1.0, 0.0], "top": [0.0, 1.5]}}},
}

#: what is wrong -> (path of the key, its value, words of the message)
BAD: dict[str, tuple[str, Any, list[str]]] = {
    "unknown key": ("simulate.walker", 3, ["simulate.walker", "unknown key", "did you mean 'walkers'"]),
    "unknown section": ("simulat", {}, ["simulat", "unknown key", "did you mean 'simulate'"]),
    "unknown system": ("system.kind", "three_holes", ["system", "unknown system", "did you mean 'three_hole'"]),
    "unknown feature": ("featurize.features", ["position_xz"], ["featurize.features", "did you mean 'position_xy'"]),
    "unknown density": ("models.latf.density.kind", "flaw", ["models.latf.density", "did you mean 'flow'"]),
    "unknown density key": ("models.latf.density.coupling", 3, ["models.latf.density", "did you mean 'couplings'"]),
    "held-out in training": (
        "temperatures.predict",
        [1.0, 1.5],
        ["temperatures", "1.5", "training temperature", "remove it"],
    ),
    "reference in training": ("temperatures.reference", [0.5], ["temperatures", "reference has 0.5"]),
    "reference not predicted": ("temperatures.reference", [1.25], ["temperatures", "1.25", "not in predict"]),
    "one to train on": ("temperatures.train", [0.5], ["temperatures", "at least two temperatures in train"]),
    "temperature twice": ("temperatures.train", [0.5, 0.5, 1.5], ["temperatures", "0.5 twice"]),
    "temperature without a path": ("temperatures.train", [1e-7, 1.5], ["temperature 1e-07", "file name"]),
    "negative temperature": ("temperatures.train", [-0.5, 1.5], ["temperatures.train.0", "-0.5", "greater than 0"]),
    "a reseeded reference": (
        "temperatures.reseeded",
        [1.0],
        ["temperatures", "reseeded has 1, a reference", "cannot judge them", "move it"],
    ),
    "reseeded without training": ("temperatures.reseeded", [0.75], ["reseeded has 0.75, not in train"]),
    "nothing to draw from": ("temperatures.reseeded", [0.5], ["reseeded leaves fewer than two", "add one to train"]),
    "frames where there is no MD": (
        "simulate.frames_at",
        {0.75: 40},
        ["simulate.frames_at", "no MD at 0.75, only at 0.5, 1, 1.5"],
    ),
    "one frame": ("simulate.frames_at", {0.5: 1}, ["simulate.frames_at.0.5", "greater than or equal to 2"]),
    "negative time step": ("simulate.time_step", -0.02, ["simulate.time_step", "-0.02", "greater than 0"]),
    "one walker": ("simulate.walkers", 1, ["simulate.walkers", "greater than or equal to 2"]),
    "lag too long": ("representation", {"lag": 20}, ["representation.lag", "20", "not shorter than a walker"]),
    "own lag too long": (
        "models.latf.representation",
        {"lag": 20},
        ["models.latf.representation.lag", "20", "not shorter than a walker"],
    ),
    "unknown key of an own representation": (
        "models.latf.representation",
        {"lga": 2},
        ["models.latf.representation.lga", "unknown key", "did you mean 'lag'"],
    ),
    "one column in the plane": (
        "featurize.plane",
        ["position_xy", "position_xy"],
        ["featurize.plane", "must have exactly two"],
    ),
    "range too narrow": ("learn", {"temperature_range": [0.6, 1.5]}, ["learn.temperature_range", "does not cover"]),
    "name of a baseline": ("models", {"MBAR": {"density": "flow"}}, ["models", "'MBAR'", "baseline"]),
    "names alike but for capitals": (
        "models",
        {"latf": {"density": "flow"}, "LaTF": {"density": "flow"}},
        ["models", "'latf' and 'LaTF'", "rename one"],
    ),
    "labels of an encoder that stays": (
        "models",
        {"latf": {"density": "flow", "encoder": "frozen", "relabel": True}},
        ["models.latf.relabel", "encoder: frozen", "leave one of them out"],
    ),
    "couplings of one coordinate": (
        "representation",
        {"latent_dim": 1},
        ["models.latf.density.transform", "realnvp", "spline"],
    ),
    "a word for a number": ("simulate.frames", "many", ["simulate.frames", "'many'", "integer"]),
    "tolerance of no observable": (
        "validate.tolerance",
        {"population": 0.1},
        ["validate.tolerance.population: ", "none of featurize.observables", "did you mean 'populations'?"],
    ),
    "a negative tolerance": ("validate.tolerance", -0.1, ["validate.tolerance.populations", "-0.1", "greater than 0"]),
    "a word for a tolerance": ("validate.tolerance", "tight", ["validate.tolerance", "'tight'", "write a number, or"]),
    "a missing key": ("validate", {}, ["validate.states", "is missing"]),
}


def changed(key: str, value: Any) -> dict[str, Any]:
    """:data:`SOUND` with ``value`` at the dotted ``key``."""
    study = copy.deepcopy(SOUND)
    *path, last = key.split(".")
    place = study
    for part in path:
        place = place[part]
    place[last] = value
    return study


def write(folder: Path, content: dict[str, Any] | str, name: str = "mine") -> Path:
    """Write a study file below ``folder/studies``; text is written as it is."""
    path = folder / "studies" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def written(folder: Path, content: dict[str, Any] = SOUND):
    """The study ``mine`` of a study file below ``folder/studies``."""
    write(folder, content)
    return load_study("mine", folder / "studies")
