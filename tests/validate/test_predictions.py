"""Predictions and their verdicts, on a two-state system fitted here, against what the verdict itself says."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from reweight.two_states import md

from thermolatent import ConditionalReweighting
from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.artifacts import load_json, save_array, save_arrays, save_json
from thermolatent.reweight.verdict import PARTS, judge
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, read_table, write_table
from thermolatent.validate import gather, melting
from thermolatent.validate.observables import Observable, judged_observables
from thermolatent.validate.predictions import (
    COLUMNS,
    NOT_INFORMED,
    ModelShares,
    decimals,
    doubts_of,
    prediction_rows,
    predictions_at,
    sentence,
)

ASKED = 1.4
STATES = ("zero", "one")


def make_study(name="tiny", tolerance=0.05, **validate):
    return Study(
        name=name,
        system="three_hole",
        temperatures={"train": [1.0, 2.0], "predict": [ASKED, 2.5]},
        simulate={"walkers": 8, "frames": 400, "time_step": 0.02},
        featurize={"features": ["position_xy"], "plane": ["position_xy"]},
        models={
            "known": {"density": "flow", "encoder": "frozen", "informed": True},
            "published": {"density": "flow", "encoder": "joint"},
        },
        validate={
            "states": {"kind": "nearest", "centers": {"zero": [0, 0], "one": [1, 0]}},
            "tolerance": tolerance,
            **validate,
        },
    )


@pytest.fixture(scope="module")
def reweighting():
    return ConditionalReweighting(network=False).fit(**md(units=12))


def numbers(rows):
    return np.array([[float(row[name]) for name in ("value", "stderr", "low", "high", *PARTS)] for row in rows])


def of(rows, predictor):
    return [row for row in rows if row["predictor"] == predictor]


@pytest.mark.parametrize("temperature", [ASKED, 1.0, 2.5])
def test_the_answer_is_the_verdicts(reweighting, temperature):
    rows = predictions_at(asked_of(make_study()), reweighting, temperature)
    expected = judge(reweighting, temperature, 0.05)
    assert [row["state"] for row in rows] == list(STATES)
    assert {row["predictor"] for row in rows} == {"reweighting"}
    np.testing.assert_array_equal(numbers(rows), expected[["value", "stderr", "low", "high", *PARTS]].to_numpy())
    for name in ("verdict", "reason", "remedy"):
        assert [row[name] for row in rows] == list(expected[name])
    assert {row["role"] for row in rows} == {make_study().temperatures.role(temperature)}
    assert all(set(row) == set(COLUMNS) for row in rows)


def test_a_smoke_run_is_never_trusted_and_says_so(reweighting):
    full, smoke = (predictions_at(asked_of(make_study(name)), reweighting, ASKED) for name in ("tiny", "tiny@smoke"))
    assert {row["verdict"] for row in full} == {"trusted"}
    assert {row["verdict"] for row in smoke} == {"not trusted"}
    assert all("a smoke run: too short to trust" in row["reason"] for row in smoke)
    np.testing.assert_array_equal(numbers(full), numbers(smoke))
    assert doubts_of(asked_of(make_study("tiny@large")), reweighting) == ["scale large: only full runs are trusted"]


def test_nothing_is_trusted_where_the_md_as_a_whole_is_not_fit(reweighting, monkeypatch):
    lines = ("the kinetic temperature is off: 99 +- 1 at 300", "all walkers began from one structure")
    doubted = replace(reweighting.soundness, doubts=lines)
    monkeypatch.setattr(reweighting, "soundness", doubted)
    assert doubts_of(asked_of(make_study("tiny@smoke")), reweighting) == ["a smoke run: too short to trust", *lines]
    rows = predictions_at(asked_of(make_study()), reweighting, ASKED)
    assert {row["verdict"] for row in rows} == {"not trusted"}
    assert {row["reason"] for row in rows} == {"; ".join(lines)}


def test_an_informed_model_adds_its_distance_and_the_scatter_of_its_seeds(reweighting):
    p = reweighting.shares(ASKED)
    off = np.array([0.02, -0.02])
    seeds = p + np.array([off - 0.01, off, off + 0.03])
    rows = predictions_at(asked_of(make_study()), reweighting, ASKED, {"known": ModelShares(seeds)})
    headline, model = of(rows, "reweighting"), of(rows, "known")
    added = np.hypot(0.02, np.std([-0.01, 0, 0.03], ddof=1))
    expected = judge(reweighting, ASKED, 0.05, model=np.full(2, added))
    np.testing.assert_allclose(numbers(model), expected[["value", "stderr", "low", "high", *PARTS]].to_numpy())
    np.testing.assert_allclose(numbers(model)[:, 1] ** 2, numbers(headline)[:, 1] ** 2 + added**2)
    assert {row["verdict"] for row in model} == {"not trusted"}
    assert all("is the density model" in row["reason"] for row in model)
    assert [row["value"] for row in model] == [row["value"] for row in headline]


def test_one_seed_at_the_reweightings_number_adds_nothing(reweighting):
    rows = predictions_at(
        asked_of(make_study()), reweighting, ASKED, {"known": ModelShares(reweighting.shares(ASKED)[None])}
    )
    np.testing.assert_allclose(numbers(of(rows, "known")), numbers(of(rows, "reweighting")))


def test_a_model_that_is_not_informed_says_its_own_number(reweighting):
    values, stderr = np.array([[0.3, 0.7], [0.5, 0.5]]), np.full((2, 2), 0.01)
    rows = of(
        predictions_at(asked_of(make_study()), reweighting, ASKED, {"published": ModelShares(values, stderr)}),
        "published",
    )
    assert [row["value"] for row in rows] == pytest.approx([0.4, 0.6])
    both = np.hypot(0.01, np.std([0.3, 0.5], ddof=1))
    assert [row["stderr"] for row in rows] == pytest.approx([both, both])
    low = 1 / (1 + np.exp(-(np.log(0.4 / 0.6) - 1.959964 * both / 0.24)))
    assert rows[0]["low"] == pytest.approx(low, rel=1e-6)
    assert {(row["verdict"], row["reason"]) for row in rows} == {("model's own", NOT_INFORMED)}
    assert np.isnan([row[name] for row in rows for name in PARTS]).all()


def test_nothing_is_said_of_another_temperature_from_one(reweighting):
    one = ConditionalReweighting(network=False).fit(**md(temperatures=(1.0,)))
    rows = predictions_at(asked_of(make_study()), one, ASKED)
    assert {row["verdict"] for row in rows} == {"not assessable"}
    assert {row["reason"] for row in rows} == {"the only MD is at 1"}
    assert np.isnan(numbers(rows)).all()
    assert np.isfinite(numbers(predictions_at(asked_of(make_study()), one, 1.0))).all()


def population_rows(study, reweighting, seeds=(0, 1)):
    """What the models' tables hold: named shares, of the informed model by its own samples as well, a bit off."""
    for seed in seeds:
        for T in study.temperatures.generated:
            base = {"study": study.name, "seed": seed, "temperature": T, "role": study.temperatures.role(T)}
            p = reweighting.shares(T)
            named = [("known", "named", p), ("known", "density", p + 0.01 * (1 + seed) * np.array([1, -1]))]
            named += [("published", "named", np.array([0.2, 0.8])), ("published", "density", np.array([0.1, 0.9]))]
            for model, kind, values in named:
                for state, value in zip(STATES, values, strict=True):
                    told = {"model": model, "states": kind, "state": state, "value": float(value), "stderr": 0.02}
                    yield base | told


def written(study, layout, rows):
    """The rows as text, read again."""
    write_table(layout.all_populations, POPULATION_COLUMNS, rows)
    return read_table(layout.all_populations, POPULATION_COLUMNS)


def test_the_table_is_the_answer_at_every_temperature(reweighting, tmp_path):
    study, layout = make_study(), Layout(str(tmp_path))
    rows = prediction_rows(asked_of(study), reweighting, written(study, layout, population_rows(study, reweighting)))
    predictors = ("reweighting", *study.models)
    assert [(r["temperature"], r["predictor"], r["state"]) for r in rows] == [
        (f"{T:g}", name, state) for T in (1.0, ASKED, 2.0, 2.5) for name in predictors for state in STATES
    ]
    p = reweighting.shares(ASKED)
    own = ModelShares(p + np.array([[0.01, -0.01], [0.02, -0.02]]))
    alone = predictions_at(asked_of(study), reweighting, ASKED, {"known": own})
    here = [row for row in rows if row["temperature"] == f"{ASKED:g}"]
    np.testing.assert_allclose(numbers(of(here, "known")), numbers(of(alone, "known")), rtol=1e-5)
    assert {row["value"] for row in of(rows, "published")} == {0.2, 0.8}, "by its frame weights, not its samples"


def test_a_model_without_samples_is_named(reweighting, tmp_path):
    study, layout = make_study(), Layout(str(tmp_path))
    rows = [row for row in population_rows(study, reweighting) if row["states"] == "named"]
    with pytest.raises(ThermolatentError, match=r"known: has no density populations at T = 1; run validate again"):
        prediction_rows(asked_of(study), reweighting, written(study, layout, rows))


def row(**changes):
    told = {"state": "hexagon", "value": 0.31, "low": 0.27, "high": 0.35, "sampling": 0.03, "form": 0.02}
    told |= {"visits": 0.001, "model": 0.01, "verdict": "trusted", "reason": "", "remedy": "", "role": "interpolate"}
    told |= {"quantity": "population", "tolerance": 0.05}
    return told | changes


def test_sentences_for_people():
    start = "hexagon 0.31 +- 0.04 (0.27 to 0.35; sampling 0.03, temperature form 0.02, model 0.01)"
    assert sentence(row()) == f"{start}, trusted within 0.05"
    assert sentence({k: str(v) for k, v in row().items()}) == f"{start}, trusted within 0.05", "a table's text"
    assert sentence(row(role="extrapolate", tolerance=0.1)) == f"{start}, extrapolated, trusted within 0.1"
    doubted = row(verdict="not trusted", reason="0.2 of it is form", remedy="MD at 0.4 would settle it")
    assert sentence(doubted) == f"{start}, not trusted: 0.2 of it is form; MD at 0.4 would settle it"
    narrow = row(value=0.0312, low=0.0300, high=0.0324, sampling=0.001, form=0.0008, visits=0.0, model=float("nan"))
    assert sentence(narrow).startswith("hexagon 0.031 +- 0.001 (0.030 to 0.032; sampling 0.001, temperature form")
    unseen = row(verdict="not assessable", reason="2 whole visits at 0.2", remedy="extend 0.2", low="", high="")
    assert sentence(unseen) == "hexagon not assessable: 2 whole visits at 0.2; extend 0.2"


@pytest.mark.parametrize(("width", "digits"), [(0.8, 2), (0.08, 2), (0.02, 2), (0.01, 3), (0.0003, 4), (0.0, 2)])
def test_as_many_digits_as_the_interval_allows(width, digits):
    assert decimals(width) == digits


def observable(reweighting, tolerance=0.5):
    return Observable("distance", tolerance, 2.0 * reweighting.states)


def test_judged_observables_are_rows_of_the_answer(reweighting):
    rows = predictions_at(asked_of(make_study()), reweighting, ASKED, observables=[observable(reweighting)])
    assert [(r["quantity"], r["state"]) for r in rows] == [
        *(("population", state) for state in STATES),
        ("mean", "distance"),
    ]
    assert all(set(row) == set(COLUMNS) for row in rows)
    mean, share = rows[-1], rows[1]
    assert mean["predictor"] == "reweighting"
    assert mean["value"] == pytest.approx(2 * share["value"])
    assert mean["stderr"] == pytest.approx(2 * share["stderr"])
    said = sentence(mean)
    assert said.startswith(f"mean of distance {mean['value']:.2f} +- {(mean['high'] - mean['low']) / 2:.2f} (")
    assert said.endswith("trusted within 0.5")
    doubted = predictions_at(
        asked_of(make_study("tiny@smoke")), reweighting, ASKED, observables=[observable(reweighting)]
    )[-1]
    assert (doubted["verdict"], doubted["reason"]) == ("not trusted", "a smoke run: too short to trust")
    one = ConditionalReweighting(network=False).fit(**md(temperatures=(1.0,)))
    alone = predictions_at(asked_of(make_study()), one, ASKED, observables=[observable(one)])[-1]
    assert (alone["state"], alone["verdict"]) == ("distance", "not assessable")


def test_observables_are_judged_where_a_tolerance_names_them(reweighting, tmp_path):
    layout, states = Layout(str(tmp_path)), reweighting.states.reshape(2, 12, 400, 1)
    study = make_study()
    frames, asked = training_frames(study, layout), asked_of(study)
    assert judged_observables(asked, frames, reweighting) == [], "no file is read"
    tolerance = {"tolerance": {"populations": 0.05, "moments": 0.2}}
    asked = asked.model_copy(update={"validate_": asked.validate_.model_copy(update=tolerance)})
    header = {"observable_names": ["length", "mu2", "mu3"]}
    for T, own in zip(study.temperatures.train, states, strict=True):
        save_array(layout.observables(T), (own * [1, 2, 3]).astype(np.float32))
        save_json(layout.features_header(T), header)
    with pytest.raises(ArtifactError, match=r"does not say which observables are which; .*run featurize again"):
        judged_observables(asked, frames, reweighting)
    save_json(layout.features_header(1.0), header | {"observable_labels": ["length", "moments", "moments"]})
    found = judged_observables(asked, frames, reweighting)
    assert [(o.name, o.tolerance) for o in found] == [("mu2", 0.2), ("mu3", 0.2)]
    np.testing.assert_array_equal(found[1].values, 3 * reweighting.states)
    save_json(layout.features_header(1.0), header | {"observable_labels": ["length", "a", "b"]})
    with pytest.raises(ArtifactError, match=r"has no observable 'moments'; .*run featurize again"):
        judged_observables(asked, frames, reweighting)


def write_all(study, layout, reweighting):
    """Everything that gather reads, one seed."""
    rows = list(population_rows(study, reweighting, [0]))
    for model in ("baselines", *study.models):
        own = [r for r in rows if r["model"] == model]
        if model == "baselines":
            base = {"study": study.name, "model": "md", "seed": 0, "states": "named", "stderr": 0.01}
            own = [
                base | {"temperature": T, "state": s, "value": float(p)}
                for T in study.temperatures.generated
                for s, p in zip(STATES, reweighting.shares(T), strict=True)
            ]
        write_table(layout.populations(model, 0), POPULATION_COLUMNS, own)
        scores = [{"model": model, "seed": 0, "temperature": T, "metric": "ess_fraction", "value": 0.5}
                  for T in study.temperatures.generated]  # fmt: skip
        write_table(layout.scores(model, 0), SCORE_COLUMNS, scores)
    save_json(layout.features_header(study.temperatures.train[0]), {"plane_names": ["x", "y"]})
    for T in study.temperatures.train:
        save_array(layout.plane(T), np.zeros((12, 400, 2), np.float32))
    save_arrays(layout.profiles("known", 0), {"edges_plane": np.linspace([-1, -1], [1, 1], 5).T})
    reweighting.save(layout.reweighting)


def test_gather_writes_predictions_convergence_and_what_the_interval_holds(reweighting, tmp_path, caplog):
    study, layout = make_study(tolerance=0.08, melting="one"), Layout(str(tmp_path))
    write_all(study, layout, reweighting)
    with caplog.at_level(logging.INFO):
        run_job("gather", study, layout, seeds=[0])
    rows = read_table(layout.predictions, COLUMNS)
    expected = judge(reweighting, ASKED, 0.08)
    here = [r for r in of(rows, "reweighting") if r["temperature"] == f"{ASKED:g}"]
    np.testing.assert_allclose([float(r["high"]) for r in here], expected.high, rtol=1e-7)
    assert f"T = {ASKED:g}: {sentence(here[0])}" in caplog.text
    interval = load_json(layout.metrics)["interval"]
    assert {k: interval[k] for k in ("confidence", "tolerance", "heat_capacity")} == {
        "confidence": 0.95,
        "tolerance": {"populations": 0.08},
        "heat_capacity": 5.0,
    }
    assert set(interval["parts"]) == set(PARTS)
    convergence = read_table(layout.convergence, gather.CONVERGENCE_COLUMNS)
    assert [(r["temperature"], r["state"], r["assessable"]) for r in convergence] == [
        (T, state, "yes") for T in ("1", "2") for state in STATES
    ]
    assert {r["kinetic_temperature"] + r["start_up"] + r["starts"] + r["doubt"] for r in convergence} == {""}  # unknown
    assert load_json(layout.metrics)["doubts"] == []
    assert [float(r["evidence"]) for r in convergence] == pytest.approx(list(reweighting.assessments.evidence))


def test_melting_of_the_reweighting_is_its_own(reweighting, caplog):
    study = make_study(melting="one")
    rows = melting.rows(asked_of(study), [], reweighting)
    table = reweighting.melting("one")
    assert [(r["predictor"], r["quantity"]) for r in rows] == [("reweighting", q) for q in ("Tm", "dH", "dS", "dCp")]
    for name in ("value", "stderr", "low", "high"):
        np.testing.assert_array_equal([r[name] for r in rows], table[name])
    assert {r["extrapolated"] for r in rows} == {"no"}
    seldom, rng = md(), np.random.default_rng(0)
    seldom["states"] = [s * (rng.random(s.shape) < 0.3) for s in seldom["states"]]
    assert melting.rows(asked_of(study), [], ConditionalReweighting(network=False).fit(**seldom)) == []
    assert "is not half populated at any temperature" in caplog.text


def test_the_log_says_which_scores_are_in_sample():
    row = {"metric": "js_plane", "plane": "fixed", "model": "nearest", "value": "0.0014"}
    rows = [row | {"temperature": "0.2", "role": "train"}, row | {"temperature": "0.3", "role": "interpolate"}]
    title, heads, _ = gather.summary(rows)
    assert title.endswith("*: in-sample)")
    assert heads.split() == ["T0.2*", "T0.3"]
