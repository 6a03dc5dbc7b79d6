"""The grid of temperatures: where it is, that it gives the answers of the study, and surfaces against histograms."""

from itertools import pairwise

import numpy as np
import pytest
from reweight.two_states import md

from thermolatent import ConditionalReweighting
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_arrays, save_array, save_arrays, save_json
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import JOBS, training_frames
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.tables import read_table, write_table
from thermolatent.validate import grid
from thermolatent.validate.predictions import COLUMNS, prediction_rows, predictions_at

UNITS, FRAMES, EDGES = 12, 400, np.stack([np.linspace(-1.5, 2.5, 21), np.linspace(-3, 3, 21)])


def make_study(predict=(1.4, 2.5), train=(1.0, 2.0), **more):
    return Study(
        name="tiny",
        system="three_hole",
        temperatures={"train": list(train), "predict": list(predict)},
        simulate={"walkers": UNITS, "frames": FRAMES, "time_step": 0.02},
        featurize={"features": ["position_xy"], "plane": ["position_xy"]},
        models={"latf": {"density": "flow"}},
        validate={"states": {"kind": "nearest", "centers": {"zero": [0, 0], "one": [1, 0]}}},
        **more,
    )


def fitted(temperatures=(1.0, 2.0), **more):
    made = md(temperatures=temperatures, units=UNITS, frames=FRAMES) | more
    return made, ConditionalReweighting(network=False).fit(**made)


def write_inputs(study, layout, made, observables=()):
    """Plane and observables of the two-state system: its first two features."""
    for T, features in zip(study.temperatures.train, made["features"], strict=True):
        save_array(layout.plane(T), features[..., :2])
        save_array(layout.observables(T), features[..., : len(observables)])
        save_json(layout.features_header(T), {"observable_names": list(observables)})
    save_arrays(layout.profiles("latf", 0), {"edges_plane": EDGES})


def write_grid(study, layout, reweighting, judged):
    """The grid as gather writes it."""
    job = JOBS["gather"](study, layout, seeds=[0])
    grid.write(*job, reweighting, judged)


def surfaces_of(study, layout):
    """Profiles and training frames that surfaces are made of."""
    return layout.profiles("latf", 0), training_frames(study, layout)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What is asked of a study, layout, reweighting and the frames, after predictions.csv and the grid are written."""
    study, layout = make_study(), Layout(str(tmp_path_factory.mktemp("grid")))
    made, reweighting = fitted()
    write_inputs(study, layout, made, ["x", "y"])
    nobody = asked_of(study.model_copy(update={"models": {}}))  # models have rows in predictions.csv, not in the grid
    judged = prediction_rows(nobody, reweighting, [])
    write_table(layout.predictions, COLUMNS, judged)
    write_grid(study, layout, reweighting, judged)
    return asked_of(study), layout, reweighting, made


@pytest.mark.parametrize(
    "study",
    [
        *(make_study(), make_study(predict=[2.3, 2.301, 2.33]), make_study(learn={"temperature_range": [0.7, 3.1]})),
        *(
            make_study(predict=[], train=[2.0]),
            load_study("lj7", "studies"),
            load_study("alanine_dipeptide", "studies"),
        ),
    ],
    ids=["tiny", "close", "range", "one", "lj7", "alanine"],
)
def test_temperatures_are_at_most_one_per_cent_apart_and_hold_those_asked_for(study):
    found = grid.grid_temperatures(asked_of(study))
    asked = study.temperatures.generated
    assert (found[0], found[-1]) == study.temperature_range
    assert set(asked) <= set(found)
    ratios = np.divide(found[1:], found[:-1])
    assert (ratios > 1).all()
    assert (ratios <= 1.01).all()
    assert all(float(f"{T:.5g}") == T for T in found if T not in asked)
    fixed = sorted({*asked, *study.temperature_range})
    for low, high in pairwise(fixed):
        steps = np.diff(np.log([T for T in found if low <= T <= high]))
        np.testing.assert_allclose(steps, steps.mean(), atol=1.1e-4)  # rounded to five digits
        assert len(steps) == np.ceil(np.log(high / low) / 0.0098), "no finer than it must be"


def test_at_temperatures_asked_for_the_grid_is_predictions_csv_digit_by_digit(written):
    study, layout, reweighting, _ = written
    rows, expected = read_table(layout.grid, COLUMNS), read_table(layout.predictions, COLUMNS)
    asked = {f"{T:g}" for T in study.temperatures.generated}
    assert [row for row in rows if row["temperature"] in asked] == expected
    anew = grid.population_rows(study, reweighting, study.temperatures.generated)
    write_table(layout.root + "/anew.csv", COLUMNS, anew)
    assert read_table(layout.root + "/anew.csv", COLUMNS) == expected


def test_between_them_it_is_the_answer_to_whoever_asks(written):
    study, layout, reweighting, _ = written
    rows = read_table(layout.grid, COLUMNS)
    temperatures = grid.grid_temperatures(study)
    assert [(float(r["temperature"]), r["state"]) for r in rows] == [
        (T, s) for T in temperatures for s in ("zero", "one")
    ]
    for k in (3, 40, -2):
        write_table(layout.root + "/one.csv", COLUMNS, predictions_at(study, reweighting, temperatures[k]))
        one = read_table(layout.root + "/one.csv", COLUMNS)
        assert [row for row in rows if float(row["temperature"]) == temperatures[k]] == one
    assert {r["role"] for r in rows} == {"train", "interpolate", "extrapolate"}
    assert {r["predictor"] for r in rows} == {"reweighting"}


def test_observables_are_the_reweightings_means(written):
    study, layout, reweighting, made = written
    rows = read_table(layout.grid_observables, grid.OBSERVABLE_COLUMNS)
    assert len(rows) == 2 * len(grid.grid_temperatures(study))
    values = np.concatenate([f.reshape(-1, f.shape[-1])[:, :2] for f in made["features"]])
    for T in (1.4, 2.5):
        expected = reweighting.mean(T, values)
        here = [row for row in rows if row["temperature"] == f"{T:g}"]
        assert [row["observable"] for row in here] == ["x", "y"]
        for name in ("value", "stderr", "low", "high"):
            np.testing.assert_allclose([float(row[name]) for row in here], expected[name], rtol=1e-7)


def test_surfaces_are_histograms_by_the_reweightings_weights(written):
    study, layout, reweighting, made = written
    arrays = load_arrays(layout.grid_surfaces)
    assert arrays["temperatures"].tolist() == grid.grid_temperatures(study)
    np.testing.assert_array_equal(arrays["edges_plane"], EDGES)
    points = np.concatenate([f.reshape(-1, f.shape[-1])[:, :2] for f in made["features"]])
    for k in (0, 30, -1):
        weights = reweighting.weights(arrays["temperatures"][k])
        mass = np.histogram2d(*points.T, bins=list(EDGES), weights=weights)[0]
        F = arrays["free_energy"][k]
        np.testing.assert_array_equal(np.isnan(F), mass == 0)
        assert np.isnan(F).any()
        assert np.nanmin(F) == 0
        inside = mass > 0
        np.testing.assert_allclose(F[inside], -np.log(mass[inside] / mass.max()), atol=1e-5)


def test_errors_of_surfaces_are_those_of_the_bins_shares(written):
    _, layout, reweighting, made = written
    arrays = load_arrays(layout.grid_surfaces)
    points = np.concatenate([f.reshape(-1, f.shape[-1])[:, :2] for f in made["features"]])
    cells = [np.digitize(p, e) - 1 for p, e in zip(points.T, EDGES, strict=True)]
    for k, i, j in ((0, 7, 10), (30, 12, 9), (-1, 8, 3)):
        inside = (cells[0] == i) & (cells[1] == j)
        share = reweighting.mean(arrays["temperatures"][k], inside).iloc[0]
        assert arrays["free_energy_stderr"][k, i, j] == pytest.approx(share.stderr / share.value, rel=1e-4)
        half = (share.high - share.low) / 2 / share.value
        assert arrays["free_energy_half"][k, i, j] == pytest.approx(half, rel=1e-4)
    for name in ("free_energy_stderr", "free_energy_half"):
        np.testing.assert_array_equal(np.isnan(arrays[name]), np.isnan(arrays["free_energy"]))
        assert arrays[name].dtype == np.float32


def test_of_one_training_temperature_there_is_an_answer_at_it_alone(tmp_path):
    study = make_study(predict=[], train=[1.0], learn={"temperature_range": [0.99, 1.02]})
    layout = Layout(str(tmp_path))
    made, reweighting = fitted(temperatures=(1.0,))
    write_inputs(study, layout, made, ["x"])
    write_grid(study, layout, reweighting, [])
    for path, columns in ((layout.grid, COLUMNS), (layout.grid_observables, grid.OBSERVABLE_COLUMNS)):
        known = {float(row["temperature"]) for row in read_table(path, columns) if row["low"]}
        assert known == {1.0}
    arrays = load_arrays(layout.grid_surfaces)
    some = np.isfinite(arrays["free_energy"]).any((1, 2))
    assert arrays["temperatures"][some].tolist() == [1.0]


def test_where_only_frames_lie_that_do_not_count_there_is_nothing(tmp_path):
    study, layout, counts = make_study(), Layout(str(tmp_path)), np.ones((UNITS, FRAMES))
    counts[:, :100] = 0
    made, reweighting = fitted(counts=[counts, counts])
    made["features"] = [f.copy() for f in made["features"]]
    for features in made["features"]:
        features[:, :100, 0] = 2.3
    write_inputs(study, layout, made)
    F = grid.surfaces(*surfaces_of(study, layout), reweighting, [1.4])["free_energy"][0]
    last = EDGES[0][:-1] >= 2.1
    assert np.isnan(F[last]).all()
    assert np.nanmax(F) < 50


def test_files_that_do_not_belong_are_named(tmp_path):
    study, layout = make_study(), Layout(str(tmp_path))
    made, reweighting = fitted()
    write_inputs(study, layout, made)
    assert grid.observable_rows(asked_of(study), training_frames(study, layout), reweighting, [1.4]) == []
    save_array(layout.plane(2.0), np.zeros((UNITS, FRAMES - 1, 2), np.float32))
    with pytest.raises(ArtifactError, match=r"plane.npy: .* does not hold the 9600 frames .*; run reweight again"):
        grid.surfaces(*surfaces_of(study, layout), reweighting, [1.4])
    save_arrays(layout.profiles("latf", 0), {"nothing": EDGES})
    with pytest.raises(ArtifactError, match=r"seed0.profiles.npz: has no edges_plane"):
        grid.surfaces(*surfaces_of(study, layout), reweighting, [1.4])
