"""Do the error bars hold? MD cut into many short independent sets, each predicted from alone, judged by the truth.

    python benchmarks/interval_coverage.py lj7 [--results results] [--workers 2]
    python benchmarks/interval_coverage.py water --data FOLDER
    python benchmarks/interval_coverage.py --write                # benchmarks/results/coverage.md of all systems that were run

For each asked temperature and state: how many of the 95 % intervals hold the truth, mean error, mean standard error; and of
the verdict "within 0.05": precision (of those trusted, how many are right) and recall (of those right and assessable, how
many are trusted). No workflow, no density models. A system without its MD says what makes it. Numbers go into
benchmarks/results/coverage/SYSTEM.csv with machine and commit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: the sets share the cores

import numpy as np
import pandas as pd
from coverage_mbar import mbar_shares
from coverage_report import write_report
from coverage_systems import SYSTEMS, Case
from scipy.special import expit, logit
from scipy.stats import t as student

from thermolatent import ConditionalReweighting
from thermolatent.errors import ThermolatentError

RESULTS = Path(__file__).parent / "results" / "coverage"
TOLERANCE = 0.05


def judged(case: Case) -> list[dict]:
    """Fit one set and hold every prediction against the truth."""
    start = time.perf_counter()
    warnings.simplefilter("ignore")
    fitted = ConditionalReweighting(case.heat_capacity).fit(**case.frames)
    assessable = fitted.assessments.groupby("state", sort=False)["assessable"].all()
    seconds = time.perf_counter() - start
    beside = mbar_shares(case.frames, list(case.truth)) if case.mbar else {}
    rows = []
    for T, truth in case.truth.items():
        found = fitted.populations(T).set_index("state")
        for state, (share, its_error) in truth.items():
            row = found.loc[state]
            low, high = _interval(row.value, np.hypot(row.stderr, its_error), row.degrees_of_freedom)
            right = abs(row.value - share) <= TOLERANCE
            trusted = assessable[state] and max(row.high - row.value, row.value - row.low) <= TOLERANCE
            rows.append(
                {
                    **{"case": case.name, "set": case.number, "temperature": T, "state": state, "truth": share},
                    **{
                        "value": row.value,
                        "stderr": row.stderr,
                        "form": row.form / 1.96,
                        "low": row.low,
                        "high": row.high,
                    },
                    **{
                        "hit": low <= share <= high,
                        "right": right,
                        "trusted": trusted,
                        "assessable": assessable[state],
                    },
                    "seconds": seconds,
                }
            )
            if beside:
                value, stderr = beside[T][state]
                half = 1.96 * np.hypot(stderr, its_error)
                rows[-1] |= {"mbar": value, "mbar_stderr": stderr, "mbar_hit": abs(value - share) <= half}
    return rows


def _interval(value: float, stderr: float, freedom: float) -> tuple[float, float]:
    """As the estimator's, with the truth's own error in it."""
    if not 1e-12 < value < 1 - 1e-12:
        return 0.0, 1.0
    half = student.ppf(0.975, freedom) * stderr / (value * (1 - value))
    return expit(logit(value) - half), expit(logit(value) + half)


def provenance() -> str:
    """Machine and commit, for the table."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    dirty = subprocess.run(["git", "status", "--porcelain", "src"], capture_output=True, text=True, check=False).stdout
    return f"{commit.strip()}{'+' if dirty.strip() else ''}, {platform.machine()}, {os.cpu_count()} cores"


def main() -> int:
    """Run one system, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("system", nargs="?", choices=sorted(SYSTEMS))
    parser.add_argument("--results", default="results", help="folder of the MD")
    parser.add_argument("--data", help="folder of the COLVAR files of alanine in water (benchmarks/alanine_water.py)")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--sets", type=int, help="at most so many sets of each case, for a quick look")
    parser.add_argument("--write", action="store_true", help="write the report of everything that was run")
    options = parser.parse_args()
    if options.system:
        try:
            cases = SYSTEMS[options.system](options)
            if options.sets:
                cases = (case for case in cases if case.number < options.sets)
            with multiprocessing.get_context("fork").Pool(options.workers) as pool:
                rows = [row for part in pool.imap(judged, cases) for row in part]
        except ThermolatentError as error:
            print(error, file=sys.stderr)
            return 1
        RESULTS.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame(rows)
        frame.insert(0, "provenance", provenance())
        frame.to_csv(RESULTS / f"{options.system}.csv", index=False, float_format="%.5g")
        print(frame.groupby(["case", "temperature"], sort=False).apply(summary).to_string())
    if options.write:
        print(write_report(RESULTS))
    return 0


def summary(rows: pd.DataFrame) -> pd.Series:
    """Of all states and sets of one case and temperature."""
    fit = rows[rows.assessable]
    error = (fit.value - fit.truth).abs().mean()
    trusted, right = fit[fit.trusted], fit[fit.right]
    beside = {} if "mbar" not in fit else {"mbar error": (fit.mbar - fit.truth).abs().mean()}
    return pd.Series(
        {
            "n": len(rows),
            "assessable": len(fit),
            "coverage": fit.hit.mean(),
            "of all": rows.hit.mean(),
            "error": error,
            "stderr": fit.stderr.mean(),
            "ratio": fit.stderr.mean() / error,
            "form": fit.form.mean(),
            "precision": trusted.right.mean(),
            "recall": right.trusted.mean(),
            "s/fit": rows.seconds.mean(),
            **beside,
        }
    ).round(4)


if __name__ == "__main__":
    raise SystemExit(main())
