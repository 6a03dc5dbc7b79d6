"""The stage ``gather``: all scores of a study in one table, what each metric means, and a summary in the log."""

from __future__ import annotations

import logging
import statistics
from collections import defaultdict

from thermolatent.artifacts import load_json, save_json
from thermolatent.config import Study
from thermolatent.errors import ArtifactError
from thermolatent.layout import BASELINES, Layout, format_temperature
from thermolatent.validate import divergence, free_energy, identity, kinetics, melting, predictions, sliced
from thermolatent.validate.metrics import METRICS
from thermolatent.validate.tables import POPULATION_COLUMNS, SCORE_COLUMNS, cell, read_table, write_table

log = logging.getLogger(__name__)


def run(study: Study, layout: Layout, seeds: list[int]) -> None:
    """Write ``scores.csv``, ``populations.csv``, ``predictions.csv``, ``melting.csv`` and ``metrics.json`` of all models and
    baselines.

    Raises :class:`ArtifactError` if a table is missing or is none.
    """
    parts = [(model, seed) for model in ("baselines", *study.models) for seed in seeds]
    scores = [row for part in parts for row in _read(study, layout.scores(*part), SCORE_COLUMNS)]
    populations = [row for part in parts for row in _read(study, layout.populations(*part), POPULATION_COLUMNS)]
    # As text, like the others: whoever reads the table judges by the digits that were written.
    scores += [
        {c: cell(row.get(c)) for c in SCORE_COLUMNS} for row in predictions.trust_rows(study, scores, populations)
    ]
    write_table(layout.all_scores, SCORE_COLUMNS, scores)
    write_table(layout.all_populations, POPULATION_COLUMNS, populations)
    judged = predictions.prediction_rows(study, scores, populations)
    write_table(layout.predictions, predictions.COLUMNS, judged)
    write_table(layout.melting, melting.COLUMNS, melting.rows(study, populations))
    save_json(layout.metrics, describe(study, layout, seeds, populations))
    for line in summary(scores):
        log.info("%s", line)
    for model, T, reasons in dict.fromkeys((row["model"], row["temperature"], row["reasons"]) for row in judged):
        if reasons:
            log.info("%s at T = %s is not to be trusted: %s", model, T, reasons)


def _read(study: Study, path: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """A table of one model or of the baselines, which has rows at every temperature of the study."""
    rows = read_table(path, columns)
    there = {row["temperature"] for row in rows}
    if missing := [text for T in study.temperatures.generated if (text := cell(T)) not in there]:
        raise ArtifactError(f"{path}: has no rows at T = {', '.join(missing)}; delete it and run validate")
    return rows


def describe(study: Study, layout: Layout, seeds: list[int], populations: list[dict[str, str]]) -> dict:
    """Content of ``metrics.json``: every choice behind the numbers, and the definition of each metric."""
    processes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in populations:
        if row["model"] in study.models and row["states"].startswith("model"):
            count = processes[row["model"]]
            count[row["seed"]] = max(count[row["seed"]], int(row["state"]) + 1)
    return {
        "study": study.name,
        "seeds": list(seeds),
        "plane": load_json(layout.features_header(study.temperatures.train[0]), "features' header")["plane_names"],
        "bins_per_axis": study.validate_.bins,
        "range": f"the reference's over all its temperatures, widened by {divergence.MARGIN:g} of it on either side; "
        "angles -pi to pi; one overflow cell for everything outside",
        "epsilon": divergence.EPSILON,
        "kl_sym_paper": {"bins_per_axis": divergence.PAPER_BINS, "epsilon": divergence.EPSILON},
        "sliced_w2": {
            "directions": sliced.PROJECTIONS,
            "directions_in_a_plane": sliced.PROJECTIONS // 2,
            "points_at_most": sliced.MAX_POINTS,
        },
        "free_energy_cutoff_kT": free_energy.CUTOFF,
        "bootstrap_replicates": study.validate_.bootstrap,
        "gmrq": {
            "lag_frames": study.representation.lag,
            "folds_of_walkers": kinetics.FOLDS,
            "processes": {model: dict(counts) for model, counts in processes.items()},
        },
        "named_states": study.validate_.states.model_dump(mode="json"),
        "nearest": "the training temperature with the smallest |ln(T_k / T)|",
        "trust": {
            "limits": {"ess_fraction_at_least": predictions.ESS_LIMIT, **predictions.LIMITS},
            "rule": "trusted if no figure that exists is beyond its limit; medians over seeds; "
            f"{' and '.join(predictions.OF_DATA)} are of the data and count for all",
            "identity": {
                "bins_per_axis": identity.BINS,
                "relative_step_in_b": identity.STEP,
                "violations_that_count_above": identity.RESOLVED,
            },
        },
        "metrics": {name: metric._asdict() for name, metric in METRICS.items()},
    }


def summary(scores: list[dict[str, str]]) -> list[str]:
    """Lines of a compact table per plane: Jensen-Shannon divergence, model by temperature, median over seeds."""
    values: dict[tuple, list[float]] = defaultdict(list)
    for row in scores:
        if row["metric"] in ("js_plane", "js_latent"):
            values[row["metric"], row["plane"], row["model"], float(row["temperature"])].append(float(row["value"]))
    lines = []
    for metric, plane in sorted({key[:2] for key in values}):
        here = {key[2:]: v for key, v in values.items() if key[:2] == (metric, plane)}
        temperatures = sorted({T for _, T in here})
        baselines = [m for m in BASELINES if any(m == name for name, _ in here)]
        models = sorted({m for m, _ in here} - set(baselines)) + baselines
        width = max(len(m) for m in models) + 2
        lines.append(f"{metric} in nats, plane '{plane}', median over seeds (floor: MD half against MD half)")
        lines.append(" " * width + "".join(f"{'T' + format_temperature(T):>10}" for T in temperatures))
        for model in models:
            cells = (here.get((model, T)) for T in temperatures)
            numbers = "".join(f"{statistics.median(c):>10.4f}" if c else f"{'-':>10}" for c in cells)
            lines.append(f"{model:<{width}}{numbers}")
    return lines
