"""COLVAR files of alanine dipeptide in water from a copy of pymbar's example, for benchmarks/interval_coverage.py.

    python benchmarks/alanine_water.py PYMBAR/examples/parallel-tempering-2dfes/data --out alanine_water

The example holds replica exchange at 40 temperatures (Chodera, Swope, Pitera, Dill, Multiscale Model. Simul. 5, 1214, 2006).
Written are every second temperature, ``T<kelvin>.colvar.gz`` with time (ps), phi, psi (radians) and potential energy (kJ/mol),
and ``reference.csv``: shares of two states at all 40 temperatures by MBAR over all of them, and smoothed by a logistic curve
quadratic in 1/T. States: alpha is phi < 0 and -120 < psi < 60 degrees, left is phi > 0.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from thermolatent.mbar import log_weights, solve_free_energies
from thermolatent.reweight.sample import GAS_CONSTANT

KILOCALORIE = 4.184
#: MBAR over all temperatures takes every so many frames.
STRIDE = 4


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Temperatures ``(K,)``, phi and psi in degrees and energies in kJ/mol, each ``(K, frames)``."""
    temperatures = np.loadtxt(folder / "temperatures").ravel()
    energies = np.loadtxt(folder / "energies" / "potential-energies").T * KILOCALORIE
    angles = [
        np.stack([np.loadtxt(folder / "backbone-torsions" / f"{k}.{name}") for k in range(len(temperatures))])
        for name in ("phi", "psi")
    ]
    return temperatures, *angles, energies


def reference(temperatures: np.ndarray, energies: np.ndarray, states: list[np.ndarray]) -> np.ndarray:
    """Rows of temperature, share of each state by MBAR, and the same smoothed."""
    thin = [a[:, ::STRIDE] for a in (energies, *states)]
    frames = np.full(len(temperatures), thin[0].shape[1])
    u, b = thin[0].ravel(), 1 / (GAS_CONSTANT * temperatures)
    at_training = u[:, None] * b
    f = solve_free_energies(at_training, frames)
    shares = np.empty((len(temperatures), len(states)))
    for k, bk in enumerate(b):
        w = np.exp(log_weights(u * bk, at_training, frames, f))
        shares[k] = [w @ inside.ravel() for inside in thin[1:]]
    return np.column_stack([temperatures, shares, *(smoothed(b, shares[:, s]) for s in range(len(states)))])


def smoothed(b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Maximum-likelihood logistic curve, quadratic in b."""
    x = np.vander((b - b.mean()) / b.std(), 3)
    start = np.linalg.lstsq(x, logit(np.clip(share, 1e-3, 1 - 1e-3)), rcond=None)[0]

    def loss(weights: np.ndarray) -> float:
        p = np.clip(expit(x @ weights), 1e-12, 1 - 1e-12)
        return float(-(share * np.log(p) + (1 - share) * np.log1p(-p)).sum())

    return expit(x @ minimize(loss, start).x)


def main() -> int:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="examples/parallel-tempering-2dfes/data of pymbar's repository")
    parser.add_argument("--out", type=Path, default=Path("alanine_water"))
    options = parser.parse_args()
    if not (options.data / "temperatures").is_file():
        print(f"{options.data}: has no file 'temperatures'; give the folder data of pymbar's example", file=sys.stderr)
        return 1
    temperatures, phi, psi, energies = read(options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    for k in range(0, len(temperatures), 2):
        columns = np.column_stack([np.arange(1, phi.shape[1] + 1), np.radians(phi[k]), np.radians(psi[k]), energies[k]])
        with gzip.open(options.out / f"T{temperatures[k]:.6g}.colvar.gz", "wt") as file:
            np.savetxt(
                file, columns, fmt=("%d", "%.4f", "%.4f", "%.2f"), header="! FIELDS time phi psi energy", comments="#"
            )
    states = [(phi < 0) & (psi > -120) & (psi < 60), phi > 0]
    rows = reference(temperatures, energies, [s.astype(float) for s in states])
    header = "temperature_K,alpha_mbar,left_mbar,alpha_smooth,left_smooth"
    np.savetxt(options.out / "reference.csv", rows, delimiter=",", fmt="%.6g", header=header, comments="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
