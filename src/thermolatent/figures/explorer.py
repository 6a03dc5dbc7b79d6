"""What the report's slider shows, as one JSON object: every map, curve, verdict and structure at every stop.

Curves come from the tables, maps from ``surfaces.npz`` and ``profiles.npz``, structures from ``T*.medoids.pdb``; nothing
is computed anew but the values between temperatures (:mod:`thermolatent.figures.stops`).
"""

from __future__ import annotations

import base64
import json
from math import pi
from typing import Any

import numpy as np
from matplotlib import colormaps

from thermolatent.artifacts import load_arrays
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.figures import curves, medoids
from thermolatent.figures.melting import Melted
from thermolatent.figures.packing import packed, quantised
from thermolatent.figures.stops import Stop, log_interpolated, stops_of
from thermolatent.figures.style import FREE_ENERGY_MAP, look, series_names
from thermolatent.figures.surfaces import CAP, free_energies
from thermolatent.figures.tables import Tables
from thermolatent.layout import Layout

_SURFACES = {"temperatures", "axes", "free_energy"}
_PROFILES = {"temperatures", "edges_latent", "edges_plane", "edges_marginal", "latent_md", "plane_md", "plane_model"}
_DASHES = {"-": "", "--": "6 3", ":": "2 3", "none": ""}


def payload(study: Study, layout: Layout, tables: Tables, fits: dict[str, Melted], seeds: list[int]) -> dict[str, Any]:
    """The object that ``explorer.js`` reads.

    Raises :class:`ArtifactError` for surfaces, profiles or medoids that are missing or broken.
    """
    grid = _load(layout.surfaces(next(iter(study.models)), seeds[0]), "surfaces", _SURFACES)["temperatures"]
    stops = stops_of(study, grid)
    by_seed = {seed: Tables.load(study, layout, [seed]) for seed in seeds}
    first = next(iter(study.models))
    colours = np.rint(colormaps[FREE_ENERGY_MAP](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)
    return {
        "stops": [stop._asdict() for stop in stops],
        "unit": " K" if study.system.temperature_unit == "kelvin" else "",
        "train": sorted(study.temperatures.train),
        "cap": CAP,
        "colours": base64.b64encode(colours.tobytes()).decode(),
        "models": list(study.models),
        "seeds": seeds,
        "looks": {name: _look(study, name) for name in ("md", "exact", *series_names(study, floor=True))},
        "states": tables.states(),
        "panels": curves.panels(study, tables, by_seed, fits, stops),
        "verdicts": {model: curves.verdicts(study, tables, model, stops) for model in study.models},
        "molecule": medoids.molecule(study, layout, first, seeds[0]) if study.generate.structures else None,
        "resolution": medoids.RESOLUTION,
        "bundles": {
            f"{model}/{seed}": bundle(study, layout, tables, stops, model, seed)
            for model in study.models
            for seed in seeds
        },
    }


def as_json(content: dict[str, Any]) -> str:
    """Compact JSON that may stand inside a script element."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def bundle(study: Study, layout: Layout, tables: Tables, stops: list[Stop], model: str, seed: int) -> dict[str, Any]:
    """Maps and structures of one model and seed.

    ``latent`` and ``plane`` each hold ``axes`` (name and range), ``model`` ``(stops, points[, points])`` and ``md``
    ``(md stops, bins[, bins])``, quantised free energies in kT, their first axis along x.
    """
    surfaces = _load(layout.surfaces(model, seed), "surfaces", _SURFACES)
    profiles = _load(layout.profiles(model, seed), "profiles", _PROFILES)
    z = log_interpolated(study, stops, surfaces["temperatures"], -surfaces["free_energy"].astype(float))
    dimensions = len(profiles["edges_marginal"])
    more = f" (first two of {dimensions})" if dimensions > 2 else ""
    z_names = [f"latent coordinate z{'₁₂'[k]}{more}" for k in range(len(surfaces["axes"]))]
    plane_F = free_energies(profiles["plane_model"])
    plane = log_interpolated(study, stops, profiles["temperatures"], -plane_F)
    ranges = [(float(a[0]), float(a[-1])) for a in surfaces["axes"]]
    found = {
        "latent": _maps(stops, profiles, z_names, z, ranges, "latent"),
        "plane": _maps(stops, profiles, list(tables.plane), plane, None, "plane"),
    }
    if study.generate.structures:
        found["structures"] = medoids.structures(study, layout, model, seed)
    return found


def _maps(stops: list[Stop], profiles: dict, names: list[str], log_p: np.ndarray, ranges, which: str) -> dict[str, Any]:
    """One plane; ``ranges`` are those of the model's grid, None where it shares the bins of the MD."""
    edges = profiles[f"edges_{which}"]
    of_md = [(float(e[0]), float(e[-1])) for e in edges]
    known = [list(profiles["temperatures"]).index(stop.temperature) for stop in stops if stop.md]
    md = free_energies(profiles[f"{which}_md"][known]) if known else np.empty((0, *profiles[f"{which}_md"].shape[1:]))
    lowest = np.nanmax(log_p.reshape(len(log_p), -1), axis=1, initial=-np.inf)
    F = lowest.reshape(-1, *[1] * (log_p.ndim - 1)) - log_p
    return {
        "axes": [
            {"name": f"{name} (rad)" if np.allclose(r, (-pi, pi)) else name, "range": r}
            for name, r in zip(names, of_md, strict=True)
        ],
        "model": packed(quantised(F, CAP)),
        "model_ranges": ranges or of_md,
        "md": packed(quantised(md, CAP)),
    }


def _look(study: Study, name: str) -> dict[str, str]:
    label, color, _, line = look(study, name)
    return {"label": label, "color": _hex(color), "dash": _DASHES[line]}


def _hex(color: str) -> str:
    from matplotlib.colors import to_hex

    return to_hex(color)


def _load(path: str, what: str, needed: set[str]) -> dict[str, np.ndarray]:
    arrays = load_arrays(path, what)
    if absent := needed - set(arrays):
        raise ArtifactError(f"{path}: has no {', '.join(sorted(absent))}; delete it and run its stage again")
    return arrays
