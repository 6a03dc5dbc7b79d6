"""Densities side by side: the tables of benchmarks/results/comparison.md from a study that has been run.

    python benchmarks/comparison.py lj7_compare
    python benchmarks/comparison.py three_hole_compare

Markdown: held-out -ln r at the training temperatures, seconds to train, CPU microseconds per sample (measured here, one thread,
50,000 samples at the first predicted temperature), divergences and population errors by temperature, each named by its role;
medians over seeds and their range. Then how well the verdicts, which see no reference, tell right predictions from wrong.
Errors against exact populations where those are known, else against reference MD.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch
from accuracy import load, medians, table

from thermolatent.learn.model import Model
from thermolatent.reweight.verdict import NOT_ASSESSABLE, NOT_TRUSTED, TRUSTED
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.validate.predictions import POPULATION
from thermolatent.validate.settings import POPULATIONS

_SAMPLES = 50_000
#: The first that a study has is the true error of a prediction.
ERRORS = ("population_max_error_exact", "population_max_error")


def seconds_to_train(history: str) -> float:
    """Of the density alone: until its own last evaluation, the tau search included."""
    with open(history, newline="") as file:
        return max(float(row["seconds"]) for row in csv.DictReader(file) if row["stage"] in ("density", "joint", "tau"))


def microseconds_per_sample(model: Model, temperature: float) -> float:
    """Of the CPU, the faster of two runs: other jobs on the machine then count for less."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        model.sample(_SAMPLES, temperature, seed=0)
        seconds.append(time.process_time() - start)
    return min(seconds) / _SAMPLES * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    study = load_study(arguments.study)
    layout = Layout.of(study, str(arguments.results))
    scores = load(Path(layout.all_scores))
    latent = [name for name, spec in study.models.items() if spec.encoder == "frozen"]
    error = next(m for m in ERRORS if any(k[0] == m for k in scores))
    print("| model | held-out -ln r | seconds to train | us per sample | largest population error, predicted T |")
    print("|---|---|---|---|---|")
    for name, spec in study.models.items():
        files = [layout.model(name, seed) for seed in arguments.seeds]
        models = [Model.load(file) for file in files]
        # the loss of these two is no likelihood, and no bound on one that compares; a joint encoder has a z of its own
        likelihood = spec.density.kind not in ("flow_matching",) and getattr(spec.density, "weighting", "") != "paper"
        held_out = f"{statistics.median(m.about['held_out'] for m in models):.3f}" if likelihood else "no likelihood"
        held_out = held_out if name in latent else "z of its own"
        seconds = statistics.median(seconds_to_train(layout.history(file)) for file in files)
        speed = statistics.median(microseconds_per_sample(m, study.temperatures.predict[0]) for m in models)
        errors = medians(scores, error, "fixed", name)
        worst = max(errors[T] for T in study.temperatures.predict if T in errors)
        print(f"| `{name}` | {held_out} | {seconds:.0f} | {speed:.1f} | {worst:.3f} |")
    baselines = ["mbar", "conditional", "which_t", "nearest"]
    everyone = ["floor", *study.models, *baselines]
    roles = {T: study.temperatures.role(T) for T in study.temperatures.generated}
    table("fixed plane, JS (nats)", scores, "js_plane", "fixed", everyone, 4, roles)
    table("latent plane, JS (nats)", scores, "js_latent", "latent", ["floor", *latent, *baselines], 4, roles)
    table(f"largest error of a named population ({error})", scores, error, "fixed", everyone, 3, roles)
    if error.endswith("exact"):
        table("RMSE of F where F < 4 kT, exact (kT)", scores, "free_energy_rmse_exact_kT", "fixed", everyone, 3, roles)
    verdicts(layout, study.validate_.tolerance[POPULATIONS], "exact" if error.endswith("exact") else "md")


def verdicts(layout: Layout, tolerance: float, truth: str) -> None:
    """Print, per predictor with intervals, how many populations the verdict calls what, how many of them are right within the
    tolerance, and how many intervals hold the truth, ``truth`` being a model's name in the populations."""
    with open(layout.all_populations, newline="") as file:
        known = {
            (row["temperature"], row["state"]): float(row["value"])
            for row in csv.DictReader(file)
            if (row["model"], row["states"]) == (truth, "named")
        }
    with open(layout.predictions, newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["role"] != "train" and r["quantity"] == POPULATION]
    rows = [r for r in rows if (r["temperature"], r["state"]) in known]
    print(f"\n| populations at other than training temperatures; right: within {tolerance:g} | ", end="")
    print(
        "trusted, right | trusted, wrong | not trusted, right | not trusted, wrong | not assessable | intervals that hold |"
    )
    print("|---|---|---|---|---|---|---|")
    for predictor in dict.fromkeys(r["predictor"] for r in rows):
        counts: dict[tuple[str, bool], int] = {}
        held = total = 0
        for r in (r for r in rows if r["predictor"] == predictor):
            true = known[r["temperature"], r["state"]]
            if r["verdict"] not in (TRUSTED, NOT_TRUSTED):
                counts[r["verdict"], True] = counts.get((r["verdict"], True), 0) + 1
                continue
            key = r["verdict"], abs(float(r["value"]) - true) <= tolerance
            counts[key] = counts.get(key, 0) + 1
            held, total = held + (float(r["low"]) <= true <= float(r["high"])), total + 1
        if total or (NOT_ASSESSABLE, True) in counts:  # a model's own numbers have no verdict
            cells = [counts.get((verdict, right), 0) for verdict in (TRUSTED, NOT_TRUSTED) for right in (True, False)]
            shown = [*cells, counts.get((NOT_ASSESSABLE, True), 0), f"{held} of {total}"]
            print(f"| `{predictor}` | " + " | ".join(map(str, shown)) + " |")


if __name__ == "__main__":
    main()
