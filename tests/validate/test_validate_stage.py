"""The stage from files to tables, with an exact model: three-hole samples and exact frame weights."""

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from frames_for_tests import write_frames

from thermolatent import ConditionalReweighting
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import load_arrays, save_arrays, save_json
from thermolatent.frame_loading import load_frames
from thermolatent.mbar import effective_fraction
from thermolatent.reweight.stage import sample_of
from thermolatent.states.named import NearestCenters
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job, training_frames
from thermolatent.study.layout import Layout
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, read_table
from thermolatent.validate import stage
from thermolatent.validate.metrics import METRICS
from thermolatent.validate.predictions import COLUMNS as PREDICTION_COLUMNS

BASELINES = ("floor", "nearest", "mbar", "conditional")
RMSE_EXACT = "free_energy_rmse_exact_kT"
CENTERS = np.array([[-1.0481, -0.0421], [1.0481, -0.0421], [0.0, 1.5371]])


class Encoder:
    """A representation known in closed form: z = (x, y) scaled, states by the nearest minimum."""

    latent_dim, n_states, scale = 2, 3, 2.0

    def encode(self, features):
        return np.asarray(features, np.float32) * np.float32(self.scale)

    def sigmas(self, features):
        return np.full(features.shape, np.float32(0.01))

    def noised(self, mu, sigma, seed):
        return mu + sigma * np.random.default_rng(seed).standard_normal(mu.shape, np.float32)

    def states(self, mu):
        return NearestCenters(CENTERS * self.scale).assign(mu.reshape(-1, 2)).reshape(mu.shape[:-1])

    def state_probabilities(self, z):
        return np.full((*z.shape[:-1], 3), 1 / 3, np.float32)


class ExactWeights:
    """MBAR's weights with exact partition functions."""

    def __init__(self, system, frames):
        edges = np.linspace(-4.5, 4.5, 901)
        grid = np.stack(np.meshgrid(edges, edges, indexing="ij"), axis=-1)
        self.energy, self.grid = system.plane_energy(frames), system.plane_energy(grid)

    def log_weights(self, temperature):
        def log_density(T):
            return -self.energy / T - np.log(np.exp(-self.grid / T).sum())

        log_w = log_density(temperature) - np.logaddexp(log_density(0.5), log_density(1.5))
        return log_w - np.log(np.exp(log_w).sum())


@pytest.fixture(scope="module")
def exact(study, three_hole_samples, tmp_path_factory):
    """Everything that validate reads, in a temporary folder; the stage's reader of representations replaced."""
    layout = Layout(str(tmp_path_factory.mktemp("validate") / "results" / "tiny"))
    walkers, frames = study.simulate.walkers, study.simulate.frames
    for T in study.temperatures.simulated:
        points = three_hole_samples(walkers * frames, T, seed=int(10 * T)).reshape(walkers, frames, 2)
        energies = study.system.plane_energy(points)
        write_frames(layout, T, points, points, energies, observables=points[..., 1:], observable_names=["y"])
        save_json(layout.protocol(T), {"starts": (["left", "right", "top"] * walkers)[:walkers]})
    training = np.concatenate([np.load(layout.plane(T)).reshape(-1, 2) for T in study.temperatures.train])
    weights = ExactWeights(study.system, training)
    for T in study.temperatures.generated:
        latents = 2 * three_hole_samples(study.generate.samples, T, seed=int(1000 * T)).astype(np.float32)
        for model in study.models:
            w = np.exp(weights.log_weights(T))
            arrays = {"latents": latents, "frame_weights": w, "ess_fraction": np.array(effective_fraction(np.log(w)))}
            save_arrays(layout.samples(model, 0, T), arrays)
    sample = sample_of(asked_of(study).named, load_frames(training_frames(study, layout)), None)
    ConditionalReweighting(network=False).fit_sample(sample).save(layout.reweighting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "load_representation", lambda path: Encoder())
        yield layout


@pytest.fixture(scope="module")
def done(study, exact):
    """The same after validate and gather."""
    for model in ("baselines", *study.models):
        run_job("validate", study, exact, model=model, seed=0)
    run_job("gather", study, exact, seeds=[0])
    return exact


@pytest.fixture
def spoiled(exact, tmp_path):
    """A copy of the files, to be damaged."""
    return Layout(str(shutil.copytree(exact.root, tmp_path / "tiny", ignore=shutil.ignore_patterns("validate"))))


def table(path, **where):
    with open(path, newline="") as file:
        rows = [SimpleNamespace(**row) for row in csv.DictReader(file)]
    return [r for r in rows if all(getattr(r, k) == v for k, v in where.items())]


def value(rows):
    assert len(rows) == 1
    return float(rows[0].value)


def test_an_exact_model_scores_at_the_floor(done):
    rows = table(done.all_scores)
    for plane, metric in (("fixed", "js_plane"), ("latent", "js_latent")):
        for T in ("0.5", "1", "1.5"):
            here = {r.model: float(r.value) for r in rows if (r.plane, r.metric, r.temperature) == (plane, metric, T)}
            assert set(here) == {"good", *BASELINES} | ({"joint"} if plane == "fixed" else set())
            assert here["good"] < 1.25 * here["floor"]
            if T == "1":
                assert here["nearest"] > 2 * here["floor"]
    joint = {r.model for r in rows if r.plane == "latent_joint" and r.metric == "js_latent"}
    assert joint == {"joint", *BASELINES}


def test_means_of_observables_against_quadrature(done, study):
    edges = np.linspace(-4.5, 4.5, 901)
    grid = np.stack(np.meshgrid(edges, edges, indexing="ij"), axis=-1)
    for T in study.temperatures.generated:
        boltzmann = np.exp(-study.system.plane_energy(grid) / T)
        exact = float((grid[..., 1] * boltzmann).sum() / boltzmann.sum())
        rows = table(done.all_populations, temperature=f"{T:g}", states="observable", state="y")
        found = {row.model: (float(row.value), float(row.stderr)) for row in rows}
        expected = {"good", "joint", "mbar", "conditional", "nearest"}
        assert set(found) == expected | ({"md"} if T in study.temperatures.simulated else set())
        for model in expected - {"nearest"}:
            value, stderr = found[model]
            assert abs(value - exact) < 4 * stderr < 0.06, (model, T)
    assert not any(row.state == "y" for row in table(done.predictions))


def test_populations_against_the_exact_ones(done):
    exact = {0.5: (0.4879, 0.0243), 1.0: (0.4476, 0.1049), 1.5: (0.4243, 0.1513), 2.0: (0.4117, 0.1766)}
    for T, (side, top) in exact.items():
        text = f"{T:g}"
        known = table(done.all_populations, model="exact", temperature=text)
        np.testing.assert_allclose([float(r.value) for r in known], [side, side, top], atol=1.5e-3)
        model = table(done.all_populations, model="good", temperature=text, states="named")
        np.testing.assert_allclose([float(r.value) for r in model], [side, side, top], atol=0.015)
        assert all(0 < float(r.stderr) < 0.01 for r in model)
        mae = table(done.all_scores, model="good", temperature=text, metric="population_mae_exact")
        assert value(mae) < 0.01
        if T < 2:  # the MD itself has as many frames, so it is the model's measure
            F = {r.model: float(r.value) for r in table(done.all_scores, temperature=text, metric=RMSE_EXACT)}
            assert F["good"] < 1.4 * F["floor"]
    assert {r.states for r in table(done.all_populations, model="md")} == {
        "named",
        "model",
        "model_joint",
        "observable",
    }


def test_without_reference_there_are_predictions_and_no_scores(done):
    metrics = {r.metric for r in table(done.scores("good", 0), temperature="2")}
    exact = {"population_mae_exact", "population_max_error_exact", "free_energy_rmse_exact_kT"}  # needs no MD
    assert metrics == {"ess_fraction"} | exact
    assert table(done.populations("good", 0), temperature="2", states="named")
    arrays = load_arrays(done.profiles("good", 0))
    assert np.isnan(arrays["latent_md"][-1]).all()
    assert np.isfinite(arrays["latent_model"][-1]).all()


def test_tables_and_metrics_are_complete(done):
    with open(done.all_scores) as file:
        assert tuple(file.readline().strip().split(",")) == SCORE_COLUMNS
    with open(done.all_populations) as file:
        assert tuple(file.readline().strip().split(",")) == POPULATION_COLUMNS
    rows = table(done.all_scores)
    # independent frames have no timescale but by chance
    assert {r.metric for r in rows} | {"implied_timescale"} == set(METRICS)
    guesses = [float(r.value) for r in rows if r.metric == "held_out_cross_entropy"]
    np.testing.assert_allclose(guesses, np.log(3), rtol=1e-6)
    assert all(np.isfinite(float(r.value)) and r.unit == METRICS[r.metric].unit for r in rows)
    assert {(r.temperature, r.role) for r in rows} == {
        ("0.5", "train"),
        ("1", "interpolate"),
        ("1.5", "train"),
        ("2", "extrapolate"),
    }
    keys = [(r.model, r.seed, r.temperature, r.plane, r.metric) for r in rows]
    assert len(set(keys)) == len(keys)
    with open(done.metrics) as file:
        described = json.load(file)
    assert set(described["metrics"]) == set(METRICS)
    assert described["bins_per_axis"] == 30
    assert described["gmrq"]["lag_frames"] == {"good": 1, "joint": 3}
    assert described["gmrq"]["processes"] == {"good": {"0": 3}, "joint": {"0": 3}}


def test_predictions_are_the_reweightings_with_intervals_that_hold_the_exact_populations(done):
    exact = {0.5: (0.4879, 0.0243), 1.0: (0.4476, 0.1049), 1.5: (0.4243, 0.1513), 2.0: (0.4117, 0.1766)}
    rows = table(done.predictions, predictor="reweighting")
    assert tuple(vars(rows[0])) == PREDICTION_COLUMNS
    assert [float(r.temperature) for r in rows] == np.repeat(list(exact), 3).tolist()
    truth = [exact[float(row.temperature)][row.state == "top"] for row in rows]
    # The twelve rest on one draw of frames: off together or not at all.
    off = [(float(row.value) - true) / float(row.stderr) for row, true in zip(rows, truth, strict=True)]
    assert np.abs(off).max() < 3.5
    np.testing.assert_allclose([float(row.value) for row in rows], truth, atol=0.02)
    assert {row.verdict for row in rows if float(row.temperature) < 2} == {"trusted"}
    found = {
        (r.temperature, r.state): r.value for r in table(done.all_populations, model="conditional", states="named")
    }
    assert {(r.temperature, r.state): r.value for r in rows} == found
    own = table(done.predictions, predictor="good")
    assert {r.verdict for r in own} == {"model's own"}
    assert len(own) == 12


def test_profiles_have_the_promised_shapes(done):
    arrays = load_arrays(done.profiles("good", 0))
    assert arrays["temperatures"].tolist() == [0.5, 1.0, 1.5, 2.0]
    for name in ("latent_md", "latent_model", "plane_md", "plane_model"):
        assert arrays[name].shape == (4, 30, 30)
    for name in ("marginal_md", "marginal_md_stderr", "marginal_model"):
        assert arrays[name].shape == (4, 2, 30)
    assert arrays["edges_latent"].shape == arrays["edges_plane"].shape == arrays["edges_marginal"].shape == (2, 31)
    assert arrays["plane_model"].sum((1, 2)) == pytest.approx(1, abs=1e-3)
    difference = (arrays["marginal_model"] - arrays["marginal_md"])[1]
    low = arrays["marginal_md"][1] < 4
    assert np.sqrt(np.nanmean(difference[low] ** 2)) < 0.1


def test_same_seed_same_bytes_and_no_reference_is_said(study, done, caplog):
    before = Path(done.scores("good", 0)).read_bytes()
    caplog.set_level("INFO")
    run_job("validate", study, done, model="good", seed=0)
    assert Path(done.scores("good", 0)).read_bytes() == before
    assert "no reference MD at T = 2" in caplog.text


def test_nan_samples_are_counted_not_dropped(study, spoiled):
    path = spoiled.samples("good", 0, 1.0)
    arrays = load_arrays(path)
    arrays["latents"][:3] = np.nan
    save_arrays(path, arrays)
    with pytest.raises(ArtifactError, match=r"3 of 8000 generated latents are not finite"):
        run_job("validate", study, spoiled, model="good", seed=0)


def test_weights_of_other_frames_are_refused(study, spoiled):
    path = spoiled.samples("good", 0, 1.0)
    arrays = load_arrays(path)
    save_arrays(path, arrays | {"frame_weights": arrays["frame_weights"][:-1]})
    with pytest.raises(ArtifactError, match=r"31999 frame weights for 32000 training frames"):
        run_job("validate", study, spoiled, model="good", seed=0)


def test_the_effective_fraction_is_that_of_the_weights_before_their_bound(study, spoiled):
    path = spoiled.samples("good", 0, 1.0)
    save_arrays(path, load_arrays(path) | {"ess_fraction": np.array(3e-5)})
    run_job("validate", study, spoiled, model="good", seed=0)
    scores = read_table(spoiled.scores("good", 0), SCORE_COLUMNS)
    found = {row["temperature"]: float(row["value"]) for row in scores if row["metric"] == "ess_fraction"}
    assert found["1"] == pytest.approx(3e-5)
    assert min(value for T, value in found.items() if T != "1") > 0.01


def test_missing_and_foreign_files_are_named(study, spoiled, tmp_path):
    with pytest.raises(ArtifactError, match=r"table is missing; finish the study: thermolatent run STUDY$"):
        run_job("gather", study, spoiled, seeds=[0])
    np.savez(spoiled.samples("good", 0, 1.0), format_version=np.int64(99))
    with pytest.raises(ArtifactError, match="format version 99"):
        run_job("validate", study, spoiled, model="good", seed=0)
    with pytest.raises(ArtifactError, match="is missing"):
        run_job("validate", study, Layout(str(tmp_path / "nowhere")), model="good", seed=0)


def test_scores_are_gathered_without_reading_samples_or_features(done, study, tmp_path):
    """Every large file but planes, observables and bins is destroyed; the tables come out the same, byte for byte."""
    copied = Layout(str(shutil.copytree(done.root, tmp_path / "tiny")))
    written = [
        copied.all_scores,
        copied.all_populations,
        copied.predictions,
        copied.melting,
        copied.convergence,
        copied.metrics,
        copied.grid,
        copied.grid_observables,
    ]
    before = [Path(path).read_bytes() for path in written]
    kept = {Path(f(T)) for f in (copied.plane, copied.observables) for T in study.temperatures.train}
    kept.add(Path(copied.profiles("good", 0)))
    large = {path for path in Path(copied.root).rglob("*") if path.suffix in (".npz", ".npy")} - kept
    assert len(large) > 10
    for path in large:
        path.write_bytes(b"destroyed")
    for path in written:
        Path(path).unlink()
    run_job("gather", study, copied, seeds=[0])
    assert [Path(path).read_bytes() for path in written] == before
