"""Safetensors: SPIB, the reweighting networks, models of p(z|T), fitted densities. Reads headers, needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import check_version
from thermolatent.show.places import titled

_KINDS = {
    "spib": "SPIB: encoder to the latent space, decoder to states",
    "reweighting": "the estimator: populations, means and frame weights at any temperature, with error bars",
    "model": "a model of p(z|T) with its encoder; thermolatent predict asks it",
    "density": "a density of samples of your own; thermolatent predict asks it",
}


def show_model(path: Path) -> list[str]:
    """What a model file says of itself."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ArtifactError(
            f"{path}: cannot be read as safetensors ({error}); delete it and run its stage again"
        ) from None
    if "thermolatent" not in metadata:
        raise ArtifactError(f"{path}: is safetensors, but of no model of this project")
    header = json.loads(metadata["thermolatent"])
    check_version(path, header.get("format_version"))
    spec = header["spec"]
    weights = sum(int(np.prod(shape)) for shape in shapes.values())
    lines = [titled(path, _KINDS.get(header["kind"], header["kind"])), f"  {weights} numbers in {len(shapes)} tensors"]
    return lines + [f"  {line}" for line in _told(header["kind"], spec)]


def _told(kind: str, spec: dict[str, Any]) -> list[str]:
    lines = []
    if spib := spec.get("spib"):
        lines.append(
            f"{spib['n_features']} features to {spib['latent_dim']} dimensions, {spib['n_states']} states, "
            f"{spib['encoder']} encoder, lag {spec.get('lag', '?')} frames"
        )
    if kind == "spib":
        ratio = ", ".join(f"{r:.3f}" for r in spec["sigma_over_std"])
        lines.append(f"noise over spread of each latent coordinate: {ratio} (above 0.2 it blurs)")
    if density := spec.get("density"):
        lines.append("density: " + ", ".join(f"{key} {value}" for key, value in density.items()))
        lines.append(f"temperature enters by {' and '.join(spec['temperature'])}")
        if "T_ref" in spec:
            low, high = (round(theta * spec["T_ref"], 6) for theta in spec["theta_range"])
            trained = ", ".join(f"{T:g}" for T in spec.get("temperatures", []))
            lines.append(f"trained at {trained or '?'}, may be asked from {low:g} to {high:g}")
        if spec.get("held_out") is not None:
            lines.append(f"held-out objective {spec['held_out']:.4g}" if isinstance(spec["held_out"], float) else "")
        if kind == "model":
            lines.append(
                f"{'informed by reweighted frames' if spec['informed'] else 'not informed'}, encoder {spec['encoder']}"
            )
    if kind == "reweighting":
        trained = ", ".join(f"{T:g}" for T in spec["temperatures"])
        energies = "energies" if spec["energies"] else "no energies"
        lines.append(f"fitted to MD at {trained}, {energies}; states {', '.join(spec['state_names'])}")
        lines.append(f"heat capacities may differ by {spec['heat_capacity']:g} k")
    if "seed" in spec:
        lines.append(f"seed {spec['seed']}")
    return [line for line in lines if line]
