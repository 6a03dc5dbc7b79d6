"""The systems of benchmarks/interval_coverage.py: short independent sets of MD, and the truth from all of it or an exact answer.

Seeds and constants here were fixed before the runs that are reported.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from coverage_toy import toy
from coverage_water import water
from scipy.special import expit

from thermolatent.errors import ThermolatentError

LJ7 = {"hexagon": (0.747, 1.318), "tricapped": (0.958, 0.299), "trapezoid": (0.755, 0.351), "chevron": (0.592, -0.116)}
ALANINE = {"C7eq": (-1.45, 1.2), "C5": (-2.7, 2.8), "C7ax": (1.2, -0.9)}
HAIRPIN = {"folded": (0.90, 0.516), "unfolded": (0.22, 0.625)}
DIMERS = {"compact": (0.382, 0.382), "first": (0.586, 0.382), "second": (0.382, 0.586), "extended": (0.586, 0.586)}
#: Of the bath that holds more degrees of freedom in the hexagon, as in studies/lj7_coupled.yaml.
COUPLED = {"at": 0.8, "width": 0.1, "degrees": 12, "neutral": 0.27}
#: Frames over which the correlated noise of a bath forgets itself.
MEMORY = 30


@dataclass(frozen=True)
class Case:
    """One set: what :meth:`ConditionalReweighting.fit` takes, and the truth.

    Attributes
    ----------
    truth: temperature -> state -> (share, its own standard error).
    mbar: whether MBAR is judged beside.
    """

    name: str
    number: int
    frames: dict[str, Any]
    truth: dict[float, dict[str, tuple[float, float]]]
    heat_capacity: float = 5.0
    mbar: bool = False


class Md:
    """Featurized MD of a study at several temperatures, with the named states of its plane."""

    def __init__(
        self, options: Namespace, study: str, centers: dict[str, tuple[float, float]], temperatures: list[float]
    ):
        self.names, self.temperatures = list(centers), temperatures
        self.features, self.plane, self.energies, self.labels = {}, {}, {}, {}
        for T in temperatures:
            folder = Path(options.results) / study / "featurize" / f"T{T:g}"
            if not (folder / "features.json").is_file():
                raise ThermolatentError(f"{folder}: no MD; make it by: thermolatent run {study} --until featurize")
            self.features[T], self.plane[T], self.energies[T] = (
                np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("features", "plane", "energies")
            )
            self.labels[T] = nearest(
                np.asarray(self.plane[T]), np.array(list(centers.values())), study.startswith("alanine")
            )

    def truth(self, asked: list[float], counts: dict[float, np.ndarray] | None = None) -> dict:
        """Shares in all of the MD."""
        found = {}
        for T in asked:
            weight = None if counts is None else counts[T].ravel()
            share = np.bincount(self.labels[T].ravel(), weight, minlength=len(self.names))
            found[T] = {name: (float(p), 0.0) for name, p in zip(self.names, share / share.sum(), strict=True)}
        return found

    def truth_with_errors(self, asked: list[float], states: list[str]) -> dict:
        """Shares of these states in all of the MD, with their standard errors from the scatter of its walkers."""
        found: dict = {T: {} for T in asked}
        for T in asked:
            for state in states:
                inside = (self.labels[T] == self.names.index(state)).mean(axis=1)
                found[T][state] = float(inside.mean()), float(inside.std(ddof=1) / np.sqrt(len(inside)))
        return found

    def sets(self, walkers: int, frames: int) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """Numbered pieces of so many walkers and frames, none of them twice."""
        there = next(iter(self.features.values())).shape
        number = 0
        for first in range(0, there[1] - frames + 1, frames):
            for walker in range(0, there[0] - walkers + 1, walkers):
                yield number, (slice(walker, walker + walkers), slice(first, first + frames))
                number += 1

    def frames(self, train: list[float], part: tuple[slice, slice], **other: Any) -> dict[str, Any]:
        """What the estimator is fitted to; ``other`` goes over it."""
        return {
            "features": [np.array(self.features[T][part]) for T in train],
            "columns": [np.array(self.plane[T][part]) for T in train],
            "energies": [np.array(self.energies[T][part]) for T in train],
            "states": [self.labels[T][part] for T in train],
            "state_names": self.names,
            "temperatures": train,
            **other,
        }


def nearest(plane: np.ndarray, centers: np.ndarray, periodic: bool) -> np.ndarray:
    """Number of the nearest centre of each point ``(..., 2)``."""
    difference = plane[..., None, :] - centers
    if periodic:
        difference -= 2 * np.pi * np.round(difference / (2 * np.pi))
    return np.square(difference).sum(-1).argmin(-1)


def _lj7(options: Namespace) -> Md:
    return Md(options, "lj7_long", LJ7, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


def lj7(options: Namespace) -> Iterator[Case]:
    """With energies, and without."""
    md, train, asked = _lj7(options), [0.2, 0.5], [0.3, 0.4, 0.6, 0.7]
    truth = md.truth(asked)
    for number, part in md.sets(8, 1500):
        frames = md.frames(train, part, temperature_unit="reduced")
        yield Case("energies", number, frames, truth)
        yield Case("no energies", number, frames | {"energies": None}, truth)


def lj7_noise(options: Namespace) -> Iterator[Case]:
    """With 100 features that mean nothing: half of them white, half random walks, which tell walkers apart."""
    md, train, asked = _lj7(options), [0.2, 0.5], [0.3, 0.4, 0.6, 0.7]
    truth = md.truth(asked)
    for number, part in md.sets(8, 1500):
        rng = np.random.default_rng([1, number])
        frames = md.frames(train, part, temperature_unit="reduced")
        noisy = []
        for features in frames["features"]:
            white, steps = rng.standard_normal((2, *features.shape[:2], 50), dtype=np.float32)
            noisy.append(np.concatenate([features, white, steps.cumsum(axis=1) / 10], axis=-1))
        yield Case("energies", number, frames | {"features": noisy}, truth)


def lj7_far(options: Namespace) -> Iterator[Case]:
    """Far heating and cooling."""
    md = _lj7(options)
    for train, asked in (([0.2, 0.3], [0.4, 0.5, 0.6, 0.7]), ([0.5, 0.7], [0.4, 0.3])):
        truth = md.truth(asked)
        for number, part in md.sets(8, 1500):
            yield Case(f"{train[0]:g} {train[1]:g}", number, md.frames(train, part, temperature_unit="reduced"), truth)


def lj7_coupled(options: Namespace) -> Iterator[Case]:
    """A bath with 12 degrees of freedom more in the hexagon, and others whose noise is white or correlated in time."""
    md = _lj7(options)
    switch = {
        T: expit((np.asarray(md.plane[T][..., 1], float) - COUPLED["at"]) / COUPLED["width"]) for T in md.temperatures
    }
    counts = {T: np.exp(COUPLED["degrees"] / 2 * switch[T] * np.log(T / COUPLED["neutral"])) for T in md.temperatures}
    for train, asked in (([0.2, 0.5], [0.3, 0.4, 0.6, 0.7]), ([0.2, 0.4, 0.5], [0.3, 0.6, 0.7])):
        truth = md.truth(asked, counts)
        for degrees, memory in ((0, 0), (2000, 0), (2000, MEMORY), (20000, 0), (20000, MEMORY)):
            kind = "" if not degrees else " white" if not memory else " correlated"
            name = f"{' '.join(f'{T:g}' for T in train)}, bath {degrees}{kind}"
            for number, part in md.sets(8, 1500):
                rng = np.random.default_rng([2, number, degrees, memory])
                energies = [
                    np.array(md.energies[T][part])
                    + T
                    * (rng.standard_gamma(COUPLED["degrees"] / 2 * switch[T][part]) + bath(part, degrees, memory, rng))
                    for T in train
                ]
                weights = [counts[T][part] for T in train]
                frames = md.frames(train, part, temperature_unit="reduced", energies=energies, counts=weights)
                yield Case(name, number, frames, truth)


def bath(part: tuple[slice, slice], degrees: int, memory: int, rng: np.random.Generator) -> np.ndarray:
    """Energy in kT of so many harmonic degrees of freedom, ``(walkers, frames)``; with ``memory`` a first-order
    autoregressive series of that correlation time in frames."""
    shape = tuple(p.stop - p.start for p in part)
    if not degrees:
        return np.zeros(shape)
    if not memory:
        return rng.standard_gamma(degrees / 2, shape)
    keep, series = np.exp(-1 / memory), rng.standard_normal(shape)
    for t in range(1, shape[1]):
        series[:, t] = keep * series[:, t - 1] + np.sqrt(1 - keep**2) * series[:, t]
    return degrees / 2 + np.sqrt(degrees / 2) * series


def alanine(options: Namespace) -> Iterator[Case]:
    """Alanine dipeptide in vacuum."""
    md, train, asked = Md(options, "alanine_dipeptide", ALANINE, [550, 850, 650, 750]), [550, 850], [650, 750]
    truth = md.truth(asked)
    for number, part in md.sets(8, 3000):
        frames = md.frames(train, part)
        plane = frames["columns"]  # angles do not belong into a linear basis
        frames["columns"] = [np.concatenate([np.sin(p), np.cos(p)], axis=-1) for p in plane]
        yield Case("energies", number, frames, truth)


def three_hole(options: Namespace) -> Iterator[Case]:
    """The three-hole potential, whose populations are known by quadrature."""
    train, asked = [0.5, 1.5], [0.75, 1.0, 1.25]
    md, truth = three_hole_md(options, train, asked)
    for number, part in md.sets(8, 1500):
        yield Case("energies", number, md.frames(train, part, temperature_unit="reduced"), truth)


def three_hole_md(options: Namespace, temperatures: list[float], asked: list[float]) -> tuple[Md, dict]:
    """Its MD with states by steepest descent, and the exact shares at the ``asked`` temperatures."""
    from thermolatent.study.project import find_study
    from thermolatent.systems.three_hole import ThreeHole

    minima = find_study("three_hole", ["studies"]).validate_.states.minima
    md = Md(options, "three_hole", minima, temperatures)
    assigner, truth = _three_hole_truth(ThreeHole(kind="three_hole"), minima, asked)
    for T in temperatures:
        md.labels[T] = assigner.assign(np.asarray(md.plane[T]).reshape(-1, 2)).reshape(md.plane[T].shape[:2])
    return md, truth


def _three_hole_truth(system: Any, minima: dict, asked: list[float]):
    from thermolatent.states.named import Basins

    low, high, cells = np.array([-4.0, -4.0]), np.array([4.0, 4.5]), 400
    assigner = Basins(system.plane_energy_gradient, np.array(list(minima.values())), low, high)
    edges = [np.linspace(a, b, cells + 1) for a, b in zip(low, high, strict=True)]
    centers = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij"), axis=-1).reshape(-1, 2)
    states = assigner.assign(centers)
    truth = {}
    for T in asked:
        mass = system.exact_histogram(*edges, T).ravel()
        share = np.bincount(states, mass, minlength=len(minima))
        truth[T] = {name: (float(p), 0.0) for name, p in zip(minima, share / share.sum(), strict=True)}
    return assigner, truth


def hairpin_go(options: Namespace) -> Iterator[Case]:
    """A structure-based hairpin: trained on both sides of Tm, and above it; of two states the share of one is judged."""
    everything = [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.15, 1.25]
    md = Md(options, "hairpin_go", HAIRPIN, everything)
    for name, train in (("both sides of Tm", [0.8, 1.15]), ("above Tm", [1.1, 1.25])):
        truth = md.truth_with_errors([T for T in everything if T not in train], ["folded"])
        for number, part in md.sets(8, 250):
            frames = md.frames(train, part, temperature_unit="reduced")
            yield Case(name, number, frames, truth, mbar=True)
            yield Case(f"{name}, no energies", number, frames | {"energies": None}, truth)


def wca_dimer(options: Namespace) -> Iterator[Case]:
    """Dimers in an explicit fluid, whose energies are those of all of it: two and three temperatures."""
    asked = [85, 120, 180]
    md = Md(options, "wca_dimer", DIMERS, [75, 100, 150, *asked])
    truth = md.truth_with_errors(asked, md.names)
    for train in ([75, 150], [75, 100, 150]):
        for number, part in md.sets(4, 150):
            frames, name = md.frames(train, part), f"{len(train)} temperatures"
            yield Case(name, number, frames, truth, mbar=True)
            yield Case(f"{name}, no energies", number, frames | {"energies": None}, truth)


SYSTEMS = {
    "lj7": lj7,
    "lj7_noise": lj7_noise,
    "lj7_far": lj7_far,
    "lj7_coupled": lj7_coupled,
    "three_hole": three_hole,
    "alanine": alanine,
    "hairpin_go": hairpin_go,
    "wca_dimer": wca_dimer,
    "water": lambda options: water(options, Case),
    "toy": lambda options: toy(Case),
}
