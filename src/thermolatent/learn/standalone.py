"""Command ``fit-density``: a density fitted to arrays in files, without a study."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from thermolatent.densities.fit import fit_density
from thermolatent.densities.specs import DENSITY_SPECS
from thermolatent.errors import ThermolatentError
from thermolatent.learn.model import save_density
from thermolatent.parsing import parse_one
from thermolatent.training import pick_device


def run(data: str, temperatures: str, density: str, options: Iterable[str], out: str, **settings: Any) -> None:
    """Fit ``data`` ``(n, d)``, save the density and print how well it does on held-out rows.

    Parameters
    ----------
    data: a ``.npy`` file.
    temperatures: a ``.npy`` file with one temperature per row, or a number for all rows.
    options: the density's parameters as ``name=value``.
    settings: of :func:`thermolatent.densities.fit.fit_density`; None stands for its default.
    """
    spec = parse_one("density", DENSITY_SPECS, {"kind": density, **dict(_option(text) for text in options)})
    try:
        at: float | np.ndarray = float(temperatures)
    except ValueError:
        at = read_array(temperatures)
    z = read_array(data)
    if not Path(out).resolve().parent.is_dir():
        raise ThermolatentError(f"{out}: its folder does not exist; make it first")  # before the training, not after
    settings = {name: value for name, value in settings.items() if value is not None}
    settings["device"] = str(pick_device(settings.get("device", "auto")))
    fitted = fit_density(z, at, spec.model_dump(mode="json"), **settings)
    save_density(out, fitted)
    about = fitted.about
    if "tau_search" in about:
        scores = zip(about["tau_search"]["tau"], about["tau_search"]["held_out"], strict=True)
        print(f"tau {about['density']['tau']:g}, of {', '.join(f'{tau:g} ({score:.4f})' for tau, score in scores)}")
    print(f"held-out -log p: {about['held_out']:.4f} +- {about['held_out_stderr']:.4f} nats, {about['steps']} steps")
    print(f"{out}: {density} of {len(z)} rows in {z.shape[1]} dimensions, T {_listed(about['temperatures'])}")


def read_array(path: str) -> np.ndarray:
    """A user's ``.npy`` file; raises :class:`ThermolatentError`."""
    if not Path(path).is_file():
        raise ThermolatentError(f"{path}: no such file")
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ThermolatentError(f"{path}: not a .npy array of numbers ({error})") from None
    if not isinstance(array, np.ndarray):
        raise ThermolatentError(f"{path}: holds several arrays; save the one you mean with numpy.save")
    return array


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ThermolatentError(f"--option {text}: write name=value, as in tau=2")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        raise ThermolatentError(f"--option {text}: {value!r} is no number and no word") from None


def _listed(temperatures: list[float]) -> str:
    if len(temperatures) <= 4:
        return ", ".join(f"{T:g}" for T in temperatures)
    return f"{temperatures[0]:g} to {temperatures[-1]:g} ({len(temperatures)} of them)"
