"""Spread over seeds, agreement with the reweightings, and verdicts, on tables written down here."""

import statistics

import pytest

from thermolatent.validate.metrics import METRICS
from thermolatent.validate.predictions import (
    COLUMNS,
    FIGURES,
    LIMITS,
    UNTESTED,
    doubts,
    prediction_rows,
    predictors,
    trust_rows,
)

STATES = ("left", "right", "top")


def population(model, T, seed, values):
    return [
        {"model": model, "temperature": T, "seed": seed, "states": "named", "state": s, "value": str(v)}
        for s, v in zip(STATES, values, strict=True)
    ]


def score(model, T, seed, metric, value):
    return {"model": model, "temperature": T, "seed": seed, "metric": metric, "value": str(value)}


@pytest.fixture
def tables():
    """Scores and populations at T = 1, two seeds; the reweighting ``which_t`` is far off, but exhausted."""
    populations = [
        *population("good", "1", "0", (0.40, 0.40, 0.20)),
        *population("good", "1", "1", (0.42, 0.36, 0.22)),
        *population("conditional", "1", "0", (0.41, 0.41, 0.18)),
        *population("conditional", "1", "1", (0.41, 0.40, 0.19)),
        *population("mbar", "1", "0", (0.40, 0.43, 0.17)),
        *population("mbar", "1", "1", (0.40, 0.43, 0.17)),
        *population("which_t", "1", "0", (0.1, 0.1, 0.8)),
        *population("which_t", "1", "1", (0.1, 0.1, 0.8)),
        {"model": "good", "temperature": "1", "seed": "0", "states": "model", "state": "0", "value": "0.9"},
    ]
    shares = {"good": 0.3, "conditional": 0.4, "mbar": 0.2, "which_t": 0.01}
    scores = [score(name, "1", seed, "ess_fraction", share) for name, share in shares.items() for seed in "01"]
    return scores, populations


def found(rows, **where):
    return [r["value"] for r in rows if all(r[k] == v for k, v in where.items())]


def test_spread_over_seeds_is_the_largest_standard_deviation_once_per_seed(study, tables):
    rows = trust_rows(study, *tables)
    spread = statistics.stdev([0.40, 0.36])
    assert found(rows, model="good", metric="trust_seeds") == pytest.approx([spread, spread])
    assert [r["seed"] for r in rows if (r["model"], r["metric"]) == ("good", "trust_seeds")] == ["0", "1"]
    assert {(r["temperature"], r["role"], r["plane"]) for r in rows} == {("1", "interpolate", "fixed")}
    assert all(r["unit"] == METRICS[r["metric"]].unit for r in rows)


def test_one_seed_has_no_spread(study, tables):
    scores, populations = ([r for r in table if r["seed"] == "0"] for table in tables)
    rows = trust_rows(study, scores, populations)
    assert found(rows, metric="trust_seeds") == []
    judged = prediction_rows(study, scores + rows, populations)
    assert {r["n_seeds"] for r in judged} == {1}
    assert {r["std"] for r in judged} == {None}


def test_reweightings_that_are_exhausted_or_the_predictor_itself_do_not_count(study, tables):
    rows = trust_rows(study, *tables)
    assert found(rows, model="good", metric="trust_reweighting") == pytest.approx([0.03, 0.07])
    assert found(rows, model="conditional", metric="trust_reweighting") == pytest.approx([0.02, 0.03])


def test_predictions_have_mean_spread_figures_and_verdict(study, tables):
    scores, populations = tables
    scores = scores + [score("conditional", "1", seed, "trust_basis", 0.01) for seed in "01"]
    scores += [score("good", "1", seed, "trust_log_density", value) for seed, value in (("0", 0.03), ("1", 0.05))]
    rows = prediction_rows(study, scores + trust_rows(study, scores, populations), populations)
    assert set(COLUMNS) >= {key for row in rows for key in row}
    good = {row["state"]: row for row in rows if row["model"] == "good"}
    assert list(good) == list(STATES)
    assert good["right"]["mean"] == pytest.approx(0.38)
    assert good["right"]["std"] == pytest.approx(statistics.stdev([0.40, 0.36]))
    expected = {"ess_fraction": 0.3, "trust_reweighting": 0.05, "trust_basis": 0.01, "trust_log_density": 0.04}
    assert {k: good["top"][k] for k in expected} == pytest.approx(expected)
    assert good["left"]["trusted"] == "no"
    assert good["left"]["reasons"] == "a named population scatters by 0.028 over the seeds (limit 0.025)"
    conditional = next(row for row in rows if row["model"] == "conditional")
    assert (conditional["trusted"], conditional["reasons"]) == ("yes", "")
    assert "trust_log_density" not in conditional
    which_t = next(row for row in rows if row["model"] == "which_t")
    assert which_t["reasons"].startswith(
        "only 1 % of the training frames count (limit 5 %); a named population differs by"
    )
    assert {row["model"] for row in rows} == {"good", "which_t", "conditional"} <= set(predictors(study))


def test_without_energies_two_temperatures_are_not_enough_to_trust_a_third(study):
    populations = [row for T in ("0.5", "1", "1.5", "2") for row in population("which_t", T, "0", (0.4, 0.4, 0.2))]
    rows = prediction_rows(study, [], populations)
    verdicts = {row["temperature"]: (row["trusted"], row["reasons"]) for row in rows}
    assert verdicts == {"0.5": ("yes", ""), "1": ("no", UNTESTED), "1.5": ("yes", ""), "2": ("no", UNTESTED)}
    three = study.temperatures.model_copy(update={"train": [0.5, 1.0, 1.5], "predict": [2.0], "reference": []})
    rows = prediction_rows(study.model_copy(update={"temperatures": three}), [], populations)
    assert {row["trusted"] for row in rows} == {"yes"}


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_alone_can_raise_a_doubt(figure):
    if figure == "ess_fraction":
        held, broken, spelled = 0.05, 0.0004, "0.04 %"
    else:
        held, broken, spelled = LIMITS[figure], 2 * LIMITS[figure], f"{2 * LIMITS[figure]:g}"
    assert doubts({figure: held}) == []
    (reason,) = doubts({figure: broken})
    assert spelled in reason
    assert "limit" in reason
    assert ";" not in reason  # which separates them in the table
