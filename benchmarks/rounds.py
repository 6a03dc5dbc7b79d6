"""How much MD does `thermolatent run --until-within` need, against plain MD at the asked temperature and replica exchange?

    python benchmarks/rounds.py hot | cold | middle | exchange [--results results] [--first 0] [--loops N]
    python benchmarks/rounds.py --write                # benchmarks/results/rounds.md of everything that was run

LJ7, in process, no networks: a loop begins with short walkers at each of two temperatures and adds what the advice finds best,
with the MD of `thermolatent run lj7_long --until featurize`, or, where it reseeds, with new MD from frames drawn by weight. It
ends when the 95 % interval ends within 0.06 of the value, a standard error of 0.03 or less, or no MD is left. {WALKERS} walkers.
All frames count: at all temperatures, those of the beginning, and the {EQUILIBRATION} in which each walker or replica that is not
reseeded is equilibrated. Plain MD, and replica exchange by two ladders ({RUNGS}; exchanges after every frame): the frames with
the same root mean squared error at the asked temperature as the ends of the loops, or with 0.03 where there are few loops.
A loop of the last case takes many rounds: two were run, and a third was stopped before its end, after three minutes of CPU.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from coverage_systems import LJ7, Md, nearest
from interval_coverage import provenance

from thermolatent import ConditionalReweighting
from thermolatent.advise import options as advised
from thermolatent.advise.advice import Advice
from thermolatent.advise.budget import Budget
from thermolatent.advise.expected import Expectation
from thermolatent.advise.options import new_temperatures
from thermolatent.advise.rounds import choose
from thermolatent.advise.want import Want
from thermolatent.featurize.base import columns_on, without_topology
from thermolatent.files.dcd import read_frames
from thermolatent.generate.structures import drawn_frames
from thermolatent.markov import Chains
from thermolatent.reweight.influence import share_interval
from thermolatent.reweight.sample import Arrays
from thermolatent.simulate.engines import Together
from thermolatent.simulate.ladders import Ladders
from thermolatent.simulate.langevin import make_context, seed_of, starting_positions
from thermolatent.simulate.molecules import engine_in_turn
from thermolatent.simulate.walkers import to_save
from thermolatent.study.project import find_study

RESULTS = Path(__file__).parent / "results"
STUDY = "lj7_long"
TEMPERATURES = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
WALKERS, FIRST, EQUILIBRATION = 8, 188, 500
#: Frames of a walker at a temperature at the most, and those of the pool that one loop may use.
LONGEST, SHARE = 3000, 2000
RUNGS, LADDERS, EXCHANGED, BLOCK = [0.2, 0.3, 0.4, 0.53, 0.7], 8, 800, 50
GOAL, FEW = 0.06, 8
#: Training temperatures, what is wanted, and how many loops, at most 24.
CASES = {
    "hot": ([0.2, 0.3], Want("chevron", 0.7), 24),
    "middle": ([0.2, 0.5], Want("hexagon", 0.3), 24),
    "cold": ([0.5, 0.7], Want("hexagon", 0.2), 2),
}


@dataclass
class Walkers:
    """MD at one temperature, as long as it was asked for: of the pool, or from ``starts`` ``(walkers, n, 3)``.

    Attributes
    ----------
    arrays: what the estimator takes, ``(walkers, frames, ...)`` each.
    """

    md: Md
    temperature: float
    part: tuple[slice, int]
    starts: np.ndarray | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    frames: int = 0

    def go_on(self, frames: int, seed: int) -> None:
        """To this number of frames."""
        T, (walkers, first) = self.temperature, self.part
        if self.starts is None:
            content = self.md.frames([T], (walkers, slice(first, first + frames)))
            self.arrays = {key: content[key][0] for key in ("features", "columns", "energies", "states")}
        else:
            if not self.frames:
                settings = SIMULATE.model_copy(update={"seed": seed})
                self._engine = Together(make_context(SYSTEM, settings, T), WALKERS)
                self._engine.start(self.starts, SYSTEM.kelvin(T), [(seed, seed)])
            found = []
            for _ in range(frames - self.frames):
                self._engine.step(SIMULATE.save_every, SYSTEM.kelvin(T))
                found.append(self._engine.frame()[0])
            more = featurized(self.md, np.stack(found))
            self.arrays = {
                k: np.concatenate([self.arrays[k], v], axis=1) if self.frames else v for k, v in more.items()
            }
        self.frames = frames

    def cost(self) -> int:
        return WALKERS * (self.frames + (EQUILIBRATION if self.starts is None else 0))


def featurized(md: Md, positions: np.ndarray) -> dict[str, np.ndarray]:
    """What the estimator takes of positions ``(frames, walkers, n, 3)``, ``(walkers, frames, ...)`` each."""
    positions = to_save(SYSTEM, positions).transpose(1, 0, 2, 3)
    features, plane = (columns_on(kinds, BARE) for kinds in (FEATURIZE.features, FEATURIZE.plane))
    flat = np.stack([plane.compute(walker.astype(np.float32)) for walker in positions])
    return {
        "features": np.stack([features.compute(walker.astype(np.float32)) for walker in positions]),
        "columns": flat,
        "energies": SYSTEM.potential_energy(positions),
        "states": nearest(flat, np.array(list(LJ7.values())), False),
    }


def fit(md: Md, there: dict[float, Walkers]) -> tuple[ConditionalReweighting, np.ndarray]:
    """The estimator of all MD, and the energies."""
    content = [there[T].arrays for T in sorted(there)]
    each = {key: [own[key] for own in content] for key in content[0]}
    chains = {T: Chains.of(own.arrays["features"]) for T, own in there.items() if own.starts is not None}
    counts = [chains[T].counts if T in chains else np.ones(there[T].arrays["states"].shape) for T in sorted(there)]
    sample = Arrays(
        temperatures=sorted(there), temperature_unit="reduced", state_names=md.names, counts=counts, **each
    ).sample()
    fitted = ConditionalReweighting(network=False).fit_sample(sample.with_chains(chains))
    return fitted, np.concatenate([e.ravel() for e in each["energies"]])


def starts_at(md: Md, fitted: ConditionalReweighting, there: dict[float, Walkers], T: float, seed: int) -> np.ndarray:
    """Positions ``(walkers, n, 3)`` of frames of the pool, drawn by their weights at ``T``; reseeded MD is not drawn from."""
    with np.errstate(divide="ignore"):
        log_w = np.log(fitted.weights(T))
    origin = []
    for own, walkers in sorted(there.items()):
        seeded = walkers.starts is not None
        origin += [(own, w, f, seeded) for w in range(WALKERS) for f in range(walkers.frames)]
    log_w[[seeded for *_, seeded in origin]] = -np.inf
    found = []
    for n in drawn_frames(log_w, WALKERS, seed):
        own, w, f, _ = origin[n]
        walkers, first = there[own].part
        path = Path(OPTIONS.results) / STUDY / "simulate" / f"T{own:g}" / f"walker{walkers.start + w:02d}.dcd"
        found.append(read_frames(str(path), np.array([first + f]))[0])
    return np.array(found, np.float64)


def loop(md: Md, part: tuple[slice, int], train: list[float], want: Want, seed: int) -> dict[str, float]:
    """One loop with this part of the pool."""
    there = {T: Walkers(md, T, part) for T in train}
    for own in there.values():
        own.go_on(FIRST, seed)
    rounds = 0
    while True:
        rounds += 1
        fitted, energies = fit(md, there)
        expectation = Expectation(fitted, energies)
        s = md.names.index(want.state)
        values, parts = expectation.present(want.temperature)
        half, farther = advised.interval_of(values, parts, s)
        frames = {T: own.frames for T, own in there.items()}
        ways = advised.Md(WALKERS, frames, 1.0, EQUILIBRATION, None, True)
        new = new_temperatures(sorted(frames), want.temperature, True)
        found = [] if farther <= GOAL else advised.options(expectation, want, GOAL, ways, new)
        found = [o for o in found if possible(o, there)]
        advice = Advice(want, GOAL, float(values[s]), half, farther, {}, [], found)
        option, _ = choose(advice, Budget(np.inf, True), np.inf)
        if option is None:
            low, high = share_interval(values, parts)
            assessable = fitted.assessments.query("state == @want.state").assessable.all()
            return {
                **{"rounds": rounds, "frames": sum(own.cost() for own in there.values()), "value": values[s]},
                **{"low": low[s], "high": high[s], "reached": farther <= GOAL, "assessable": assessable},
                "reseeded": sum(own.starts is not None for own in there.values()),
            }
        T = option.md.temperature
        if T not in there:
            starts = starts_at(md, fitted, there, T, seed) if option.reseeds else None
            there[T] = Walkers(md, T, part, starts)
        there[T].go_on(there[T].frames + option.md.frames, seed)


def possible(option: advised.Option, there: dict[float, Walkers]) -> bool:
    """Whether the pool has the MD of an option, and a walker does not get longer than the benchmark lasts."""
    T = option.md.temperature
    reseeded = option.reseeds or (T in there and there[T].starts is not None)
    frames = option.md.frames + (there[T].frames if T in there else 0)
    return frames <= (LONGEST if reseeded else SHARE) and (reseeded or T in TEMPERATURES)


def needed(inside: np.ndarray, truth: float, lengths: list[int], walkers: int, error: float) -> float:
    """Frames of so many walkers whose share has the error: by the errors of all groups of all lengths, as if 1/sqrt(frames).

    ``inside``: whether frames are in the state, ``(walkers, frames)``.
    """
    found = []
    for n in lengths:
        parts = inside[:, : inside.shape[1] // n * n].reshape(-1, walkers, inside.shape[1] // n, n).mean((1, 3))
        found.append(n * ((parts - truth) ** 2).mean() / error**2)
    return float(np.mean(found))


def exchanged(md: Md) -> dict[float, np.ndarray]:
    """Named states ``(ladders, frames)`` of replica exchange from the system's starts, by rung."""
    replicas = LADDERS * len(RUNGS)
    engine = Ladders(engine_in_turn(SYSTEM, SIMULATE, RUNGS[0], replicas), SYSTEM, RUNGS, LADDERS, 1)
    seeds = [tuple(seed_of(1, RUNGS[0], f"{what}/{i}") for what in ("noise", "velocities")) for i in range(replicas)]
    engine.start(np.repeat(starting_positions(SYSTEM, LADDERS), len(RUNGS), axis=0), SYSTEM.kelvin(RUNGS[0]), seeds)
    found = []
    for frame in range(EQUILIBRATION + EXCHANGED):
        engine.step(SIMULATE.save_every, SYSTEM.kelvin(RUNGS[0]))
        if frame >= EQUILIBRATION:
            found.append(engine.frame()[0])
    states = featurized(md, np.stack(found))["states"].reshape(len(RUNGS), LADDERS, -1)
    return dict(zip(RUNGS, states, strict=True))


def loops(md: Md, case: str, chosen: range) -> Iterator[dict[str, object]]:
    """These loops of a case."""
    sets = [slice(first, first + WALKERS) for first in range(0, len(md.labels[0.2]) - WALKERS + 1, WALKERS)]
    train, want, _ = CASES[case]
    truth = md.truth([want.temperature])[want.temperature][want.state][0]
    for number in chosen:
        part = sets[number % len(sets)], number // len(sets) * SHARE
        found = loop(md, part, train, want, 1 + number)
        print(case, number, found, flush=True)
        yield {"provenance": provenance(), "loop": number, "truth": truth, **found}


def shares(md: Md) -> Iterator[dict[str, object]]:
    """What is wanted in each block of each ladder of replica exchange."""
    states = exchanged(md)
    for case, (_, want, _) in CASES.items():
        inside = (states[want.temperature] == md.names.index(want.state)).reshape(LADDERS, -1, BLOCK).mean(-1)
        for (ladder, block), share in np.ndenumerate(inside):
            yield {"provenance": provenance(), "case": case, "ladder": ladder, "block": block, "share": share}


def report(md: Md) -> str:
    """The tables of everything that was run."""
    told = _ABOUT.format(WALKERS=WALKERS, EQUILIBRATION=EQUILIBRATION, RUNGS=", ".join(f"{T:g}" for T in RUNGS))
    out, beside, made = ["# Rounds against plain MD and replica exchange", "", *told.splitlines(), ""], [], set()
    out += ["| case | truth | loops | reached | reseeded | rounds | frames | rms error | interval holds the truth |"]
    out += ["|---|---|---|---|---|---|---|---|---|"]
    ladders = pd.read_csv(RESULTS / "rounds" / "exchange.csv")
    for case, (train, want, _) in CASES.items():
        own = pd.read_csv(RESULTS / "rounds" / f"{case}.csv")
        made |= {*own.provenance}
        held, truth = (own.low <= own.truth) & (own.truth <= own.high), own.truth.iloc[0]
        error = np.sqrt(((own.value - own.truth) ** 2).mean())
        shown = error if len(own) >= FEW else GOAL / 2
        name = f"{' + '.join(f'{T:g}' for T in train)}, {want.state} at {want.temperature:g}"
        cells = [
            name,
            f"{truth:.3f}",
            len(own),
            own.reached.sum(),
            (own.reseeded > 0).sum(),
            f"{own.rounds.mean():.1f}",
        ]
        cells += [f"{own.frames.median():,.0f}", f"{error:.3f}", f"{held.mean():.2f}"]
        out.append(f"| {' | '.join(map(str, cells))} |")
        plain = needed(
            md.labels[want.temperature] == md.names.index(want.state), truth, [188, 375, 750, 1500], WALKERS, shown
        )
        blocks = ladders[ladders.case == case].pivot(index="ladder", columns="block", values="share").to_numpy()
        ladder = BLOCK * needed(blocks, truth, [4, 8, 16], 2, shown)
        costs = WALKERS * (plain + EQUILIBRATION), 2 * len(RUNGS) * (ladder + EQUILIBRATION)
        beside.append(f"| {name} | {shown:.3f} | {own.frames.median():,.0f} | {costs[0]:,.0f} | {costs[1]:,.0f} |")
    out += [
        "",
        "Frames for the same error:",
        "",
        "| case | error | loops | plain MD | replica exchange |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*out, *beside, "", f"Commit, machine: {'; '.join(sorted(made))}."]) + "\n"


def main() -> None:
    global OPTIONS, SYSTEM, SIMULATE, FEATURIZE, BARE
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="?", choices=[*CASES, "exchange"])
    parser.add_argument("--results", default="results", help="folder of the MD")
    parser.add_argument("--first", type=int, default=0, help="number of the first loop; others that were run stay")
    parser.add_argument("--loops", type=int, help="how many; default: up to the case's last")
    parser.add_argument("--write", action="store_true", help="write the report of everything that was run")
    OPTIONS = parser.parse_args()
    study = find_study(STUDY, ["studies"])
    SYSTEM, FEATURIZE, BARE = study.system, study.featurize, without_topology(study.system)
    SIMULATE = study.simulate.model_copy(update={"walkers": WALKERS})
    warnings.simplefilter("ignore")
    md = Md(OPTIONS, STUDY, LJ7, TEMPERATURES)
    if OPTIONS.what:
        path, kept = RESULTS / "rounds" / f"{OPTIONS.what}.csv", []
        path.parent.mkdir(parents=True, exist_ok=True)
        if OPTIONS.what == "exchange":
            found = shares(md)
        else:
            last = CASES[OPTIONS.what][2]
            chosen = range(OPTIONS.first, min(last, OPTIONS.first + (OPTIONS.loops or last)))
            found = loops(md, OPTIONS.what, chosen)
            if OPTIONS.first:
                kept = pd.read_csv(path).query("loop < @OPTIONS.first").to_dict("records")
        pd.DataFrame([*kept, *found]).to_csv(path, index=False, float_format="%.5g")
    if OPTIONS.write:
        (RESULTS / "rounds.md").write_text(report(md))
        print(report(md))


_ABOUT = __doc__.partition("\n\n")[2].partition("\n\n")[2]

if __name__ == "__main__":
    main()
