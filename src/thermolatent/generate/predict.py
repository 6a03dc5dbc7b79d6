"""Command ``predict`` with a model file: its ensemble at further temperatures, without the workflow."""

from __future__ import annotations

import logging
import math

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import require_new, save_arrays
from thermolatent.generate.stage import draw_samples
from thermolatent.learn.model import load_density
from thermolatent.reweight.influence import NORMAL

log = logging.getLogger(__name__)

#: Tolerance for rounding at the bounds of the range.
_ROUNDING = 1e-6


def run(model: str, temperatures: list[float], samples: int, seed: int, out: str | None) -> None:
    """Draw ``samples`` from a study's model or a fitted density, print state populations, and save to ``out`` if given.

    ``out`` (``.npz``), for one temperature, holds ``latents`` ``(n, d)``, ``log_density`` ``(n,)`` and, for a model with
    states, ``state_probabilities`` ``(n, K)``. The numbers are those of the stage ``generate`` for the same seed.
    """
    for T in temperatures:
        if not (math.isfinite(T) and T > 0):
            raise ThermolatentError(f"--temperature {T:g}: write a number above 0, in the model's unit")
    if out is not None:
        if len(temperatures) > 1:
            raise ThermolatentError(f"--out {out}: holds one temperature; ask for one, or leave it out")
        require_new(out, ".npz")
    fitted = load_density(model)
    low, high = fitted.temperature_range
    for T in temperatures:
        if not low * (1 - _ROUNDING) <= T <= high * (1 + _ROUNDING):
            log.warning("T = %g: extrapolated, the model was trained for %g to %g", T, low, high)
        drawn = draw_samples(fitted, samples, T, seed)
        _print(fitted.dim, T, drawn)
        if out is not None:
            save_arrays(out, drawn)
            print(out)


def _print(dim: int, temperature: float, drawn: dict[str, np.ndarray]) -> None:
    samples = len(drawn["latents"])
    print(f"T = {temperature:g}: {samples} samples in {dim} dimensions")
    print(f"entropy -<log p>: {-drawn['log_density'].mean(dtype=np.float64):.4f} nats")
    if "state_probabilities" not in drawn:
        return
    states = drawn["state_probabilities"].argmax(1)
    shares = np.bincount(states, minlength=drawn["state_probabilities"].shape[1]) / samples
    for state, share in enumerate(shares):
        # The sampling error only, without the error of the model.
        print(f"state {state}: {share:.4f} +- {NORMAL * math.sqrt(share * (1 - share) / samples):.4f} (sampling)")
    print("states of the model; for populations with intervals: thermolatent predict <study>")
