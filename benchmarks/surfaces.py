"""Where is a density worth it? Surfaces from an eighth of the MD: histogram, kernel density and density model.

    python benchmarks/surfaces.py lj7|three_hole|alanine [--results results] [--sets 8]
    python benchmarks/surfaces.py --write               # benchmarks/results/surfaces.md of all systems that were run

An eighth of the walkers at two training temperatures is reweighted to others; from the same weights come three surfaces of
the study's fixed plane, judged by all of the MD there. Three-hole is judged by its exact surface too. Numbers go into
benchmarks/results/surfaces/SYSTEM.csv with machine and commit.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch

import numpy as np
import pandas as pd
import torch
from coverage_systems import ALANINE, LJ7, Md
from interval_coverage import provenance
from surfaces_methods import ShortMd, fit_plane_density, kernel_densities
from surfaces_report import write_report

from thermolatent import ConditionalReweighting
from thermolatent.errors import ThermolatentError
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.validate.divergence import Bins, js
from thermolatent.validate.free_energy import free_energy_rmse
from thermolatent.validate.uncertainty import effective_sample_size

RESULTS = Path(__file__).parent / "results" / "surfaces"
BINS = 60
#: Short MD is so many times shorter.
SHARE = 8


@dataclass(frozen=True)
class System:
    """What is learned from what.

    Attributes
    ----------
    tau: of the flow's base, as in the study.
    """

    study: str
    centers: dict[str, tuple[float, float]]
    train: list[float]
    asked: list[float]
    unit: str = "reduced"
    periodic: bool = False
    tau: float = 2.0


HOLES = {"left": (-1.0481, -0.0421), "right": (1.0481, -0.0421), "top": (0.0, 1.5371)}
SYSTEMS = {
    "lj7": System("lj7_long", LJ7, [0.2, 0.5], [0.3, 0.4, 0.6, 0.7]),
    "three_hole": System("three_hole", HOLES, [0.5, 1.5], [0.75, 1.0, 1.25], tau=3.0),
    "alanine": System("alanine_dipeptide", ALANINE, [550, 850], [650, 750], "kelvin", periodic=True),
}


def references(name: str, system: System, md: Md, bins: Bins) -> dict[tuple[str, float], np.ndarray]:
    """Masses ``(cells,)`` to judge by: kind and temperature -> all of the MD, and the exact ones where they are known."""
    found = {("MD", T): bins.mass(np.asarray(md.plane[T]).reshape(-1, 2)) for T in system.asked}
    if name == "three_hole":
        for T in system.asked:
            mass = ThreeHole(kind="three_hole").exact_histogram(*bins.edges, T).ravel()
            found["exact", T] = np.append(mass, 1 - mass.sum())
    return found


def short_md(system: System, md: Md, part: tuple[slice, slice]) -> ShortMd:
    """One set, with the estimator fitted to it as benchmarks/interval_coverage.py does."""
    frames = md.frames(system.train, part, temperature_unit=system.unit)
    plane = frames["columns"]
    if system.periodic:  # angles do not belong into a linear basis
        frames["columns"] = [np.concatenate([np.sin(p), np.cos(p)], axis=-1) for p in plane]
    estimator = ConditionalReweighting().fit(**frames)
    walkers, length = plane[0].shape[:2]
    return ShortMd(
        estimator,
        np.concatenate([p.reshape(-1, 2) for p in plane]).astype(np.float64),
        np.tile(np.repeat(np.arange(walkers), length), len(system.train)),
        np.repeat(np.array(system.train, float), walkers * length),
        system.periodic,
    )


def surfaces(system: System, md: Md, bins: Bins, number: int, part: tuple[slice, slice]) -> Iterator[dict]:
    """Rows of one set: method, temperature, its mass ``(cells,)``, seconds and what was chosen."""
    start = time.perf_counter()
    short = short_md(system, md, part)
    told = {"set": number, "frames": len(short.points), "seconds_reweighting": time.perf_counter() - start}
    start = time.perf_counter()
    everything = [*system.train, *system.asked]
    density = fit_plane_density(short, (1 / max(everything), 1 / min(everything)), system.tau, number)
    training = time.perf_counter() - start
    for T in system.asked:
        weights = short.estimator.weights(T)
        told |= {"temperature": T, "effective": effective_sample_size(weights), "smallest": short.smallest}
        yield told | {"method": "histogram", "mass": bins.mass(short.points, weights), "seconds": 0.0}
        start = time.perf_counter()
        for method, (mass, factor) in kernel_densities(short, bins, T).items():
            yield told | {"method": method, "mass": mass, "chosen": factor, "seconds": time.perf_counter() - start}
        mass, steps = density.mass(bins, T), density.fitted.about["steps"]
        yield told | {"method": "density", "mass": mass, "chosen": steps, "seconds": training}
        there = bins.mass(np.asarray(md.plane[T][part]).reshape(-1, 2))
        yield told | {"method": "floor", "mass": there, "smallest": 2 * short.smallest, "seconds": 0.0}


def judged(name: str, system: System, md: Md, sets: int) -> Iterator[list[dict]]:
    """Rows of each set, with their scores."""
    bins = Bins.spanning([np.asarray(p).reshape(-1, 2) for p in md.plane.values()], BINS, [system.periodic] * 2)
    truth = references(name, system, md, bins)
    walkers, length = next(iter(md.plane.values())).shape[:2]
    for number, part in md.sets(walkers // SHARE, length):
        if number >= sets:
            return
        rows = []
        for row in surfaces(system, md, bins, number, part):
            mass, smallest = row.pop("mass"), row.pop("smallest")
            for (kind, T), reference in truth.items():
                if row["temperature"] == T:
                    rmse = float(free_energy_rmse(reference[:-1], mass[:-1], smallest))
                    scores = {"js": float(js(reference, mass)), "rmse": rmse, "outside": mass[-1]}
                    rows.append({"system": name, "judged_by": kind, **row, **scores})
        yield rows


def main() -> int:
    """Run one system, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("system", nargs="?", choices=sorted(SYSTEMS))
    parser.add_argument("--results", default="results", help="folder of the MD")
    parser.add_argument("--sets", type=int, default=SHARE, help="at most so many of the disjoint sets")
    parser.add_argument("--write", action="store_true", help="write the report of everything that was run")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    warnings.simplefilter("ignore")
    if options.system:
        system, source = SYSTEMS[options.system], provenance()
        RESULTS.mkdir(parents=True, exist_ok=True)
        target, found = RESULTS / f"{options.system}.csv", []
        try:
            md = Md(options, system.study, system.centers, sorted({*system.train, *system.asked}))
            for rows in judged(options.system, system, md, options.sets):
                found += rows
                frame = pd.DataFrame(found)
                frame.insert(0, "provenance", source)
                frame.to_csv(target, index=False, float_format="%.5g")
                print(f"set {rows[0]['set']} done", flush=True)
        except ThermolatentError as error:
            print(error, file=sys.stderr)
            return 1
        keys = ["judged_by", "temperature", "method"]
        print(frame.groupby(keys, sort=False)[["js", "rmse", "outside", "chosen", "seconds"]].mean().to_string())
    if options.write:
        print(write_report(RESULTS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
