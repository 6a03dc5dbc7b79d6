"""Alanine dipeptide in explicit water, replica exchange: the data of benchmarks/interval_coverage.py that are not ours to ship.

Chodera, Swope, Pitera, Dill, Multiscale Model. Simul. 5, 1214 (2006). ``benchmarks/alanine_water.py`` makes the files.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from thermolatent.errors import ThermolatentError
from thermolatent.reweight.units import block_length, blocks
from thermolatent.simulate.contents import Contents
from thermolatent.simulate.settings import Simulate
from thermolatent.systems.colvar import Colvar

#: Training temperatures, by their number among the twenty.
TRAINED = ((3, 10), (5, 12), (5, 15), (6, 13), (1, 7), (2, 11), (2, 8, 14), (4, 9, 17), (3, 9, 16), (6, 10, 15))
#: The reference's own standard errors: it comes from 40 temperatures of one replica exchange.
TRUTH_ERROR = {"alpha": 0.006, "left": 0.002}
STATES = ["alpha", "beta", "left"]


def water(options: Namespace, case: type) -> Iterator:
    """Ten pairs and triples of the twenty temperatures, asked for all others, with energies and without."""
    folder = Path(options.data or "alanine_water")
    files = {float(f.name[1:].removesuffix(".colvar.gz")): f for f in folder.glob("T*.colvar.gz")}
    if len(files) < 2 or not (folder / "reference.csv").is_file():
        raise ThermolatentError(
            f"{folder}: no COLVAR files; make them by benchmarks/alanine_water.py from pymbar's example, --data says where"
        )
    temperatures = sorted(files)
    section = {"files": {T: [str(f)] for T, f in files.items()}, "features": ["phi", "psi"], "periodic": ["phi", "psi"]}
    exchange = {"frame_interval": 1, "discontinuous": True, "exchange_interval": 20}
    system, whole = Colvar(**section, **exchange, energy="energy"), Simulate(walkers=2, frames=5000, time_step=1)
    contents = [Contents.of(system, whole, T) for T in temperatures]
    phi, psi = np.stack([one.columns.reshape(-1, 2).T for one in contents], axis=1)
    energies = np.stack([one.energies.ravel() for one in contents])
    alpha = (phi < 0) & (psi > np.radians(-120)) & (psi < np.radians(60))
    states = np.where(phi > 0, 2, np.where(alpha, 0, 1))
    features = np.stack([np.cos(phi), np.sin(phi), np.cos(psi), np.sin(psi)], axis=-1).astype(np.float32)
    unit = blocks(phi.shape[1], block_length([(states == s).mean(axis=0) for s in range(3)]))
    reference = np.loadtxt(folder / "reference.csv", delimiter=",", skiprows=1)
    truth = {}
    for T in temperatures:
        row = reference[np.argmin(np.abs(reference[:, 0] - T))]
        truth[T] = {"alpha": (row[3], TRUTH_ERROR["alpha"]), "left": (row[4], TRUTH_ERROR["left"])}
    for number, chosen in enumerate(TRAINED):
        train = [temperatures[k] for k in chosen]
        frames = {
            "features": [features[k] for k in chosen],
            "columns": [features[k] for k in chosen],
            "states": [states[k] for k in chosen],
            "state_names": STATES,
            "temperatures": train,
            "units": [unit] * len(chosen),
            "shared_units": True,
        }
        asked = {T: shares for T, shares in truth.items() if T not in train}
        yield case("energies", number, frames | {"energies": [energies[k] for k in chosen]}, asked)
        yield case("no energies", number, frames, asked)
