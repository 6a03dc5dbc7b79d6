"""D-SPIB's figure (arXiv:2510.09784): symmetrised KL between a million latents of MD and a million generated ones.

    thermolatent run three_hole_single --seeds 0
    python benchmarks/dspib.py

What is compared: workflow/papers/divergences.py. Exits with 1 when D-SPIB misses its target.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from thermolatent.errors import ThermolatentError
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.tables import read_table

sys.path.append(str(Path(__file__).parents[1] / "workflow/papers"))
from catalogue import Paths
from divergences import COLUMNS, run

STUDY, MODEL, TARGET = "three_hole_single", "dspib", 0.042


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--results", default="results")
    arguments = parser.parse_args()
    study = load_study(STUDY)
    layout, paths = Layout.of(study, arguments.results), Paths(arguments.results)
    print("| model | seed | against MD | floor, MD | against exact points | floor, exact |")
    print("|---|---|---|---|---|---|")
    worst = 0.0
    for seed in arguments.seeds:
        try:
            run(study, layout, seed, paths.divergences(study.name, seed))
        except ThermolatentError as error:
            sys.exit(f"{error}; run the study first")
        for row in read_table(paths.divergences(study.name, seed), COLUMNS):
            values = [float(row[column]) for column in COLUMNS[4:]]
            print(f"| `{row['model']}` | {seed} | " + " | ".join(f"{v:.4f}" for v in values) + " |", flush=True)
            worst = max(worst, values[0]) if row["model"] == MODEL else worst
    print(f"\n{row['points']} points on either side.")
    print(f"{'met' if worst <= TARGET else 'missed'}: {MODEL} at most {TARGET} against MD: {worst:.4f}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
