"""How much MD does `thermolatent run --until-within` need, against plain MD at the asked temperature?

    python benchmarks/rounds.py [--results results]

LJ7, in process, no networks: a loop begins with short walkers at each of two temperatures and adds what the advice finds best,
from MD that is there (`thermolatent run lj7_long --until featurize`), until the 95 % interval ends within 0.06 of the value, a
standard error of 0.03 or less, or all MD is used up. Counted are frames at all temperatures, those of the beginning too.
Plain MD: the frames at the asked temperature with the same root mean squared error as the ends of the loops. {WALKERS} walkers.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from coverage_systems import LJ7, Md
from interval_coverage import provenance

from thermolatent import ConditionalReweighting
from thermolatent.advise import options as advised
from thermolatent.advise.advice import Advice
from thermolatent.advise.budget import Budget
from thermolatent.advise.expected import Expectation
from thermolatent.advise.rounds import choose
from thermolatent.advise.want import Want
from thermolatent.reweight.influence import share_interval

RESULT = Path(__file__).parent / "results" / "rounds.md"
TEMPERATURES = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
WALKERS, FIRST, LONGEST = 8, 188, 6000
GOAL = 0.06
CASES = {
    "0.5 + 0.7, hexagon at 0.2": ([0.5, 0.7], Want("hexagon", 0.2)),
    "0.2 + 0.3, chevron at 0.7": ([0.2, 0.3], Want("chevron", 0.7)),
}


def loop(md: Md, walkers: slice, train: list[float], want: Want) -> dict[str, float]:
    """One loop with these walkers of the pool."""
    frames, rounds = dict.fromkeys(train, FIRST), 0
    while True:
        rounds += 1
        content = [md.frames([T], (walkers, slice(0, n))) for T, n in sorted(frames.items())]
        each = {key: [own[key][0] for own in content] for key in ("features", "columns", "energies", "states")}
        fitted = ConditionalReweighting(network=False).fit(
            temperatures=sorted(frames), temperature_unit="reduced", state_names=md.names, **each
        )
        expectation = Expectation(fitted, np.concatenate([e.ravel() for e in each["energies"]]))
        s = md.names.index(want.state)
        values, parts = expectation.present(want.temperature)
        half, farther = advised.interval_of(values, parts, s)
        ways = advised.Md(WALKERS, frames, 1.0, 0.0, None)
        new = [T for T in TEMPERATURES if T not in frames]
        found = [] if farther <= GOAL else advised.options(expectation, want, GOAL, ways, new)
        found = [o for o in found if frames.get(o.md.temperature, 0) + o.md.frames <= LONGEST]
        advice = Advice(want, GOAL, float(values[s]), half, farther, {}, [], found)
        option, _ = choose(advice, Budget(np.inf, True), np.inf)
        if option is None:
            low, high = share_interval(values, parts)
            return {
                **{"rounds": rounds, "frames": WALKERS * sum(frames.values()), "value": values[s]},
                **{"low": low[s], "high": high[s], "reached": farther <= GOAL, "temperatures": len(frames)},
            }
        T = option.md.temperature
        frames = {**frames, T: frames.get(T, 0) + option.md.frames}


def plain(md: Md, want: Want, error: float) -> float:
    """Frames of WALKERS whose share has the error; by the errors of all groups of all lengths, as if 1/sqrt(frames)."""
    inside = md.labels[want.temperature] == md.names.index(want.state)
    truth, needed = inside.mean(), []
    for frames in (188, 375, 750, 1500):
        parts = inside[:, : LONGEST // frames * frames].reshape(-1, WALKERS, LONGEST // frames, frames).mean((1, 3))
        needed.append(WALKERS * frames * ((parts - truth) ** 2).mean() / error**2)
    return float(np.mean(needed))


def rows(md: Md) -> Iterator[dict[str, object]]:
    for name, (train, want) in CASES.items():
        truth = md.truth([want.temperature])[want.temperature][want.state][0]
        for first in range(0, len(md.labels[train[0]]) - WALKERS + 1, WALKERS):
            found = loop(md, slice(first, first + WALKERS), train, want)
            yield {"case": name, "set": first // WALKERS, "truth": truth, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", default="results", help="folder of the MD")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    md = Md(options, "lj7_long", LJ7, TEMPERATURES)
    table = pd.DataFrame(rows(md))
    out = [
        "# Rounds against plain MD",
        "",
        *_ABOUT.format(WALKERS=WALKERS).splitlines(),
        "",
        f"Commit, machine: {provenance()}.",
        "",
    ]
    out += [
        "| case | truth | loops | reached | rounds | frames | rms error | interval holds the truth | plain MD needs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, own in table.groupby("case", sort=False):
        held = (own.low <= own.truth) & (own.truth <= own.high)
        error = np.sqrt(((own.value - own.truth) ** 2).mean())
        cells = [f"{own.truth.iloc[0]:.3f}", len(own), f"{own.reached.sum()}", f"{own.rounds.mean():.1f}"]
        cells += [
            f"{own.frames.median():,.0f}",
            f"{error:.3f}",
            f"{held.mean():.2f}",
            f"{plain(md, CASES[name][1], error):,.0f} frames",
        ]
        out.append(f"| {' | '.join(map(str, [name, *cells]))} |")
    RESULT.write_text("\n".join(out) + "\n")
    print(RESULT.read_text())


_ABOUT = __doc__.partition("\n\n")[2].partition("\n\n")[2]

if __name__ == "__main__":
    main()
