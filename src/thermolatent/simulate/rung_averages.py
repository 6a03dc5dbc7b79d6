"""MBAR over all rungs of a replica exchange: free energies and mean energies, with errors.

Shirts and Chodera, doi:10.1063/1.2978177. Frames of a ladder are correlated in time and between rungs; ladders are
independent. Errors are therefore a jackknife over ladders, which needs no correlation times.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

#: Maximum number of frames for MBAR, of all ladders and rungs together, evenly spaced.
MOST_FRAMES = 50_000


def mbar_averages(energies: np.ndarray, inverse_kT: np.ndarray) -> dict[str, Any]:
    """Estimates at every rung.

    Parameters
    ----------
    energies: ``(rungs, ladders, frames)`` in kJ/mol, at least two ladders.
    inverse_kT: 1/kT of the rungs, mol/kJ.

    Returns
    -------
    dict of lists, one entry per rung: ``free_energy``, F/kT less that of the lowest rung, and ``mean_energy``, kJ/mol, each
    with its standard error (``..._error``).
    """
    stride = -(-energies.size // MOST_FRAMES)
    thinned = energies[:, :, ::stride]
    whole = _estimates(thinned, inverse_kT, None)
    ladders = thinned.shape[1]
    without = np.array([_estimates(np.delete(thinned, i, axis=1), inverse_kT, whole[0]) for i in range(ladders)])
    errors = np.sqrt((ladders - 1) * without.var(axis=0))
    return {
        "free_energy": whole[0].tolist(),
        "free_energy_error": errors[0].tolist(),
        "mean_energy": whole[1].tolist(),
        "mean_energy_error": errors[1].tolist(),
    }


def _estimates(
    energies: np.ndarray, inverse_kT: np.ndarray, initial: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Free energies and mean energies, ``(rungs,)`` each."""
    logging.getLogger("pymbar").setLevel(logging.ERROR)  # it greets and advertises JAX at warning level
    from pymbar import MBAR

    from thermolatent.mbar import MAX_ITERATIONS, initial_free_energies

    rungs, samples = len(energies), energies.reshape(-1)
    reduced, counts = np.outer(inverse_kT, samples), np.full(rungs, samples.size // rungs)
    if initial is None:
        initial = initial_free_energies(reduced.T, counts)
    solved = MBAR(reduced, counts, initial_f_k=initial, maximum_iterations=MAX_ITERATIONS)
    f = np.asarray(solved.f_k)
    return f - f[0], np.asarray(solved.weights()).T @ samples
