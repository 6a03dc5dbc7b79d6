"""Are the errors that `thermolatent advise` expects those that the MD then brings?

    python benchmarks/expected_errors.py lj7 lj7_coupled three_hole [STUDY ...] [--results results] [--workers 2]
    python benchmarks/expected_errors.py --write         # benchmarks/results/expected_errors.md of all systems that were run

From short MD at two or more temperatures the standard error of each state's population is expected after each option:
as much MD at another temperature, or four times the MD at one of them. Then that MD is added, and the estimator is fitted
again: *realised*. Independent sets of four walkers. Other studies than the three (the structure-based hairpin, the WCA dimer)
need finished MD, and states by their centers; they are trained at their own temperatures. Without models: the estimator in
process. The MD is made by `thermolatent run lj7_long three_hole --until featurize`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: the sets share the cores

import numpy as np
import pandas as pd
from coverage_systems import COUPLED, LJ7, MEMORY, Md, bath, three_hole_md
from interval_coverage import provenance
from scipy.special import expit

from thermolatent import ConditionalReweighting
from thermolatent.advise.expected import Expectation, NewMd
from thermolatent.errors import ThermolatentError

RESULTS = Path(__file__).parent / "results" / "expected_errors"
WALKERS, FRAMES, LONGER = 4, 1500, 4
#: Expected errors within this factor of the realised ones are right.
FACTOR = 1.5
#: Arrays of :meth:`ConditionalReweighting.fit` that have one element per temperature.
_EACH = ("features", "columns", "energies", "states", "counts")
_ABOUT = """\
Made by `python benchmarks/expected_errors.py SYSTEM` and `--write`. From short MD the standard error of each state's population
is expected after each option: as much MD at another temperature (*add*), or four times the MD at one of them (*extend*). Then
that MD is added and the estimator fitted again: *realised*. Independent sets of four walkers of 1,500 frames at each
temperature, no density models."""


@dataclass(frozen=True)
class Start:
    """Data of one set: what there is at each temperature, once with FRAMES and once with LONGER times as many.

    Attributes
    ----------
    short, long: temperature -> the arrays of that temperature, by name.
    other: what else :meth:`ConditionalReweighting.fit` takes.
    """

    system: str
    data: str
    number: int
    train: list[float]
    asked: list[float]
    short: dict[float, dict[str, np.ndarray]]
    long: dict[float, dict[str, np.ndarray]]
    other: dict[str, Any]

    def fit(self, chosen: dict[float, dict[str, np.ndarray]]) -> ConditionalReweighting:
        """Fit to these arrays."""
        temperatures = sorted(chosen)
        each = {name: [chosen[T][name] for T in temperatures] for name in _EACH if name in chosen[temperatures[0]]}
        return ConditionalReweighting().fit(temperatures=temperatures, **each, **self.other)


def rows_of(start: Start) -> list[dict[str, Any]]:
    """Each option, asked temperature and state with its three standard errors."""
    warnings.simplefilter("ignore")
    chosen = {T: start.short[T] for T in start.train}
    now = start.fit(chosen)
    energies = None
    if "energies" in chosen[start.train[0]]:
        energies = np.concatenate([chosen[T]["energies"].ravel() for T in sorted(chosen)])
    expectation, rows = Expectation(now, energies), []
    options = [(f"add {T:g}", NewMd(T, WALKERS, FRAMES), {T: start.short[T]}) for T in start.short if T not in chosen]
    options += [(f"extend {T:g}", NewMd(T, WALKERS, (LONGER - 1) * FRAMES), {T: start.long[T]}) for T in start.train]
    for name, md, new in options:
        after = start.fit(chosen | new)
        for T in start.asked:
            shares, present = expectation.present(T)
            expected, realised = expectation.parts(T, md).stderr, after.population_influences(T).parts().stderr
            columns = zip(now.state_names, shares, present.stderr, expected, realised, strict=True)
            about = {"system": start.system, "data": start.data, "set": start.number}
            about |= {"trained": _trained(start), "option": name, "asked": T}
            rows += [
                about | {"state": state, "share": p, "now": a, "expected": b, "realised": c}
                for state, p, a, b, c in columns
            ]
    return rows


def _starts(
    md: Md, sets: int, name: str, train: list[float], asked: list[float], data: str, change, **other
) -> Iterator[Start]:
    """Sets of one system; ``change(arrays, T, part, number)`` makes the arrays of one temperature."""
    long = {number: part for number, part in md.sets(WALKERS, LONGER * FRAMES) if number < sets}
    for number, (walkers, frames) in long.items():
        full = {T: change(_arrays(md, T, (walkers, frames)), T, (walkers, frames), number) for T in md.temperatures}
        yield Start(
            *(name, data, number, train, asked),
            {T: {key: values[:, :FRAMES] for key, values in arrays.items()} for T, arrays in full.items()},
            full,
            {"state_names": md.names, **other},
        )


def _arrays(md: Md, T: float, part: tuple[slice, slice]) -> dict[str, np.ndarray]:
    found = {"features": md.features, "columns": md.plane, "energies": md.energies, "states": md.labels}
    return {key: np.array(values[T][part]) for key, values in found.items()}


def _as_it_is(arrays: dict[str, np.ndarray], *_: Any) -> dict[str, np.ndarray]:
    return arrays


def _without_energies(arrays: dict[str, np.ndarray], *_: Any) -> dict[str, np.ndarray]:
    return {key: values for key, values in arrays.items() if key != "energies"}


def lj7(options: Namespace) -> Iterator[Start]:
    """Between, above and below the training temperatures, with energies and without."""
    md = Md(options, "lj7_long", LJ7, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    for train in ([0.2, 0.5], [0.2, 0.3], [0.5, 0.7]):
        asked = [T for T in md.temperatures if T not in train]
        for data, change in (("energies", _as_it_is), ("no energies", _without_energies)):
            yield from _starts(md, options.sets, "lj7", train, asked, data, change, temperature_unit="reduced")


def lj7_coupled(options: Namespace) -> Iterator[Start]:
    """12 degrees of freedom more in the hexagon, alone and in a bath of 2,000 others with correlated noise."""
    md = Md(options, "lj7_long", LJ7, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7])

    def coupled(degrees: int):
        def change(arrays: dict[str, np.ndarray], T: float, part: tuple[slice, slice], number: int):
            rng = np.random.default_rng([3, number, degrees, round(10 * T)])
            switch = expit((arrays["columns"][..., 1].astype(float) - COUPLED["at"]) / COUPLED["width"])
            counts = np.exp(COUPLED["degrees"] / 2 * switch * np.log(T / COUPLED["neutral"]))
            more = rng.standard_gamma(COUPLED["degrees"] / 2 * switch) + bath(part, degrees, MEMORY, rng)
            return arrays | {"energies": arrays["energies"] + T * more, "counts": counts}

        return change

    for degrees in (0, 2000):
        asked = [0.3, 0.4, 0.6, 0.7]
        name = f"bath {degrees:,}" if degrees else "energies"
        yield from _starts(
            md, options.sets, "lj7_coupled", [0.2, 0.5], asked, name, coupled(degrees), temperature_unit="reduced"
        )


def three_hole(options: Namespace) -> Iterator[Start]:
    """The three-hole potential, trained at 0.5 and 1.5."""
    (md, _), train, asked = three_hole_md(options, [0.5, 0.75, 1.0, 1.25, 1.5], []), [0.5, 1.5], [0.75, 1.0, 1.25]
    for data, change in (("energies", _as_it_is), ("no energies", _without_energies)):
        yield from _starts(md, options.sets, "three_hole", train, asked, data, change, temperature_unit="reduced")


SYSTEMS = {"lj7": lj7, "lj7_coupled": lj7_coupled, "three_hole": three_hole}


def of_study(name: str, options: Namespace) -> Iterator[Start]:
    """Any other study, at its own temperatures."""
    from thermolatent.study.project import find_study

    study = find_study(name, ["studies"])
    if study.validate_.states.kind != "nearest":
        raise ThermolatentError(f"{name}: its states are {study.validate_.states.kind}; here they must be nearest")
    md = Md(options, name, study.validate_.states.centers, study.temperatures.simulated)
    train, unit = sorted(study.temperatures.train), study.system.temperature_unit
    yield from _starts(
        md, options.sets, name, train, study.temperatures.predict, "energies", _as_it_is, temperature_unit=unit
    )


def write_report(folder: Path) -> str:
    """``expected_errors.md`` of all tables in a folder."""
    rows = pd.concat([pd.read_csv(path) for path in sorted(folder.glob("*.csv"))], ignore_index=True)
    ratio = rows.expected / rows.realised
    rows["within"] = (ratio < FACTOR) & (ratio > 1 / FACTOR)
    rows["ratio"] = ratio
    case = ["system", "data", "trained", "option", "asked"]
    mean = rows.groupby([*case, "state"], sort=False)[["now", "expected", "realised"]].mean().reset_index()
    of_mean = mean.expected / mean.realised
    mean["within"] = (of_mean < FACTOR) & (of_mean > 1 / FACTOR)
    several = f", and in {mean.within.mean():.0%} of {len(mean)} means over sets"
    out = [
        "# Expected errors of MD that is not there yet",
        "",
        _ABOUT,
        "",
        f"{len(rows.groupby(case))} options (of one asked temperature each), all states: **within a factor of {FACTOR} in "
        f"{rows.within.mean():.0%} of {len(rows):,} single sets and states**"
        f"{several if rows['set'].nunique() > 1 else ''}. Lowest where the new temperature is far outside of the trained ones.",
        "",
        f"Commits, machine: {'; '.join(sorted(set(rows.provenance)))}.",
        "",
        "| system | data | trained | MD | options | now | expected | realised | expected / realised | within a factor of 1.5 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows["kind"] = rows.option.str.split().str[0]
    for key, own in rows.groupby(["system", "data", "trained", "kind"], sort=False):
        means = own[["now", "expected", "realised"]].mean()
        cells = [*key, str(len(own.groupby(case))), *(f"{value:.4f}" for value in means)]
        out.append(f"| {' | '.join([*cells, f'{own.ratio.median():.2f}', f'{own.within.mean():.0%}'])} |")
    path = folder.with_suffix(".md")
    path.write_text("\n".join(out) + "\n")
    return str(path)


def _run(name: str, options: Namespace) -> None:
    """Add the sets that are missing in a system's table, one after the other."""
    path, told = RESULTS / f"{name}.csv", provenance()
    there = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["data", "trained", "set"])
    done = set(zip(there.data, there.trained.astype(str), there.set, strict=True))
    starts = SYSTEMS[name](options) if name in SYSTEMS else of_study(name, options)
    missing = (s for s in starts if (s.data, _trained(s), s.number) not in done)
    path.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("fork").Pool(options.workers) as pool:
        for rows in pool.imap(rows_of, missing):
            frame = pd.DataFrame(rows)
            frame.insert(0, "provenance", told)
            frame.to_csv(path, mode="a", header=not path.is_file(), index=False, float_format="%.4g")


def _trained(start: Start) -> str:
    return " ".join(f"{T:g}" for T in start.train)


def main() -> int:
    """Run systems, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"{', '.join(SYSTEMS)}, or a study")
    parser.add_argument("--results", default="results", help="folder of the MD")
    parser.add_argument("--sets", type=int, default=4, help="independent sets of each case; those that are there stay")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="write the report of everything that was run")
    options = parser.parse_args()
    for name in options.systems:
        try:
            _run(name, options)
        except ThermolatentError as error:
            print(error, file=sys.stderr)
            return 1
    if options.write:
        print(write_report(RESULTS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
