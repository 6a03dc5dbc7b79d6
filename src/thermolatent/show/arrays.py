"""``.npy`` of the stages simulate and featurize, ``.npz`` of generate and validate, raw arrays of unfinished MD."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_array, load_arrays
from thermolatent.show.places import header_beside, size_text, temperature_text, titled

#: Values that are looked at for ranges, at the most.
_MOST = 2_000_000
#: Name -> what it is, its axes, and the key of the columns' names in features.json.
_ARRAYS = {
    "features": ("what the models see", "(walker, frame, feature)", "names"),
    "plane": ("the fixed plane", "(walker, frame, 2)", "plane_names"),
    "observables": ("observables", "(walker, frame, observable)", "observable_names"),
    "energies": (
        "potential energies, kJ/mol (U + pV at constant pressure; reduced units: epsilon)",
        "(walker, frame)",
        "",
    ),
    "log_weights": ("log-weights of biased frames", "(walker, frame)", ""),
    "volumes": ("volumes, nm^3", "(walker, frame)", ""),
}
_NAMED_ARRAYS = {
    "latents": "samples z of the model, (sample, dimension)",
    "log_density": "ln p(z|T) of each sample",
    "state_probabilities": "SPIB's probability of each state, per sample",
    "frame_weights": "weight of each training frame at this temperature, walkers of the training temperatures one after another",
    "ess_fraction": "share of the training frames that counted before the largest weights were bounded",
    "model_digest": "of the model file and settings they were made with",
    "temperatures": "temperatures",
    "axes": "grid along each latent coordinate",
    "free_energy": "F in kT on the grid or in the bins, minimum 0, (temperature, along x, along y)",
    "base_samples": "samples of the base density at T_ref",
    "training": "training temperatures",
    "log_p": "ln p(z|T) of each sample",
    "samples": "samples z",
}
_PREFIXES = {
    "edges_": "bin edges",
    "latent_": "probability per bin of the latent plane",
    "plane_": "probability per bin of the fixed plane",
}
_PREFIXES |= {"marginal_": "F in kT along each latent coordinate"}


def show_array(path: Path) -> list[str]:
    """An array of one temperature, with its columns."""
    array = load_array(path, mmap=True)
    what, axes, names = _ARRAYS.get(path.stem, ("an array", "", ""))
    header = header_beside(path, "features.json") or header_beside(path, "protocol.json")
    lines = [
        titled(path, what),
        f"  shape {array.shape} {axes}".rstrip() + f", {array.dtype}, {size_text(array.nbytes)}",
    ]
    if header:
        lines.append(f"  at {temperature_text(header)}" + _interval(header))
        expected = (header["walkers"], header["frames"])
        if path.stem in _ARRAYS and array.shape[:2] != expected:
            raise ArtifactError(f"{path}: has shape {array.shape}, its header says {expected}; run its stage again")
    values = array.reshape(-1, array.shape[-1]) if names and array.ndim == 3 else array.reshape(-1, 1)
    columns = header.get(names) if names else None
    columns = columns if columns and len(columns) == values.shape[1] else [""] * values.shape[1]
    lines += _columns(columns, np.asarray(values[:: max(1, values.size // _MOST)]))
    return lines


def show_arrays(path: Path) -> list[str]:
    """Named arrays."""
    arrays = load_arrays(path)
    lines = [titled(path, _what(path, arrays))]
    for name, array in arrays.items():
        prefix = next((p for p in _PREFIXES if name.startswith(p)), None)
        said = _NAMED_ARRAYS.get(name) or (_PREFIXES[prefix] if prefix else "")
        value = f" = {_few(array)}" if array.ndim <= 1 and array.size <= 12 and array.dtype.kind == "f" else ""
        lines.append(
            f"  {name} {array.shape} {array.dtype if array.dtype.kind != 'U' else 'text'}{value}: {said}".rstrip(": ")
        )
    return lines


def show_raw(path: Path) -> list[str]:
    """A column or the positions of unfinished MD: raw numbers without any header."""
    from thermolatent.status.state import read_checkpoint

    header = read_checkpoint(path.with_name("checkpoint"))
    kind = "positions in angstrom, float32" if path.suffix == ".angstrom" else f"{path.stem}, float64"
    told = (
        f", {header['progress']['frames']} frames of each of {header['identity']['walkers']} walkers" if header else ""
    )
    return [titled(path, f"part of unfinished or continuable MD: {kind}{told}, {size_text(path.stat().st_size)}")]


def _what(path: Path, arrays: dict[str, np.ndarray]) -> str:
    if {"free_energy", "edges_plane"} <= set(arrays):
        return "free energies in the fixed plane by the reweighting, on a grid of temperatures"
    if "free_energy" in arrays:
        return "free-energy surfaces of a model on a grid of temperatures"
    if "frame_weights" in arrays:
        return "the ensemble of a model at one temperature"
    if "latent_model" in arrays:
        return "profiles of a model beside reference MD, for figures"
    return "samples of a model" if {"samples", "latents"} & set(arrays) else "named arrays"


def _interval(header: dict) -> str:
    interval = header.get("frame_interval") or header.get("save_every", 0) * header.get("time_step", 0)
    if not interval:
        return ""
    return f", frames {interval:g} {'time units' if header.get('kT') == header.get('temperature') else 'ps'} apart"


def _columns(names: list[str], values: np.ndarray) -> list[str]:
    """Mean, deviation and range of each column, the first ones where there are many."""
    if not len(values):
        return []
    lines = []
    for name, column in list(zip(names, values.T, strict=True))[:20]:
        finite = column[np.isfinite(column)].astype(float)
        if not len(finite):
            lines.append(f"  {name or 'values'}: not a number anywhere (there are none)")
            continue
        bad = f", {1 - len(finite) / len(column):.0%} not finite" if len(finite) < len(column) else ""
        lines.append(
            f"  {name or 'values'}: mean {finite.mean():.4g}, standard deviation {finite.std():.4g}, "
            f"{finite.min():.4g} to {finite.max():.4g}{bad}"
        )
    if len(names) > 20:
        lines.append(f"  ... and {len(names) - 20} more columns")
    return lines


def _few(array: np.ndarray) -> str:
    return ", ".join(f"{v:g}" for v in np.atleast_1d(array))
