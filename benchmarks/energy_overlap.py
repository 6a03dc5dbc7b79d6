"""The tables of benchmarks/results/extrapolation.md from studies that have been run, with the targets they are held to.

    python benchmarks/energy_overlap.py bath lj7 lj7_bath lj7_bath@large     # the first is the one without a bath
    python benchmarks/energy_overlap.py coupled lj7_coupled lj7_coupled@three
    python benchmarks/energy_overlap.py far lj7_heating lj7_cooling

Medians over seeds, as Markdown; models that have not been validated are left out. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from accuracy import Scores, judge, medians, table

from thermolatent import ConditionalReweighting
from thermolatent.reweight.verdict import TRUSTED
from thermolatent.study.answers import asked_of
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, read_table
from thermolatent.validate.predictions import HEADLINE, prediction_rows

#: A figure with a bath may be so many times the figure without.
BATH_FACTOR = 1.5
#: Largest error of the hexagon's share with three training temperatures, at this temperature.
SHARE_LIMIT, SHARE_AT = 0.01, 0.3


class Results:
    """What there is of a study: the tables of every model, and seed, that has been validated."""

    def __init__(self, name: str, folder: Path):
        self.study: Study = load_study(name)
        self.layout = Layout.of(self.study, str(folder))
        if not (files := sorted(Path(self.layout.root).glob("validate/*/seed*.scores.csv"))):
            sys.exit(f"{self.layout.root}/validate holds no scores; run the study first")
        rows = [row for file in files for row in read_table(str(file), SCORE_COLUMNS)]
        twins = [str(file).replace(".scores.", ".populations.") for file in files]
        populations = [row for file in twins for row in read_table(file, POPULATION_COLUMNS)]
        self.populations = [row for row in populations if row["states"] == "named" and row["value"]]
        self.models = [name for name in self.study.models if any(row["model"] == name for row in rows)]
        known = self.study.model_copy(update={"models": {name: self.study.models[name] for name in self.models}})
        self.predictions = prediction_rows(
            asked_of(known), ConditionalReweighting.load(self.layout.reweighting), populations
        )
        self.scores: Scores = {}
        for row in rows:
            if row["value"]:
                key = (row["metric"], row["plane"], row["model"], float(row["temperature"]))
                self.scores.setdefault(key, []).append(float(row["value"]))

    @property
    def predicted(self) -> list[float]:
        return sorted(self.study.temperatures.reference)

    @property
    def informed(self) -> list[str]:
        return [name for name in self.models if self.study.models[name].informed]

    def js(self, model: str) -> dict[float, float]:
        return medians(self.scores, "js_plane", "fixed", model)

    def shares(self, model: str, state: str) -> dict[float, float]:
        """Population of a named state by temperature, median over seeds."""
        found: dict[float, list[float]] = {}
        for row in self.populations:
            if (row["model"], row["state"]) == (model, state):
                found.setdefault(float(row["temperature"]), []).append(float(row["value"]))
        return {T: float(np.median(values)) for T, values in found.items()}

    def verdict(self, model: str, temperature: float, states: list[str] | None = None) -> tuple[bool, str]:
        """Whether populations (by default of every named state) are trusted, and why not."""
        name = HEADLINE if model == "conditional" else model
        own = [r for r in self.predictions if r["predictor"] == name and float(r["temperature"]) == temperature]
        if states is not None:
            own = [row for row in own if row["state"] in states]
        if not own:
            sys.exit(f"{self.layout.root}: nothing is known of {model} at T = {temperature:g}; run the study again")
        doubts = [f"{row['state']} {row['verdict']}: {row['reason']}" for row in own if row["verdict"] != TRUSTED]
        return not doubts, "; ".join(doubts)


def bath(results: list[Results]) -> bool:
    """Reweighting without energies' overlap, and models informed by it, against the same without a bath."""
    base, held = results[0], True
    for other in results:
        everyone = ["floor", *other.informed, "mbar", "conditional", "which_t", "nearest"]
        table(f"{other.study.name}, fixed plane", other.scores, "js_plane", "fixed", everyone, 4)
    print()
    for other in results[1:]:
        for model in ("conditional", *other.informed):
            limit, found = base.js(model), other.js(model)
            rows = [(T, found[T], BATH_FACTOR * limit[T]) for T in other.predicted]
            held &= judge(f"{model} in {other.study.name} within {BATH_FACTOR} x {base.study.name}", rows)
    return held


def coupled(results: list[Results], state: str = "hexagon") -> bool:
    """The share of the state that the bath is coupled to."""
    held = True
    for one in results:
        temperatures = one.study.temperatures
        print(
            f"\n| {one.study.name}, {state} | "
            + " | ".join(f"T = {T:g}" for T in temperatures.generated)
            + " | trusted |"
        )
        print("|---" * (len(temperatures.generated) + 2) + "|")
        for model in ("md", *one.models, "mbar", "conditional", "which_t", "nearest"):
            shares = one.shares(model, state)
            judged = model in ("conditional", *one.informed)
            trusted = [f"{T:g}" for T in one.predicted if judged and one.verdict(model, T, [state])[0]]
            mark = ", ".join(trusted) or "nowhere" if judged else ""
            cells = " | ".join(f"{shares[T]:.3f}" if T in shares else "" for T in temperatures.generated)
            print(f"| `{model}` | {cells} | {mark} |")
    print()
    for one in results:
        truth = one.shares("md", state)[SHARE_AT]
        for model in ("conditional", *one.informed):
            if len(one.study.temperatures.train) > 2:
                error = abs(one.shares(model, state)[SHARE_AT] - truth)
                held &= judge(
                    f"{state} of {model} in {one.study.name} within {SHARE_LIMIT}", [(SHARE_AT, error, SHARE_LIMIT)]
                )
            else:
                trusted, reasons = one.verdict(model, SHARE_AT, [state])
                print(f"{'missed' if trusted else 'met'}: {model} in {one.study.name} is warned of: {reasons or 'no'}")
                held &= not trusted
    return held


def far(results: list[Results]) -> bool:
    """Far beyond the training temperatures: who is right where the verdict says that it can be told."""
    held = True
    for one in results:
        everyone = ["floor", *one.models, "mbar", "conditional", "which_t", "nearest"]
        table(f"{one.study.name}, fixed plane", one.scores, "js_plane", "fixed", everyone, 4)
        table("largest error of a named population", one.scores, "population_max_error", "fixed", everyone, 3)
        for model in ("conditional", *one.informed):
            print()
            for T in one.predicted:
                trusted, reasons = one.verdict(model, T)
                print(f"* `{model}` at T = {T:g}: {'answerable' if trusted else f'not answerable: {reasons}'}")
            uninformed = [name for name in one.models if name not in one.informed]
            answerable = [T for T in one.predicted if one.verdict(model, T)[0]]
            print()
            for rival in ("nearest", *uninformed):
                rows = [(T, one.js(model)[T], one.js(rival)[T]) for T in answerable]
                held &= judge(f"{model} beats {rival} in {one.study.name} where answerable", rows)
    return held


def main() -> int:
    questions = {f.__name__: f for f in (bath, coupled, far)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=list(questions))
    parser.add_argument("studies", nargs="+")
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    return 0 if questions[arguments.question]([Results(name, arguments.results) for name in arguments.studies]) else 1


if __name__ == "__main__":
    sys.exit(main())
