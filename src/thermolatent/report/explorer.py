"""Content of the report's slider as one JSON object: maps, curves, verdicts and structures at every stop.

Predictions are from the grid of ``gather``, models and baselines from the tables, maps from ``grid.npz``, ``surfaces.npz`` and
``profiles.npz``, structures from ``T*.medoids.pdb``.
"""

from __future__ import annotations

import base64
import json
from math import pi
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from thermolatent.errors import ArtifactError
from thermolatent.figures.convergence import STATE_COLORS, load_running, time_unit
from thermolatent.figures.melting import Melted
from thermolatent.figures.style import FREE_ENERGY_MAP, look, series_names
from thermolatent.figures.surfaces import CAP, UNSURE, free_energies
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import load_arrays
from thermolatent.report import curves, medoids
from thermolatent.report.curves import short
from thermolatent.report.grid import Grid
from thermolatent.report.packing import packed, quantised
from thermolatent.report.settings import Generated, Inputs, Settings
from thermolatent.report.stops import Stop, nearest, stops_of
from thermolatent.temperatures import format_temperature
from thermolatent.validate.settings import Asked

_SURFACES = {"temperatures", "axes", "free_energy"}
_PROFILES = {"temperatures", "edges_latent", "edges_plane", "edges_marginal", "latent_md", "plane_md", "plane_model"}
_DASHES = {"-": "", "--": "6 3", ":": "2 3", "none": ""}


def payload(study: Settings, inputs: Inputs, tables: Tables, fits: dict[str, Melted]) -> dict[str, Any]:
    """The input of ``explorer.js``.

    Raises :class:`ArtifactError` for a grid, surfaces, profiles or medoids that are missing or broken.
    """
    grid, seeds = Grid.load(study, inputs), study.seeds
    stops = stops_of(study, grid.temperatures)
    by_seed = {seed: Tables.load(study, inputs.tables, [seed]) for seed in seeds}
    first = next(iter(study.models))
    colours = np.rint(colormaps[FREE_ENERGY_MAP](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)
    shown = inputs.generated[first][seeds[0]]
    profiles = load_arrays(shown.profiles, "profiles", _PROFILES)
    return {
        "name": study.name,
        "stops": [stop._asdict() for stop in stops],
        "unit": study.unit,
        "train": sorted(study.temperatures.train),
        "cap": CAP,
        "unsure": UNSURE,
        "colours": base64.b64encode(colours.tobytes()).decode(),
        "models": list(study.models),
        "seeds": seeds,
        "looks": {
            name: _look(study, name)
            for name in (
                *("md", "exact", *series_names(study, floor=True)),
                *(data.label for data in study.validate_.experiment),
            )
        },
        "states": tables.states(),
        "stateColours": [STATE_COLORS[k % len(STATE_COLORS)] for k in range(len(tables.states()))],
        "stateDashes": ["" if k < len(STATE_COLORS) else "5 3" for k in range(len(tables.states()))],
        "running": _running(study, inputs.running),
        "panels": curves.panels(study, tables, by_seed, fits, grid, stops),
        "answer": curves.answer(grid),
        "told": {model: curves.verdicts(study, tables, model) for model in study.models},
        "molecule": medoids.molecule(study.system.molecular, shown.medoids) if shown.medoids else None,
        "pdb": {
            format_temperature(T): packed(np.frombuffer(medoids.read_text(path).encode(), np.uint8))
            for T, path in shown.medoids.items()
        },
        "resolution": medoids.RESOLUTION,
        "plane": {
            "axes": _axes(tables.plane, grid.edges),
            "answer": packed(quantised(grid.free_energy, CAP)),
            "half": packed(quantised(grid.half, CAP)),
            "md": packed(quantised(_of_md(stops, profiles, "plane"), CAP)),
        },
        "bundles": {
            f"{model}/{seed}": bundle(study, model, inputs.generated[model][seed], grid, stops)
            for model in study.models
            for seed in seeds
        },
    }


def as_json(content: dict[str, Any]) -> str:
    """Compact JSON for a script element."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def bundle(study: Settings, model: str, files: Generated, grid: Grid, stops: list[Stop]) -> dict[str, Any]:
    """Maps and structures of one model and seed: quantised free energies in kT, their first axis along x.

    ``latent`` has ``axes`` (name and range), ``model`` at the temperatures ``labels`` of its own grid, the index ``at`` of the
    one nearest to each stop, ``model_ranges``, and ``md`` at the stops with MD. ``plane`` is that of the model at the study's
    temperatures; None for an informed model, whose frame weights are those of the reweighting.
    """
    surfaces = load_arrays(files.surfaces, "surfaces", _SURFACES)
    profiles = load_arrays(files.profiles, "profiles", _PROFILES)
    if not np.array_equal(profiles["edges_plane"], grid.edges):
        raise ArtifactError(f"{files.profiles}: has other bins than the grid of gather; run gather again")
    dimensions = len(profiles["edges_marginal"])
    more = f" (first two of {dimensions})" if dimensions > 2 else ""
    names = [f"latent coordinate z{'₁₂'[k]}{more}" for k in range(len(surfaces["axes"]))]
    known = list(profiles["temperatures"])
    asked = [known.index(stop.temperature) for stop in stops if stop.asked]
    found = {
        "latent": {
            "axes": _axes(names, profiles["edges_latent"]),
            "model": packed(quantised(surfaces["free_energy"], CAP)),
            "labels": [f"{T:.4g}" for T in surfaces["temperatures"]],
            "at": nearest(stops, surfaces["temperatures"]),
            "model_ranges": [_ends(axis) for axis in surfaces["axes"]],
            "md": packed(quantised(_of_md(stops, profiles, "latent"), CAP)),
        },
        "plane": None,
    }
    if not study.models[model].informed:
        found["plane"] = packed(quantised(free_energies(profiles["plane_model"][asked]), CAP))
    if study.generate.structures:
        found["structures"] = medoids.structures(study.system.molecular, files.medoids)
    return found


def _running(study: Asked, path: str) -> dict[str, Any]:
    """Populations of the MD against time, ``{"unit", "at"}``: by temperature, per state times, shares ``y``, standard errors
    ``e``, and the ``start_up``."""
    running = load_running(path)
    size, unit = time_unit(running) if study.unit else (1.0, "time units")
    at = {}
    for T, states in sorted(running.items()):
        one = {}
        for state, points in states.items():
            times, shares, errors, start_up = zip(*points, strict=True)
            one[state] = {
                "x": [short(time / size) for time in times],
                "y": [*map(short, shares)],
                "e": [*map(short, errors)],
            }
        at[format_temperature(T)] = {"states": one, "start_up": short(start_up[0] / size)}
    return {"unit": unit, "at": at}


def _axes(names, edges: np.ndarray) -> list[dict[str, Any]]:
    ranges = [_ends(own) for own in edges]
    return [
        {"name": f"{name} (rad)" if np.allclose(r, (-pi, pi)) else name, "range": r}
        for name, r in zip(names, ranges, strict=True)
    ]


def _ends(axis: np.ndarray) -> tuple[float, float]:
    return float(axis[0]), float(axis[-1])


def _of_md(stops: list[Stop], profiles: dict[str, np.ndarray], which: str) -> np.ndarray:
    """Free energies of the MD, ``(stops with MD, bins[, bins])``."""
    known, mass = list(profiles["temperatures"]), profiles[f"{which}_md"]
    at = [known.index(stop.temperature) for stop in stops if stop.md]
    return free_energies(mass[at]) if at else np.empty((0, *mass.shape[1:]))


def _look(study: Asked, name: str) -> dict[str, str]:
    label, color, _, line = look(study, name)
    return {"label": label, "color": to_hex(color), "dash": _DASHES[line]}
