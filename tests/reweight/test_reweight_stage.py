"""The stage reweight, and the baselines, against exact three-hole averages at a temperature that was not simulated."""

import logging
import shutil
from functools import cache

import numpy as np
import pytest
from exact_study import SHORT, WALKERS, make_study, without_network, write_features

from thermolatent import ConditionalReweighting
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import save_json
from thermolatent.frame_loading import load_frames
from thermolatent.reweight import stage
from thermolatent.reweight.running import COLUMNS
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole
from thermolatent.tables import read_table
from thermolatent.validate.baselines import Baselines

EDGES = np.linspace(-3.5, 3.5, 141), np.linspace(-3.2, 3.8, 141)


@cache
def exact_mass(temperature):
    return ThreeHole().exact_histogram(*EDGES, temperature)


def exact_average(function, temperature):
    """Boltzmann average of a function of (x, y) by quadrature."""
    mass = exact_mass(temperature)
    x, y = np.meshgrid(*((e[1:] + e[:-1]) / 2 for e in EDGES), indexing="ij")
    return float((mass * function(x, y)).sum() / mass.sum())


#: function of (x, y), and an error that weights may have but no training ensemble comes near
OBSERVABLES = {
    "y": (lambda x, y: y, 0.03),
    "V": (lambda x, y: ThreeHole().plane_energy(np.stack([x, y], -1)), 0.08),
    "top": (lambda x, y: (y > 1.0).astype(float), 0.015),
}


METHODS = ("conditional", "which_t", "mbar")


@pytest.fixture(scope="module")
def weights_at_1(trained):
    study, layout = trained
    study = study.model_copy(
        update={"validate_": study.validate_.model_copy(update={"baselines": ["nearest", "mbar", "which_t"]})}
    )
    frames = load_frames(training_frames(study, layout))
    baselines = Baselines(asked_of(study), frames)
    found = {name: baselines.weights(name, 1.0) for name in baselines.names}
    return found | {"conditional": ConditionalReweighting.load(layout.reweighting, frames).weights(1.0)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("observable", OBSERVABLES)
def test_weights_reproduce_exact_averages_at_an_unseen_temperature(trained, weights_at_1, method, observable):
    function, tolerance = OBSERVABLES[observable]
    study, layout = trained
    data = load_frames(training_frames(study, layout))
    values = function(*data.flat(data.features).T)
    exact = exact_average(function, 1.0)
    weights = weights_at_1[method]
    assert weights.sum() == pytest.approx(1)
    assert (weights * values).sum() == pytest.approx(exact, abs=tolerance)
    for T in study.temperatures.train:
        assert abs(exact_average(function, T) - exact) > 1.5 * tolerance


def test_mbar_weights_at_a_training_temperature_are_that_ensemble(trained):
    study, layout = trained
    frames = load_frames(training_frames(study, layout))
    energy = Baselines(asked_of(study), frames).weights("mbar", 0.5) @ frames.flat(frames.energies)
    assert energy == pytest.approx(ThreeHole().exact_mean_energy(0.5), abs=0.02)


def test_the_file_predicts_populations_whose_intervals_hold_the_exact_ones(trained):
    study, layout = trained
    found = ConditionalReweighting.load(layout.reweighting)
    assert found.state_names == ("left", "right", "top")
    assert found.n_frames == len(load_frames(training_frames(study, layout)))
    table = found.populations(1.0).set_index("state")
    exact = {"left": 0.4476, "right": 0.4476, "top": 0.1049}
    assert table.value.sum() == pytest.approx(1)
    for state, share in exact.items():
        width = table.high[state] - table.low[state]
        assert abs(table.value[state] - share) < 0.75 * width  # three standard errors, once and for all
        assert width < 0.12


def test_a_file_of_other_frames_is_refused(trained):
    study, layout = trained
    frames = load_frames(training_frames(study, layout))
    short = {
        name: {T: a[:, :-1] for T, a in getattr(frames, name).items()} for name in ("features", "plane", "energies")
    }
    with pytest.raises(ArtifactError, match="delete it and run reweight again"):
        ConditionalReweighting.load(layout.reweighting, type(frames)(frames.kT, **short))


def test_what_the_md_tells_of_itself_reaches_the_estimators_file(short, tmp_path, caplog):
    study, layout = brief(short[0]), Layout(str(tmp_path / "results"))
    shutil.copytree(short[1].root, layout.root)
    run_job("represent", study, layout, seed=0)
    for T in study.temperatures.train:
        told = {"mean": [1.1 * T] * WALKERS, "std": [0.1 * T] * WALKERS}
        content = {"starts": ["left", "right"] * (WALKERS // 2), "friction": 1.0, "save_every": 100, "time_step": 0.01}
        save_json(layout.protocol(T), content | {"frames": SHORT, "kinetic_temperature": told})
    with caplog.at_level(logging.WARNING), without_network():
        run_job("reweight", study, layout, seed=0)
    doubt = "the kinetic temperature is off: 0.55 +- 0.0011 at 0.5, 1.65 +- 0.0032 at 1.5"
    assert f"predictions are not trusted: {doubt}" in caplog.text
    found = ConditionalReweighting.load(layout.reweighting).soundness
    assert found.doubts == (doubt,)
    assert list(found.table.start_up) == [0, 0]
    rows = read_table(layout.running, COLUMNS)
    last = [row for row in rows if row["temperature"] == "0.5" and row["state"] == "top"][-1]
    assert float(last["time"]) == SHORT
    labels = stage.sample_of(asked_of(study).named, load_frames(training_frames(study, layout)), None).states[
        : WALKERS * SHORT
    ]
    assert float(last["share"]) == pytest.approx((labels == 2).mean())
    save_json(layout.protocol(0.5), {"starts": ["left"] * 3})
    with pytest.raises(ArtifactError, match=r"names 3 starts, .* holds 16 walkers"):
        run_job("reweight", study, layout, seed=0)


def test_md_without_a_protocol_is_unknown(trained, caplog):
    found = ConditionalReweighting.load(trained[1].reweighting).soundness
    assert found.doubts == ()
    assert found.table.kinetic_temperature.isna().all()


def test_heat_capacity_is_the_studys_or_follows_the_size_of_the_solute(short, tmp_path):
    assert stage.default_heat_capacity({}) == 5.0
    assert stage.default_heat_capacity({"heavy_atoms": 10}) == pytest.approx(7.0)
    study, layout = short[0], Layout(str(tmp_path / "results"))
    shutil.copytree(short[1].root, layout.root)
    run_job("represent", brief(study), layout, seed=0)
    with without_network():
        run_job(
            "reweight", study.model_copy(update={"reweight": type(study.reweight)(heat_capacity=3.0)}), layout, seed=0
        )
    assert ConditionalReweighting.load(layout.reweighting).heat_capacity == 3.0


def brief(study):
    """With a representation that has seen each frame twice."""
    settings = {"epochs": 1, "refinements": 1}
    return study.model_copy(update={"representation": study.representation.model_copy(update=settings)})


def test_without_energies_the_temperatures_reweight_with_wider_intervals(without_energies, trained):
    study, layout = without_energies
    frames = load_frames(training_frames(study, layout))
    found = ConditionalReweighting.load(layout.reweighting, frames)
    mean = found.weights(1.0) @ ThreeHole().plane_energy(frames.flat(frames.plane))
    assert mean == pytest.approx(ThreeHole().exact_mean_energy(1.0), abs=0.08)
    known = ConditionalReweighting.load(trained[1].reweighting).populations(1.0)
    assert (found.populations(1.0).form > 2 * known.form).all()
    assert Baselines(asked_of(study), frames).names == ["nearest"]


def test_one_training_temperature_needs_no_weights(tmp_path):
    study = make_study(temperatures={"train": [1.0]}, models={"latf": {"density": {"kind": "flow"}}})
    layout = Layout(str(tmp_path / "results"))
    write_features(study, layout, [1.0], SHORT)
    run_job("represent", brief(study), layout, seed=0)
    run_job("reweight", study, layout, seed=0)
    weights = ConditionalReweighting.load(layout.reweighting, load_frames(training_frames(study, layout))).weights(1.0)
    np.testing.assert_allclose(weights, 1 / len(weights), rtol=1e-12)


def test_units_are_the_walkers(trained):
    found = ConditionalReweighting.load(trained[1].reweighting)
    assert len(found.influence(1.0, "top")) == 2 * WALKERS
