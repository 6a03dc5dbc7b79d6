"""``thermolatent.Run`` gives what the stages give, and a new model without touching the study's."""

import csv
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import thermolatent
from thermolatent.cli import main
from thermolatent.errors import ArtifactError, ConfigError, ThermolatentError
from thermolatent.files.artifacts import load_array, load_arrays
from thermolatent.tables import cell
from thermolatent.validate.predictions import sentence


@pytest.fixture(scope="module")
def run(finished):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished)
        yield thermolatent.Run("lj7")


def test_the_package_is_light_until_it_is_used():
    code = "import sys, thermolatent; print({'torch', 'numpy', 'pydantic', 'yaml'} & set(sys.modules))"
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
    same_rows(there.populations, predictions(run, "latf", "0.4"))
    assert there.ess_fraction == pytest.approx(float(written["ess_fraction"]))


def test_a_temperature_that_the_study_does_not_name(run):
    there = run.model("latf").predict(0.35, samples=200)
    assert np.isfinite(there.log_density).all()
    assert there.frame_weights.sum() == pytest.approx(1)
    assert list(there.observables.state) == ["mu2", "mu3"]


def test_structures_are_those_of_the_command(run, finished):
    out = finished / "drawn.dcd"
    assert (
        main(
            ["export", "structures", "lj7", "--temperature", "0.35", "--n", "40", "--format", "dcd", "--out", str(out)]
        )
        == 0
    )
    there = run.structures(0.35, n=40)
    assert (there.n_frames, there.n_atoms) == (40, 7)
    import mdtraj

    np.testing.assert_allclose(there.xyz, mdtraj.load_dcd(str(out), top=there.topology).xyz, atol=1e-5)
    with pytest.raises(ThermolatentError, match="n: 0; must be a whole number of at least 1"):
        run.structures(0.35, n=0)


def test_a_run_shows_its_predictions_in_a_notebook(run, tmp_path):
    page = ElementTree.fromstring(f"<div>{run._repr_html_()}</div>")
    head, *rows = ([cell.text for cell in row] for row in page.iter("tr"))
    asked = run.predict(*run.study.temperatures.generated)
    assert [row[head.index("state")] for row in rows] == list(asked.state)
    np.testing.assert_allclose([float(row[head.index("value")]) for row in rows], asked.value, atol=6e-4)
    empty = thermolatent.Run("lj7", results=tmp_path)
    assert "thermolatent run lj7" in empty._repr_html_()


def predictions(run, predictor, temperature):
    """Rows of predictions.csv."""
    with open(run.layout.predictions, newline="") as file:
        return [r for r in csv.DictReader(file) if (r["predictor"], r["temperature"]) == (predictor, temperature)]


def same_rows(table, rows):
    """Digit by digit, as the file writes them."""
    written = [{column: cell(value) for column, value in row.items()} for row in table.to_dict("records")]
    assert written == rows


def test_four_ways_of_asking_give_the_same_digits(run, finished, capsys):
    """Run.predict, the command, predictions.csv and populations.csv."""
    rows = predictions(run, "reweighting", "0.3") + predictions(run, "reweighting", "0.4")
    assert [r["state"] for r in rows[4:6]] == ["mu2", "mu3"]
    assert {r["tolerance"] for r in rows[4:6]} == {"0.2"}
    asked = run.predict(0.3, 0.4)
    same_rows(asked, rows)
    assert sorted(set(asked["temperature"])) == [0.3, 0.4]  # numbers, as a plot needs them
    out = finished / "asked.csv"
    assert main(["predict", run.study.name, "--temperature", "0.3", "0.4", "--out", str(out)]) == 0
    with open(out, newline="") as file:
        assert list(csv.DictReader(file)) == rows
    said = capsys.readouterr().out.splitlines()
    assert said[:-1] == [f"{r['temperature']}   {sentence(r)}" for r in rows]
    with open(run.layout.all_populations, newline="") as file:
        known = {
            (r["temperature"], r["state"]): r
            for r in csv.DictReader(file)
            if r["model"] == "conditional" and r["states"] in ("named", "observable")
        }
    for row in rows:
        there = known[row["temperature"], row["state"]]
        assert all(there[column] == row[column] for column in ("value", "stderr", "low", "high") if row[column])


def test_what_is_no_temperature_or_number_of_samples_is_one_line(run):
    for wrong in (-3, "400", [0.3, 0.4], 0, float("nan")):
        with pytest.raises(ThermolatentError, match="must be one positive number"):
            run.predict(wrong)
        with pytest.raises(ThermolatentError, match="must be one positive number"):
            run.model("latf").predict(wrong)
    for wrong in (0, -1, True, 2.0, "10"):
        with pytest.raises(ThermolatentError, match=f"samples: {wrong!r}; must be a whole number of at least 1"):
            run.model("latf").predict(0.3, samples=wrong)
    for ask in (run.predict, run.model("latf").plot):
        with pytest.raises(ThermolatentError, match="temperature: is missing"):
            ask()
    with pytest.raises(ThermolatentError, match="temperature: '400'; must be one positive number"):
        run.model("latf").plot(0.3, "400")
    for wrong in (-1, "0", 0.0):
        with pytest.raises(ThermolatentError, match=f"seed: {wrong!r}; must be a whole number of at least 0"):
            run.model("latf", seed=wrong)
    assert len(run.model("latf").predict(0.3, samples=np.int64(10)).latents) == 10


def test_what_is_shown_of_an_object_is_short(run):
    assert repr(run).startswith("<run of lj7 in results/lj7: latf")
    assert repr(run.training).startswith("<walkers x frames x features at 0.2: ")
    assert max(map(len, map(repr, (run.training, run.reference, run.reweighting)))) < 200
    assert len(repr(run.model("latf"))) < 200
    assert len(repr(run.model("latf").predict(0.3, samples=10)).splitlines()) < 12


def test_a_new_model_is_trained_and_found_again(run, finished):
    before = (finished / run.layout.model("latf", 0)).read_bytes()
    density = {"kind": "flow", "transform": "spline", "couplings": 2, "width": 8, "bins": 4}
    mine = run.fit("mine", density=density, temperature=["condition"], informed=True, encoder="frozen")
    there, again = mine.predict(0.3, samples=100), run.model("mine").predict(0.3, samples=100)
    np.testing.assert_array_equal(there.latents, again.latents)
    assert mine.density.about["temperature"] == ["condition"]
    spib = {"beta_ib": 1e-5, "initial_labels": 8, "refinements": 0, "epochs": 1}
    other = run.fit("other", density=density, encoder="frozen", representation=spib)
    assert Path(run.layout.spib(0, "other")).is_file()
    again = run.model("other").predict(0.3, samples=100).populations
    pd.testing.assert_frame_equal(other.predict(0.3, samples=100).populations, again)
    assert [plane.name for plane, *_ in (mine._learned, other._learned)] == ["latent", "latent_other"]
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
