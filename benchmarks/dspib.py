"""D-SPIB's figure (arXiv:2510.09784): symmetrised KL between a million latents of MD and a million generated ones.

    snakemake --cores all --config studies="[three_hole_single]" seeds="[0]"
    python benchmarks/dspib.py

By the papers' definition (100 x 100 bins with edges from the reference, density + 1e-10, mean of both directions), in each
model's own latent plane, noise of the encoder included. Beside it the floor: a million independent points of the exact
density in place of the generated ones, through the same encoder and with noise of their own. Such points take the MD's place
too, since a million frames of one MD run know the populations to 0.008 only. Exits with 1 when D-SPIB misses its target.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from thermolatent.artifacts import load_array, load_arrays
from thermolatent.config import load_study
from thermolatent.layout import Layout
from thermolatent.learn.representation import load_representation
from thermolatent.validate.divergence import PAPER_BINS, Bins, kl_sym_paper

STUDY, MODEL, TARGET = "three_hole_single", "dspib", 0.042


def divergence(reference: np.ndarray, generated: np.ndarray) -> float:
    bins = Bins.spanning([reference], PAPER_BINS, margin=0.0)
    return float(kl_sym_paper(bins.mass(reference), bins.mass(generated), bins.area))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--results", default="results")
    arguments = parser.parse_args()
    study = load_study(STUDY)
    layout = Layout.of(study, arguments.results)
    (T,) = study.temperatures.train
    if not all(Path(layout.samples(m, s, T)).is_file() for m in study.models for s in arguments.seeds):
        sys.exit(f"{layout.root}: samples are missing; run the study first")
    features = load_array(layout.features(T), "features").reshape(-1, 2)
    n = len(features)
    exact = [study.system.sample_exact(n, T, np.random.default_rng(seed)) for seed in (1, 2)]
    print("| model | seed | against MD | floor, MD | against exact points | floor, exact |")
    print("|---|---|---|---|---|---|")
    worst = 0.0
    for model in study.models:
        for seed in arguments.seeds:
            representation = load_representation(layout.model(model, seed))
            sets = (features, *exact)
            md, first, second = (
                representation.noised(representation.encode(x), noise, x) for noise, x in enumerate(sets)
            )
            generated = load_arrays(layout.samples(model, seed, T), "generated samples")["latents"]
            if len(generated) != n:
                sys.exit(f"{layout.root}: {len(generated)} samples of {model} for {n} frames; sizes must match")
            pairs = ((md, generated), (md, first), (first, generated), (first, second))
            values = [divergence(*pair) for pair in pairs]
            print(f"| `{model}` | {seed} | " + " | ".join(f"{v:.4f}" for v in values) + " |", flush=True)
            worst = max(worst, values[0]) if model == MODEL else worst
    print(f"\n{n} points on either side.")
    print(f"{'met' if worst <= TARGET else 'missed'}: {MODEL} at most {TARGET} against MD: {worst:.4f}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
