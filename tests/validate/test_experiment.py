"""Measured values beside predictions: what is read, and the chi-square, which knows the errors of both."""

import numpy as np
import pytest
from reweight.two_states import md, share
from scipy.special import logit
from scipy.stats import norm
from scipy.stats import t as student
from validate.test_predictions import make_study

from thermolatent import ConditionalReweighting
from thermolatent.errors import ConfigError, ThermolatentError
from thermolatent.parsing import parse
from thermolatent.reweight import thermodynamics
from thermolatent.reweight.influence import Influences
from thermolatent.study.answers import asked_of
from thermolatent.validate.experiment import rows
from thermolatent.validate.settings import Experiment

TEMPERATURES = (1.1, 1.3, 1.5, 1.7)


def study_with(values, quantity="one", melting=None):
    return asked_of(
        make_study(melting=melting, experiment=[{"quantity": quantity, "label": "CD", "values": values}]),
    )


@pytest.fixture(scope="module")
def reweighting():
    return ConditionalReweighting(network=False).fit(**md(units=12))


def test_predictions_are_those_of_the_reweighting(reweighting):
    found = rows(study_with([[T, 0.5, 0.1] for T in TEMPERATURES]), {}, reweighting)
    for row, T in zip(found, TEMPERATURES, strict=True):
        own = reweighting.populations(T).iloc[1]
        names = ("value", "stderr", "low", "high")
        assert [row[n] for n in ("predicted", *names[1:])] == pytest.approx([own[n] for n in names])
        assert (row["temperature"], row["value"], row["error"]) == (f"{T:g}", 0.5, 0.1)


def test_the_covariance_is_that_of_refits_with_one_unit_changed(reweighting):
    """Its diagonal is the variance of the intervals, and the variance of a difference is that of its own influences."""
    joined = Influences.joined([reweighting.population_influences(T) for T in TEMPERATURES])
    V = joined.covariance()
    np.testing.assert_allclose(np.diag(V), joined.parts().total, rtol=1e-10)
    a = np.array([1.0, 0, 0, 0, 0, -1, 0, 0])  # zero at the first temperature minus one at the third
    difference = joined.map(np.array([0.0]), a[:, None])
    assert a @ V @ a == pytest.approx(float(difference.parts().total[0]), rel=1e-10)
    assert abs(V[1, 7]) > 0.2 * np.sqrt(V[1, 1] * V[7, 7]), "neighbours share their frames"


def test_chi_square_by_hand(reweighting):
    (row,) = rows(study_with([[1.3, 0.9, 0.05]]), {}, reweighting)
    own = reweighting.populations(1.3).iloc[1]
    wider = student.ppf(0.975, own.degrees_of_freedom) / norm.ppf(0.975)
    theirs, ours = 0.05 / (0.9 * 0.1), wider * own.stderr / (own.value * (1 - own.value))
    assert row["chi2"] == pytest.approx((logit(0.9) - logit(own.value)) ** 2 / (theirs**2 + ours**2))
    assert (row["points"], row["p_value"] < 0.01) == (1, True)


def test_a_value_at_the_end_of_the_interval_is_two_standard_errors_off(reweighting):
    """So chi-square and interval say the same, of rare states too."""
    for T in (0.3, 1.3):
        own = reweighting.populations(T).iloc[1]
        error = 1e-6 * min(own.value, 1 - own.value)
        for end in (own.low, own.high):
            (row,) = rows(study_with([[T, float(end), error]]), {}, reweighting)
            assert row["chi2"] == pytest.approx(norm.ppf(0.975) ** 2, rel=1e-3)
            assert row["p_value"] == pytest.approx(0.05, rel=1e-2)


def test_where_nothing_is_known_there_is_no_chi_square(reweighting):
    (row,) = rows(study_with([[0.001, 0.5, 0.01]]), {}, reweighting)
    assert (row["low"], row["high"]) == (0, 1)
    assert "chi2" not in row


def test_chi_square_of_true_values_is_one_per_point():
    """Values scattered by their errors about the truth: without the covariance of the predictions it would be 1.7 and more."""
    rng, found = np.random.default_rng(3), []
    for seed in range(40):
        values = [[T, float(np.clip(share(T, 1.0) + 0.01 * rng.standard_normal(), 0, 1)), 0.01] for T in TEMPERATURES]
        fitted = ConditionalReweighting(network=False).fit(**md(units=8, seed=9000 + seed))
        found.append(rows(study_with(values), {}, fitted)[0])
    assert np.mean([row["chi2"] / 4 for row in found]) == pytest.approx(1, abs=0.35)
    assert np.mean([row["p_value"] < 0.05 for row in found]) < 0.2


def test_a_value_without_error_is_shown_and_not_judged(reweighting):
    found = rows(study_with([[1.3, 0.5], [1.5, 0.4, 0.1]]), {}, reweighting)
    assert np.isnan(found[0]["error"])
    assert np.isfinite(found[0]["predicted"])
    assert [row["points"] for row in found] == [1, 1]
    assert "chi2" not in rows(study_with([[1.3, 0.5]]), {}, reweighting)[0]


def test_a_melting_temperature():
    # ln odds of zero cross 0 where -(intercept + e p1) does.
    fitted = ConditionalReweighting(network=False).fit(**md(units=12, e=3.0, intercept=-1.5))
    (row,) = rows(study_with([[1.4, 0.05]], "melting", "one"), {}, fitted)
    own = thermodynamics.melting(fitted, 1)
    assert (row["temperature"], row["value"]) == ("", 1.4)
    assert row["predicted"] == own.values[0]
    wider = own.parts().quantile[0] / norm.ppf(0.975)
    assert row["chi2"] == pytest.approx((1.4 - own.values[0]) ** 2 / (0.05**2 + wider**2 * own.parts().total[0]))


def test_no_prediction_is_said_and_the_values_stay(caplog):
    one = ConditionalReweighting(network=False).fit(**md(temperatures=(1.0,)))
    (row,) = rows(study_with([[1.3, 0.5, 0.1]]), {}, one)
    assert (row["value"], "predicted" in row) == (0.5, False)
    assert "CD: no prediction: temperature: 1.3, but the only MD is at 1" in caplog.text


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"values": [[300]]}, "values: [300.0]: write temperature, value and error"),
        ({"values": [[300, 0.5, 0]]}, "temperature and error must be positive"),
        ({"values": [[300, 0.5]], "file": "a.csv"}, "write either file or values"),
        ({}, "write either file or values"),
        ({"values": []}, "has no values; add some"),
        ({"file": "head.csv"}, "has no values; add some"),
        ({"values": [[300, 0.5], [300, 0.6]]}, "has 300 twice; remove one"),
        (
            {"file": "stderr.csv"},
            "file: stderr.csv: has a column 'stderr'; its first line must be temperature,value,error",
        ),
        ({"file": "comma.csv"}, "file: comma.csv: row 1: has more than 3 cells; write numbers with a point"),
        ({"file": "none.csv"}, "file: none.csv: cannot be read"),
        ({"file": "columns.csv"}, "file: columns.csv: has no column 'temperature'; its first line must be"),
        ({"file": "word.csv"}, "file: word.csv: row 2: could not convert string to float: 'half'"),
    ],
)
def test_wrong_values_are_refused_in_one_line(tmp_path, monkeypatch, content, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "columns.csv").write_text("T,value\n300,0.5\n")
    (tmp_path / "head.csv").write_text("temperature,value,error\n")
    (tmp_path / "stderr.csv").write_text("temperature,value,stderr\n300,0.5,0.1\n")
    (tmp_path / "comma.csv").write_text("temperature,value,error\n300,0,5,0,1\n")
    (tmp_path / "word.csv").write_text("temperature,value,error\n300,0.5,\n310,half,0.1\n")
    with pytest.raises(ConfigError) as caught:
        parse(Experiment, {"quantity": "one", "label": "CD", **content}, "mine.yaml")
    assert error in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_is_read(tmp_path):
    path = tmp_path / "cd.csv"
    path.write_text("# far UV\n\ufefftemperature,value,error\n300, 0.9 ,0.02\n320,0.8,\n".replace("\ufeff", ""))
    data = Experiment(quantity="one", label="CD", file=str(path))
    assert data.points == [(300, 0.9, 0.02), (320, 0.8, None)]


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (
            {"quantity": "on", "values": [[1.3, 0.5]]},
            "experiment.0.quantity: 'on' is no state and no observable, did you",
        ),
        ({"quantity": "melting", "values": [[1.3]]}, "'melting' needs validate.melting"),
        ({"quantity": "one", "values": [[1.3, 50, 2]]}, "one is a state, so values and errors are shares from 0 to 1"),
        ({"quantity": "one", "values": [[0.3, 0, 2]]}, "one is a state, so values and errors are shares from 0 to 1"),
    ],
)
def test_what_is_not_predicted_is_refused(entry, error):
    with pytest.raises((ValueError, ThermolatentError), match=error):
        make_study(experiment=[{"label": "CD", **entry}])


def test_a_label_is_of_one_data_set_per_quantity():
    one = {"quantity": "one", "label": "Lab", "values": [[1.3, 0.5]]}
    assert make_study(experiment=[one, one | {"quantity": "zero"}])
    with pytest.raises(ValueError, match="'Lab' is there twice for one"):
        make_study(experiment=[one, one | {"values": [[1.4, 0.5]]}])
