"""benchmarks/results/surfaces.md from the CSV files of benchmarks/surfaces.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ORDER = ("lj7", "three_hole", "alanine")
METHODS = ("floor", "histogram", "kernel, Scott", "kernel, held out", "density")
DIGITS = {"js": 4, "rmse": 3}
#: What the numbers below say, written by hand after the runs.
FINDINGS = """
## What it says

1. **For a surface in two dimensions a density model is not worth it:** of nine points (system and temperature) none has the
   density better than kernels with a held-out bandwidth by three standard errors of the paired difference, the kernels are so
   at two by JS (LJ7 at 0.7, .0022 against .0045; alanine at 750 K, .0072 against .0082) and at four by F (the same, LJ7 at
   0.3 and alanine at 650 K; by .01 to .05 kT); they take .2 s, the density three minutes.
2. **Smoothing is worth it:** on LJ7 and alanine the held-out kernels have .4 to .7 of the histogram's JS and no more than an
   eighth of the MD at that very temperature has as a histogram; but Scott's bandwidth, made for a single peak, is too wide
   (held-out walkers choose .35 to .71 of it) and at LJ7's and three-hole's coldest 2 to 2.5 times as bad as no smoothing
   (JS).
3. **On three-hole the frame weights decide:** sets differ by more than held-out kernels and density do, and one set of four
   is two to three times as far off as the others by histogram, held-out kernels and density alike.

What it does not say. Of surfaces in more than two dimensions, where kernels do worse, nothing was tried; nor were other
densities, longer training (LJ7 and three-hole used all of their 4,000 steps) or several seeds. A density leaves a fifth of
the walkers out of its training, kernels use all; LJ7 at 0.7 is the end of its learning range. Four sets are few. The MD's own
noise is in every number, except where three-hole is judged by the exact surface.

Of point 3, by hand after the runs: in the bad set the populations at 1.25 are right within .006, but the middles of the wells
have 1.4 times the exact mass. MBAR's weights of the same four sets give histograms of JS .0008, .0011 and .0016, against
.0021, .0022 and .0037. So within a state the estimator's weights are less exact than its populations, and where energies
overlap as well as here MBAR's are better.
"""
HEAD = """# Where is a density worth it?

Free-energy surfaces of the study's fixed plane from **short MD**, an eighth of the walkers at the two training temperatures,
at temperatures that were not simulated. One conditional reweighting of the short MD gives every frame a weight; from the same
weights come three surfaces, judged by all of the MD at that temperature. Named states: the nearest centre.
Made by `python benchmarks/surfaces.py SYSTEM --sets 4` and `--write`, on one core; mean and standard error over disjoint sets.

* *histogram*: weights in the 60 x 60 bins of `validate`;
* *kernel, Scott*: Gaussian kernels on the weighted frames; bandwidth by Scott's rule from Kish's effective sample size and the
  whole covariance matrix (in two dimensions Silverman's rule is the same); around the circle where the plane has angles;
* *kernel, held out*: the same, its bandwidth times one of 1.41, 1, .71, ..., .0625, whichever makes held-out walkers likeliest
  (four folds; frame weights are those of the whole set);
* *density*: the study's `latf` (spline flow, steered and conditioned) fitted in the plane, informed: half of its frames drawn by
  weight at 128 temperatures over the learning range, half training frames; the study's default settings, stopped by a fifth of
  the short MD's walkers. Angles: each circle is cut open where the short MD is rarest, the density is summed over its images;
* *floor*: the histogram of an eighth of the MD at that very temperature (the same walkers), part of what it is judged by.

JS: Jensen-Shannon divergence of binned mass with overflow, nats. F: root mean square error of F in kT over the bins where all of
the MD has F < 4 kT, aligned by their mean there; an empty bin counts as half a frame. All choices were fixed before the runs;
nothing was tuned on the answer.
"""


def write_report(folder: Path) -> Path:
    """Write ``surfaces.md`` beside ``folder`` and return its path."""
    lines = [HEAD, FINDINGS]
    for system in ORDER:
        path = folder / f"{system}.csv"
        lines.append(f"\n## {system}\n")
        if not path.is_file():
            lines.append("Not run.\n")
            continue
        rows = pd.read_csv(path)
        lines.append(_about(rows))
        for kind, group in rows.groupby("judged_by", sort=False):
            if kind == "exact":
                lines.append("\nJudged by the exact surface:\n")
            lines.append(_table(group))
    target = folder.parent / "surfaces.md"
    target.write_text("\n".join(lines))
    return target


def _about(rows: pd.DataFrame) -> str:
    """What a system's numbers rest on."""
    first = rows[rows.judged_by == "MD"]
    seconds = first.groupby("method").seconds.mean()
    factors = sorted(first[first.method == "kernel, held out"].chosen.unique())
    steps = first[first.method == "density"].groupby("set").chosen.first()
    return (
        f"Commit, machine: {', '.join(rows.provenance.unique())}. {first['set'].nunique()} sets of "
        f"{first.frames.iloc[0]} frames. Reweighting took {first.seconds_reweighting.mean():.0f} s, the held-out bandwidth "
        f"{seconds['kernel, held out']:.1f} s a temperature, the density {seconds['density']:.0f} s ({steps.min():.0f} to "
        f"{steps.max():.0f} steps). Bandwidths chosen: {', '.join(f'{f:.2g}' for f in factors)} of Scott's.\n"
    )


def _table(rows: pd.DataFrame) -> str:
    """Markdown: methods in rows, JS and F of each temperature in columns, and the density's paired difference."""
    temperatures = sorted(rows.temperature.unique())
    head = ["", *(f"{name}, {T:g}" for name in ("JS", "F") for T in temperatures)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    table = {name: rows.pivot(index="set", columns=["method", "temperature"], values=name) for name in DIGITS}
    for method in METHODS:
        cells = [_cell(table[name][method, T], DIGITS[name]) for name in table for T in temperatures]
        lines.append("| " + " | ".join([method, *cells]) + " |")
    for other in ("histogram", "kernel, held out"):
        cells = [
            _cell(table[name]["density", T] - table[name][other, T], DIGITS[name], "+")
            for name in table
            for T in temperatures
        ]
        lines.append("| " + " | ".join([f"density less {other}, paired", *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: pd.Series, digits: int, sign: str = "") -> str:
    """Mean and standard error over sets."""
    return f"{values.mean():{sign}.{digits}f} ± {values.std(ddof=1) / np.sqrt(len(values)):.{digits}f}"
