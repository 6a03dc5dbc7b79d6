"""Stage ``gather``: all scores of a study in one table, the definitions of the metrics, and a summary in the log."""

from __future__ import annotations

import logging
import statistics
from collections import defaultdict

from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_json, save_json
from thermolatent.reweight import fitness
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.reweight.influence import CONFIDENCE
from thermolatent.reweight.verdict import PARTS
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, cell, read_table, write_table
from thermolatent.temperatures import format_temperature
from thermolatent.validate import divergence, experiment, free_energy, grid, kinetics, melting, predictions, sliced
from thermolatent.validate.metrics import METRICS
from thermolatent.validate.observables import judged_observables
from thermolatent.validate.settings import BASELINES, Asked, GatherInputs, GatherOutputs, GatherSettings

log = logging.getLogger(__name__)

#: Columns of ``convergence.csv``: for each state, then for all MD at the temperature.
CONVERGENCE_COLUMNS = ("study", *fitness.COLUMNS, *fitness.SOUNDNESS_COLUMNS[1:])


def run(study: GatherSettings, inputs: GatherInputs, outputs: GatherOutputs) -> None:
    """Write the tables of a study: ``scores.csv``, ``populations.csv``, ``predictions.csv``, ``convergence.csv``,
    ``melting.csv``, ``experiment.csv``, ``metrics.json``, and predictions on a grid of temperatures
    (:mod:`thermolatent.validate.grid`).

    Raises :class:`ArtifactError` if a table or the reweighting is missing or cannot be read.
    """
    scores = [row for path in inputs.scores for row in _read(study, path, SCORE_COLUMNS)]
    populations = [row for path in inputs.populations for row in _read(study, path, POPULATION_COLUMNS)]
    reweighting = ConditionalReweighting.load(inputs.reweighting)
    write_table(outputs.scores, SCORE_COLUMNS, scores)
    write_table(outputs.populations, POPULATION_COLUMNS, populations)
    observables = judged_observables(study, inputs.frames, reweighting)
    judged = predictions.prediction_rows(study, reweighting, populations, observables)
    write_table(outputs.predictions, predictions.COLUMNS, judged)
    write_table(outputs.convergence, CONVERGENCE_COLUMNS, convergence_rows(study, reweighting))
    write_table(outputs.melting, melting.COLUMNS, melting.rows(study, populations, reweighting))
    write_table(outputs.experiment, experiment.COLUMNS, experiment.rows(study, inputs.frames, reweighting))
    header = load_json(inputs.frames[study.temperatures.train[0]].header, "features' header")
    save_json(outputs.metrics, describe(study, header["plane_names"], populations, reweighting))
    shares = [row for row in judged if row["quantity"] == predictions.POPULATION]
    grid.write(study, inputs, outputs, reweighting, shares)
    for line in (*summary(scores), *answer(study, judged)):
        log.info("%s", line)


def convergence_rows(study: Asked, reweighting: ConditionalReweighting) -> list[dict]:
    """Rows of ``convergence.csv``: sampling of each named state at each training temperature, and checks of the MD there."""
    rows = reweighting.assessments.merge(reweighting.soundness.table, on="temperature", how="left").to_dict("records")
    return [{"study": study.name} | row | {"assessable": "yes" if row["assessable"] else "no"} for row in rows]


def answer(study: Asked, judged: list[dict]) -> list[str]:
    """The predictions in sentences: one line per predicted temperature and state or judged observable."""
    asked = {format_temperature(T) for T in study.temperatures.predict or study.temperatures.train}
    wanted = [r for r in judged if r["predictor"] == predictions.HEADLINE and r["temperature"] in asked]
    return [f"T = {r['temperature']}: {predictions.sentence(r)}" for r in wanted]


def _read(study: Asked, path: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """A table of one model or of the baselines, checked for rows at every temperature of the study."""
    rows = read_table(path, columns)
    there = {row["temperature"] for row in rows}
    if missing := [text for T in study.temperatures.generated if (text := cell(T)) not in there]:
        raise ArtifactError(f"{path}: has no rows at T = {', '.join(missing)}; delete it and run validate")
    return rows


def describe(
    study: GatherSettings,
    plane: list[str],
    populations: list[dict[str, str]],
    reweighting: ConditionalReweighting,
) -> dict:
    """Content of ``metrics.json``: all settings of the scores, and the definition of each metric."""
    processes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in populations:
        if row["model"] in study.models and row["states"].startswith("model"):
            count = processes[row["model"]]
            count[row["seed"]] = max(count[row["seed"]], int(row["state"]) + 1)
    return {
        "study": study.name,
        "seeds": study.seeds,
        "plane": plane,
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
            "lag_frames": {model: study.lag_of(model) for model in study.models},
            "folds_of_walkers": kinetics.FOLDS,
            "processes": {model: dict(counts) for model, counts in processes.items()},
        },
        "named_states": study.validate_.states.model_dump(mode="json"),
        "in_sample": "scores of role train: models and baselines have the frames they are judged by, and may be below the floor",
        "nearest": "the training temperature with the smallest |ln(T_k / T)|",
        "interval": {
            "confidence": CONFIDENCE,
            "tolerance": study.validate_.tolerance,
            "heat_capacity": reweighting.heat_capacity,
            "parts": PARTS,
        },
        "doubts": predictions.doubts_of(study, reweighting),
        "metrics": {n: {"unit": m.unit, "range": m.range, "definition": m.definition} for n, m in METRICS.items()},
    }


def summary(scores: list[dict[str, str]]) -> list[str]:
    """Lines of a compact table per plane: Jensen-Shannon divergence, model by temperature, median over seeds."""
    values: dict[tuple, list[float]] = defaultdict(list)
    in_sample = {float(row["temperature"]) for row in scores if row["role"] == "train"}
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
        heads = {T: f"T{format_temperature(T)}{'*' * (T in in_sample)}" for T in temperatures}
        lines.append(
            f"{metric} in nats, plane '{plane}', median over seeds (floor: MD half against MD half; *: in-sample)"
        )
        lines.append(" " * width + "".join(f"{heads[T]:>10}" for T in temperatures))
        for model in models:
            cells = (here.get((model, T)) for T in temperatures)
            numbers = "".join(f"{statistics.median(c):>10.4f}" if c else f"{'-':>10}" for c in cells)
            lines.append(f"{model:<{width}}{numbers}")
    return lines
