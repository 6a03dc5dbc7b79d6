from pathlib import Path

import pytest
from studies_for_tests import SOUND, write

from thermolatent.launch.answer import answer
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.tables import write_table
from thermolatent.validate import melting
from thermolatent.validate.predictions import COLUMNS


@pytest.fixture
def study(tmp_path):
    write(tmp_path, SOUND)
    return load_study("mine", tmp_path / "studies"), Layout(str(tmp_path / "results/mine"))


def row(temperature, state, value=0.3, half=0.04, verdict="trusted", predictor="reweighting", role="interpolate"):
    ends = {} if verdict == "not assessable" else {"low": value - half, "high": value + half}
    return (
        dict(predictor=predictor, temperature=temperature, role=role, state=state, value=value, verdict=verdict) | ends
    )


def test_there_is_no_answer_before_there_are_results(study):
    assert answer(*study) == []


def test_populations_intervals_and_verdicts_of_the_first_three_temperatures(study):
    _, layout = study
    rows = [row("0.5", "left", role="train"), row("0.8", "left", predictor="latf", value=0.9)]
    rows += [row("0.8", "left", 0.3126, 0.042), row("0.8", "right", verdict="not assessable")]
    rows += [row(T, "left", 0.001, 0.0004, "not trusted") for T in ("0.9", "1", "1.1", "1.2")]
    Path(layout.report).parent.mkdir(parents=True)
    Path(layout.report).touch()
    Path(layout.predictions).parent.mkdir(parents=True)
    write_table(layout.predictions, COLUMNS, rows)
    assert answer(*study) == [
        layout.report,
        "  T = 0.8: left 0.31 +- 0.04 trusted, right not assessable",
        "  T = 0.9: left 0.0010 +- 0.0004 not trusted",
        "  T = 1: left 0.0010 +- 0.0004 not trusted",
        f"  and T = 1.1, 1.2: {layout.predictions}",
    ]


def test_of_training_temperatures_alone_those_are_told(study):
    _, layout = study
    Path(layout.predictions).parent.mkdir(parents=True)
    write_table(layout.predictions, COLUMNS, [row("0.5", "left", role="train")])
    assert answer(*study) == ["  T = 0.5: left 0.30 +- 0.04 trusted"]


@pytest.mark.parametrize(
    ("Tm", "where"),
    [
        (0.9512, ""),
        (0.4512, ", below all training temperatures, so extrapolated"),
        (1.6512, ", above all training temperatures, so extrapolated"),
    ],
)
def test_the_melting_temperature_and_whether_it_is_extrapolated(tmp_path, Tm, where):
    write(tmp_path, SOUND | {"validate": SOUND["validate"] | {"melting": "left"}})
    study, layout = load_study("mine", tmp_path / "studies"), Layout(str(tmp_path / "results/mine"))
    Path(layout.predictions).parent.mkdir(parents=True)
    write_table(layout.predictions, COLUMNS, [row("0.5", "left", role="train")])
    md = {"predictor": "md", "state": "left", "quantity": "Tm", "value": 1, "low": 0.9, "high": 1.1}
    own = md | {"predictor": "reweighting", "value": Tm, "low": Tm - 0.0084, "high": Tm + 0.0084}
    write_table(layout.melting, melting.COLUMNS, [own, own | {"quantity": "dH"}, md])
    assert answer(study, layout)[1:] == [f"  left melts at T = {Tm:.3f} +- 0.008{where}"]
