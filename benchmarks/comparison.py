"""Densities side by side: the table of docs/comparison.md from a study that has been run.

    python benchmarks/comparison.py lj7_compare

Markdown: held-out -ln r at the training temperatures, seconds to train, microseconds per sample (measured here, one thread,
50,000 samples at the first predicted temperature), divergences and population errors by temperature; medians over seeds.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch
from accuracy import load, medians, table

from thermolatent.config import load_study
from thermolatent.layout import Layout
from thermolatent.learn.model import Model

_SAMPLES = 50_000


def seconds_to_train(history: str) -> float:
    """Of the density alone: until its own last evaluation, the tau search included."""
    with open(history, newline="") as file:
        return max(float(row["seconds"]) for row in csv.DictReader(file) if row["stage"] in ("density", "joint", "tau"))


def microseconds_per_sample(model: Model, temperature: float) -> float:
    start = time.perf_counter()
    model.sample(_SAMPLES, temperature, seed=0)
    return (time.perf_counter() - start) / _SAMPLES * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    study, layout = load_study(arguments.study), Layout(str(arguments.results / arguments.study))
    scores = load(Path(layout.all_scores))
    print("| model | held-out -ln r | seconds to train | us per sample | largest population error, predicted T |")
    print("|---|---|---|---|---|")
    for name, spec in study.models.items():
        files = [layout.model(name, seed) for seed in arguments.seeds]
        models = [Model.load(file) for file in files]
        # the loss of these two is no likelihood, and no bound on one that compares
        likelihood = spec.density.kind not in ("flow_matching",) and getattr(spec.density, "weighting", "") != "paper"
        held_out = f"{statistics.median(m.about['held_out'] for m in models):.3f}" if likelihood else "no likelihood"
        seconds = statistics.median(seconds_to_train(layout.history(file)) for file in files)
        speed = statistics.median(microseconds_per_sample(m, study.temperatures.predict[0]) for m in models)
        errors = medians(scores, "population_max_error", "fixed", name)
        worst = max(errors[T] for T in study.temperatures.predict)
        print(f"| `{name}` | {held_out} | {seconds:.0f} | {speed:.1f} | {worst:.3f} |")
    everyone = ["floor", *study.models, "mbar", "conditional", "which_t", "nearest"]
    roles = ", ".join(f"{T:g} {study.temperatures.role(T)}" for T in study.temperatures.generated)
    print(f"\nTemperatures: {roles}.")
    table("latent plane, JS (nats)", scores, "js_latent", "latent", everyone, 4)
    table("fixed plane, JS (nats)", scores, "js_plane", "fixed", everyone, 4)


if __name__ == "__main__":
    main()
