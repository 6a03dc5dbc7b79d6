"""``thermolatent.Run`` gives what the stages give, and a new model without touching the study's."""

import csv
import subprocess
import sys

import numpy as np
import pytest

import thermolatent
from thermolatent.artifacts import load_array, load_arrays
from thermolatent.errors import ArtifactError, ConfigError, ThermolatentError


@pytest.fixture(scope="module")
def run(finished):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished)
        yield thermolatent.Run("lj7")


def test_the_package_is_light_until_it_is_used():
    code = (
        "import sys, thermolatent; print({'torch', 'numpy', 'pydantic', 'yaml'} & set(sys.modules)); thermolatent.Run"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="no attribute 'Rnu'"):
        thermolatent.Rnu  # noqa: B018


def test_frames_are_those_that_featurize_wrote(run):
    features = [load_array(run.layout.features(T)) for T in (0.2, 0.5)]
    assert run.training.flat(run.training.features).shape == (2 * 4 * 150, 7)
    np.testing.assert_array_equal(run.training.flat(run.training.features)[:600], features[0].reshape(-1, 7))
    assert list(run.reference.features) == [0.2, 0.3, 0.5]


def test_a_prediction_is_what_generate_and_validate_wrote(run):
    there = run.model("latf").predict(0.4, samples=500)
    written = load_arrays(run.layout.samples("latf", 0, 0.4))
    for name in ("latents", "state_probabilities"):
        np.testing.assert_array_equal(getattr(there, name), written[name])
    np.testing.assert_allclose(there.log_density, written["log_density"], rtol=1e-5)
    np.testing.assert_allclose(there.frame_weights, written["frame_weights"], rtol=1e-6)
    with open(run.layout.populations("latf", 0)) as file:
        rows = [r for r in csv.DictReader(file) if r["temperature"] == "0.4" and r["states"] == "named"]
    assert there.populations == pytest.approx({r["state"]: float(r["value"]) for r in rows}, abs=1e-6)
    assert there.ess_fraction == pytest.approx(float(written["ess_fraction"]))


def test_a_temperature_that_the_study_does_not_name(run):
    there = run.model("latf").predict(0.35, samples=200)
    assert np.isfinite(there.log_density).all()
    assert there.frame_weights.sum() == pytest.approx(1)
    assert there.observables == {}


def test_a_new_model_is_trained_and_found_again(run, finished):
    before = (finished / run.layout.model("latf", 0)).read_bytes()
    density = {"kind": "flow", "transform": "spline", "couplings": 2, "width": 8, "bins": 4}
    mine = run.fit("mine", density=density, temperature=["condition"], informed=True, encoder="frozen")
    there, again = mine.predict(0.3, samples=100), run.model("mine").predict(0.3, samples=100)
    np.testing.assert_array_equal(there.latents, again.latents)
    assert mine.density.about["temperature"] == ["condition"]
    assert (finished / run.layout.model("latf", 0)).read_bytes() == before


def test_mistakes_are_told(run):
    with pytest.raises(ThermolatentError, match=r"fit: 'latf' is a model of study lj7; write model\('latf'\)"):
        run.fit("latf", density="flow")
    with pytest.raises(ConfigError, match=r"fit: models.mine.density: unknown density 'flaw', did you mean 'flow'"):
        run.fit("mine", density="flaw")
    with pytest.raises(ConfigError, match=r"fit: models.my model"):
        run.fit("my model", density="flow")
    with pytest.raises(ArtifactError, match=r"learn/latf/seed7.safetensors: model file is missing"):
        run.model("latf", seed=7)
    with pytest.raises(ThermolatentError, match="study lj7 has no model 'laft' of seed 0, did you mean 'latf'"):
        run.model("laft")
    with pytest.raises(ConfigError, match="no such study, did you mean 'lj7'"):
        thermolatent.Run("lj")


def test_the_plot_shows_md_and_model(run):
    figure = run.model("latf").plot(0.5, 0.35)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["T = 0.35\n(interpolate)", "T = 0.5\n(train)"]
    assert "no MD" in [text.get_text() for text in figure.axes[0].texts]
    assert not figure.axes[1].texts
