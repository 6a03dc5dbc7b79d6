"""The accuracy tables of the README from a study's scores, with the targets they are held to.

    python benchmarks/accuracy.py lj7          # after make lj7
    python benchmarks/accuracy.py three_hole three_hole_single

Medians over seeds, as Markdown. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path

Scores = dict[tuple[str, str, str, float], list[float]]


def load(path: Path) -> Scores:
    """(metric, plane, model, temperature) -> values over seeds."""
    scores: Scores = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            key = (row["metric"], row["plane"], row["model"], float(row["temperature"]))
            scores.setdefault(key, []).append(float(row["value"]))
    return scores


def table(
    title: str,
    scores: Scores,
    metric: str,
    plane: str,
    models: list[str],
    digits: int,
    roles: dict[float, str] | None = None,
) -> None:
    """Print one table, models in rows and temperatures in columns; with ``roles`` they are named, and ranges over seeds given."""
    temperatures = sorted({k[3] for k in scores if k[:2] == (metric, plane)})
    heads = [f"T = {T:g}" + (f", {roles[T]}" if roles else "") for T in temperatures]
    print(f"\n| {title} | " + " | ".join(heads) + " |")
    print("|---" * (len(temperatures) + 1) + "|")
    for model in models:
        values = [scores.get((metric, plane, model, T)) for T in temperatures]
        if any(values):
            print(f"| `{model}` | " + " | ".join(_cell(v, digits, roles is not None) for v in values) + " |")


def _cell(values: list[float] | None, digits: int, with_range: bool) -> str:
    """Median over seeds, and their range where they differ in what is printed."""
    if not values:
        return ""
    low, middle, high = (f"{f(values):.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})" if with_range and low != high else middle


def judge(what: str, worst: list[tuple[float, float, float]]) -> bool:
    """Print whether every (temperature, value, limit) holds; returns it."""
    missed = [(T, value, limit) for T, value, limit in worst if value > limit]
    detail = "; ".join(f"T = {T:g}: {value:.4f} > {limit:.4f}" for T, value, limit in missed)
    print(f"{'missed' if missed else 'met'}: {what}{': ' + detail if missed else ''}")
    return not missed


def medians(scores: Scores, metric: str, plane: str, model: str) -> dict[float, float]:
    return {k[3]: statistics.median(v) for k, v in scores.items() if k[:3] == (metric, plane, model)}


def lj7(scores: Scores, model: str = "latf") -> bool:
    everyone = ["floor", model, "latf_published", "mbar", "conditional", "which_t", "nearest"]
    table("fixed plane (mu2, mu3)", scores, "js_plane", "fixed", everyone, 4)
    table("latent plane", scores, "js_latent", "latent", everyone, 4)
    table("largest error of a named population", scores, "population_max_error", "fixed", everyone, 3)
    print()
    held = True
    for metric, plane in (("js_plane", "fixed"), ("js_latent", "latent")):
        floor = medians(scores, metric, plane, "floor")
        found = medians(scores, metric, plane, model)
        limits = [(T, v, max(0.015 if T == 0.2 else 0.012, 1.5 * floor[T])) for T, v in sorted(found.items())]
        held &= judge(f"{metric} of {model} at most max(0.012, 1.5 x floor), 0.015 at 0.2", limits)
    populations = medians(scores, "population_max_error", "fixed", model)
    held &= judge("named populations within 0.02 of MD", [(T, v, 0.02) for T, v in sorted(populations.items())])
    return held


def three_hole(scores: Scores, model: str = "latf") -> bool:
    everyone = ["floor", model, "mbar", "conditional", "which_t", "nearest"]
    table("largest error of a basin's population, exact", scores, "population_max_error_exact", "fixed", everyone, 4)
    table("RMSE of F where F < 4 kT, exact (kT)", scores, "free_energy_rmse_exact_kT", "fixed", everyone, 3)
    table("latent plane, JS (nats)", scores, "js_latent", "latent", everyone, 4)
    print()
    limits = {"population_max_error_exact": 0.015, "free_energy_rmse_exact_kT": 0.15}
    held = [
        judge(
            f"{metric} at most {limit}",
            [(T, v, limit) for T, v in sorted(medians(scores, metric, "fixed", model).items())],
        )
        for metric, limit in limits.items()
    ]
    return all(held)


def three_hole_single(scores: Scores) -> bool:
    return three_hole(scores, "latf_published")


def main() -> int:
    targets = {f.__name__: f for f in (lj7, three_hole, three_hole_single)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", choices=list(targets))
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    held = True
    for study in arguments.studies:
        path = arguments.results / study / "validate" / "scores.csv"
        if not path.is_file():
            sys.exit(f"{path} is missing; run the study first")
        print(f"\n### {study}")
        held &= targets[study](load(path))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
