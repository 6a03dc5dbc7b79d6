"""benchmarks/results/coverage.md from the CSV files of benchmarks/interval_coverage.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ORDER = (
    "toy",
    "lj7",
    "lj7_noise",
    "lj7_far",
    "lj7_coupled",
    "three_hole",
    "alanine",
    "water",
    "hairpin_go",
    "wca_dimer",
)
HEAD = """# Do the error bars hold?

95 % intervals from short MD in independent sets, truth from all of it or from an exact answer. Made by
`python benchmarks/interval_coverage.py SYSTEM` and `--write`; docs/theory.md explains estimator and error bar.

* *coverage*: share of the intervals that hold the truth, of assessable states, with its binomial standard error as if all
  sets and states were independent (states of one set are not);
* *error*, *stderr*: mean error and mean standard error; *form*: the part of it for the assumed dependence on temperature;
* *precision*: of the predictions "trusted within 0.05", how many are; *recall*: of the assessable ones that are right within
  0.05, how many are trusted;
* *MBAR*: its mean error and mean standard error on the same sets (pymbar on frames thinned to one per statistical inefficiency),
  and the share of its 95 % intervals that hold the truth.
"""


def write_report(folder: Path) -> Path:
    """Write ``coverage.md`` beside ``folder`` and return its path."""
    lines, everything = [HEAD], []
    for system in ORDER:
        path = folder / f"{system}.csv"
        lines.append(f"\n## {system}\n")
        if not path.is_file():
            lines.append("Not run.\n")
            continue
        rows = pd.read_csv(path)
        everything.append(rows.assign(system=system))
        lines.append(f"Commit, machine: {', '.join(rows.provenance.unique())}.\n")
        lines.append(_table(rows, ["case", "temperature"]))
        if rows.state.nunique() > 1:
            lines.append("\nBy state, all cases and temperatures together:\n")
            lines.append(_table(rows, ["state"]))
    if everything:
        whole = pd.concat(everything)
        fit = whole[whole.assessable]
        trusted, right = fit[fit.trusted], fit[fit.right]
        lines.insert(
            1,
            f"\nOver all systems: {len(whole)} predictions, {len(fit)} of assessable states; coverage {fit.hit.mean():.3f}; "
            f"verdict's precision {trusted.right.mean():.3f}, recall {right.trusted.mean():.2f}. Recall is low where "
            "intervals are honestly wider than 0.05: without energies, in large baths, far from the training temperatures.\n",
        )
        lines.insert(2, _by_system(everything))
    target = folder.parent / "coverage.md"
    target.write_text("\n".join(lines))
    return target


def _by_system(everything: list[pd.DataFrame]) -> str:
    """One row per system: what the whole comes to."""
    lines = [
        "| system | predictions | coverage | lowest of a row below | stderr / error | precision | recall |",
        "|" + "---|" * 7,
    ]
    for rows in everything:
        fit = rows[rows.assessable]
        trusted, right = fit[fit.trusted], fit[fit.right]
        lowest = fit.groupby(["case", "temperature"]).hit.mean().min()
        ratio = fit.stderr.mean() / (fit.value - fit.truth).abs().mean()
        precision = f"{trusted.right.mean():.3f}" if len(trusted) else "-"
        cells = [rows.system.iloc[0], str(len(fit)), f"{fit.hit.mean():.3f}", f"{lowest:.3f}", f"{ratio:.1f}"]
        lines.append("| " + " | ".join([*cells, precision, f"{right.trusted.mean():.2f}"]) + " |")
    return "\n".join(lines) + "\n"


def _table(rows: pd.DataFrame, keys: list[str]) -> str:
    """Markdown table, one row per group of ``keys``."""
    head = [*keys, "sets", "assessable", "coverage", "error", "stderr", "form", "precision", "recall"]
    if beside := "mbar" in rows:
        head += ["MBAR: coverage", "error", "stderr"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for names, group in rows.groupby(keys, sort=False):
        fit = group[group.assessable]
        cells = [f"{name:g}" if isinstance(name, float) else str(name) for name in names]
        cells += [str(group.set.nunique()), f"{len(fit)} of {len(group)}"]
        if len(fit):
            p = fit.hit.mean()
            error = (fit.value - fit.truth).abs().mean()
            trusted, right = fit[fit.trusted], fit[fit.right]
            cells.append(f"{p:.3f} ± {np.sqrt(max(p * (1 - p), 0.25 / len(fit)) / len(fit)):.3f}")
            cells += [f"{value:.4f}" for value in (error, fit.stderr.mean(), fit.form.mean())]
            cells += [
                f"{trusted.right.mean():.3f}" if len(trusted) else "-",
                f"{right.trusted.mean():.2f}" if len(right) else "-",
            ]
        else:
            cells += ["-"] * 6
        if beside:
            cells += _mbar_cells(fit[fit.mbar.notna()])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mbar_cells(fit: pd.DataFrame) -> list[str]:
    """MBAR's coverage, mean error and mean standard error; dashes where it was not judged."""
    if not len(fit):
        return ["-"] * 3
    numbers = (fit.mbar - fit.truth).abs().mean(), fit.mbar_stderr.mean()
    return [f"{fit.mbar_hit.astype(float).mean():.3f}", *(f"{number:.4f}" for number in numbers)]
