"""The metrics: definitions, as in ``metrics.json`` and docs/reference/metrics.md, and the functions of those that compare a
prediction with a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from thermolatent.validate.divergence import coverage, js, kl_gen_ref, kl_ref_gen, kl_sym
from thermolatent.validate.free_energy import free_energy_rmse
from thermolatent.validate.populations import delta_F_rmse, population_error, population_max_error

#: What a number is computed of: binned mass in the fixed plane, in a latent plane, or in both, its last cell the overflow;
#: populations; and both against an exact distribution in the fixed plane, mass without the overflow cell.
FIXED, LATENT, MASS = "mass in the fixed plane", "mass in a latent plane", "mass"
POPULATIONS, EXACT_POPULATIONS, EXACT_MASS = "populations", "exact populations", "exact mass"


class Metric(NamedTuple):
    """A metric.

    Attributes
    ----------
    unit, range: of the values.
    definition: one sentence.
    of: what ``number`` compares; empty for a metric that is computed where its rows are added.
    number: function of the reference ``(..., cells)``, the prediction, and half of a sample, for cells that are empty.
    """

    unit: str
    range: str
    definition: str
    of: str = ""
    number: Callable[[np.ndarray, np.ndarray, float], np.ndarray] | None = None


def _of_two(function: Callable) -> Callable:
    """A function of two masses that needs no value for empty cells."""
    return lambda reference, generated, smallest: function(reference, generated)


_MATCHED = "n points against one half of the reference MD's independent pieces, averaged over both halves"
METRICS = {
    "js_plane": Metric(
        "nats",
        "0 to ln 2",
        f"Jensen-Shannon divergence in the fixed plane, with an overflow cell; {_MATCHED}",
        FIXED,
        _of_two(js),
    ),
    "js_latent": Metric(
        "nats",
        "0 to ln 2",
        f"Jensen-Shannon divergence in a latent plane, with an overflow cell; {_MATCHED}",
        LATENT,
        _of_two(js),
    ),
    "js_plane_floor_ess": Metric(
        "nats",
        "0 to ln 2",
        "js_plane of as many true MD frames as the weights' effective sample size: what they can reach at best",
    ),
    "js_latent_floor_ess": Metric("nats", "0 to ln 2", "the same in a latent plane, js_latent"),
    "kl_ref_gen": Metric(
        "nats",
        "0 to 23",
        f"KL(reference || generated) of mass + 1e-10, renormalised; {_MATCHED}",
        MASS,
        _of_two(kl_ref_gen),
    ),
    "kl_gen_ref": Metric(
        "nats",
        "0 to 23",
        f"KL(generated || reference) of mass + 1e-10, renormalised; {_MATCHED}",
        MASS,
        _of_two(kl_gen_ref),
    ),
    "kl_sym": Metric("nats", "0 to 23", "mean of kl_ref_gen and kl_gen_ref", MASS, _of_two(kl_sym)),
    "kl_sym_paper": Metric(
        "nats",
        "0 and up",
        "the papers' symmetrised KL: 100 bins per axis between the reference's extremes at that temperature, "
        "(density + 1e-10) times the bin area, mean of both directions; blind to mass outside",
    ),
    "coverage": Metric("1", "0 to 1", "generated mass inside the bins", MASS, _of_two(coverage)),
    "sliced_w2": Metric(
        "reference standard deviations",
        "0 and up",
        "sliced 2-Wasserstein distance, no bins: root mean square over directions, each coordinate in units of the "
        "reference's standard deviation at that temperature",
    ),
    "free_energy_rmse_kT": Metric(
        "kT",
        "0 and up",
        "root mean square error of F over the bins where the reference's F < 4 kT, both aligned by their mean there; "
        f"an empty bin counts as half a sample; {_MATCHED}",
        MASS,
        lambda p, q, smallest: free_energy_rmse(p[..., :-1], q[..., :-1], smallest),
    ),
    "free_energy_rmse_exact_kT": Metric(
        "kT",
        "0 and up",
        "the same against the exact distribution, with all frames instead of matched numbers",
        EXACT_MASS,
        free_energy_rmse,
    ),
    "population_mae": Metric(
        "1",
        "0 to 1",
        "mean over states of the absolute population error against the whole reference MD; plane 'fixed': named "
        "states, a latent plane: the model's own",
        POPULATIONS,
        _of_two(population_error),
    ),
    "population_max_error": Metric(
        "1", "0 to 1", "the largest of these errors", POPULATIONS, _of_two(population_max_error)
    ),
    "population_mae_exact": Metric(
        "1",
        "0 to 1",
        "population_mae of the named states against the exact populations",
        EXACT_POPULATIONS,
        _of_two(population_error),
    ),
    "population_max_error_exact": Metric(
        "1", "0 to 1", "the largest of these errors", EXACT_POPULATIONS, _of_two(population_max_error)
    ),
    "delta_F_rmse_kT": Metric(
        "kT",
        "0 and up",
        "root mean square error of the free-energy differences of all pairs of states; an empty state counts as half a "
        "sample",
        POPULATIONS,
        delta_F_rmse,
    ),
    "independent_pieces": Metric(
        "1",
        "1 and up",
        "independent pieces of the reference MD: walkers, or, of imported MD, blocks of ten correlation times of its slowest "
        "named state, leading tIC or energy; errors are computed over these, from 4 on",
    ),
    "ess_fraction": Metric("1", "1/N to 1", "(sum w)^2 / (N sum w^2) of the frame weights: the share that counts"),
    "conditional_shift": Metric(
        "reference standard deviations",
        "0 and up",
        "root mean square shift of the fixed plane's mean at given latent between the MD at T and the training frames: "
        "0 if p(x|z) does not change with temperature, which frame weights assume",
    ),
    "gmrq": Metric(
        "1",
        "1 to number of states",
        "cross-validated variational score (r = 1) of the Markov state model of the model's own states at the "
        "representation's lag, as many processes as states, folds of whole walkers or blocks",
    ),
    "implied_timescale": Metric(
        "frames",
        "above 0",
        "slowest implied timescale -lag / ln(lambda_2) of the Markov state model of the model's own states at the "
        "representation's lag",
    ),
    "held_out_cross_entropy": Metric(
        "nats",
        "0 and up",
        "E[-ln p(y|z)] of the decoder on held-out walkers, y the model's own state one lag later",
    ),
}


def comparing(*of: str) -> Iterator[tuple[str, Callable]]:
    """Name and function of the metrics that compare one of these."""
    for name, metric in METRICS.items():
        if metric.of in of:
            yield name, metric.number
