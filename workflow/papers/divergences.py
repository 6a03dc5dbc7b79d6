"""D-SPIB's table: symmetrised KL between the latents of MD and generated ones, for a system whose density is exact.

By the papers' definition (100 x 100 bins with edges from the reference, density + 1e-10, mean of both directions), in each
model's own latent plane, noise of the encoder included. Beside it the floor: independent points of the exact density in place
of the generated ones, through the same encoder and with noise of their own. Such points take the MD's place too, since a
million frames of one MD run know the populations to 0.008 only.
"""

import csv

import numpy as np

from job import logged, study_named
from thermolatent.errors import ThermolatentError
from thermolatent.files.artifacts import load_array, load_arrays
from thermolatent.represent.representation import load_representation
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.tables import write_table
from thermolatent.validate.divergence import PAPER_BINS, Bins, kl_sym_paper

COLUMNS = (
    *("study", "model", "seed", "points", "against_md", "floor_md", "against_exact", "floor_exact"),
    *("states", "held_out_cross_entropy", "held_out_rate"),
)


def run(study: Study, layout: Layout, seed: int, out: str) -> None:
    """Write a row per model of ``study``, which has one training temperature and a system with ``sample_exact``.

    ``points`` are the generated ones, and as many exact ones are drawn. With them number of states, and on held-out walkers
    cross-entropy and rate E[ln q - ln r], nats, of the state that training kept.
    """
    if len(study.temperatures.train) > 1 or not hasattr(study.system, "sample_exact"):
        raise ThermolatentError(f"{study.name}: needs one training temperature and a system whose density is exact")
    (T,) = study.temperatures.train
    frames = load_array(layout.features(T), "features")
    features = frames.reshape(-1, frames.shape[-1])
    n, rows = study.generate.samples, []
    exact = [study.system.sample_exact(n, T, np.random.default_rng(draw)) for draw in (1, 2)]
    for model in study.models:
        representation = load_representation(layout.model(model, seed))
        md, first, second = (
            representation.noised(representation.encode(x), representation.sigmas(x), noise)
            for noise, x in enumerate((features, *exact))
        )
        generated = load_arrays(layout.samples(model, seed, T), "generated samples")["latents"]
        values = [divergence(*pair) for pair in ((md, generated), (md, first), (first, generated), (first, second))]
        kept = kept_losses(layout.history(layout.model(model, seed)))
        numbers = (*values, representation.n_states, *(kept[column] for column in COLUMNS[-2:]))
        rows.append(dict(zip(COLUMNS, (study.name, model, seed, n, *numbers), strict=True)))
    write_table(out, COLUMNS, rows)


def kept_losses(history: str) -> dict[str, str]:
    """The losses of the state that a training kept: those at its best held-out objective, with the encoder frozen."""
    with open(history, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "density"]
    return min(rows, key=lambda row: float(row["held_out"]))


def divergence(reference: np.ndarray, generated: np.ndarray) -> float:
    """The papers' symmetrised KL of points ``(n, 2)``, with bins between the reference's extremes."""
    bins = Bins.spanning([reference], PAPER_BINS, margin=0.0)
    return float(kl_sym_paper(bins.mass(reference), bins.mass(generated), bins.area))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        study = study_named(snakemake.wildcards.study)
        run(study, Layout.of(study), int(snakemake.wildcards.seed), snakemake.output[0])
