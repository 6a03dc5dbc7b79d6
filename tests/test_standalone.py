"""``predict`` of a model file, as a person runs it."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from thermolatent.cli import main
from thermolatent.densities.fit import fit_density
from thermolatent.files.artifacts import load_arrays
from thermolatent.learn.model import load_density, save_density


def command(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "thermolatent.cli", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a density fitted to samples of N(0, T) in two dimensions."""
    folder = tmp_path_factory.mktemp("fitted")
    temperatures = np.repeat([0.2, 0.5], 3000)
    z = np.random.default_rng(0).normal(size=(6000, 2)) * np.sqrt(temperatures)[:, None]
    density = {"kind": "flow", "transform": "spline", "couplings": 2, "width": 8, "tau": "auto"}
    save_density(str(folder / "m.safetensors"), fit_density(z, temperatures, density, steps=200))
    return folder


def test_a_density_answers_a_temperature_in_between(fitted):
    folder = fitted
    code, said, error = command(
        folder, "predict", "m.safetensors", "--temperature", 0.3, "--samples", 5000, "--out", "s.npz"
    )
    assert (code, error) == (0, "")
    assert said.splitlines()[0] == "T = 0.3: 5000 samples in 2 dimensions"
    drawn = load_arrays(folder / "s.npz")
    assert set(drawn) == {"latents", "log_density"}
    assert drawn["latents"].shape == (5000, 2)
    assert drawn["latents"].var() == pytest.approx(0.3, rel=0.1)
    assert -drawn["log_density"].mean() == pytest.approx(1 + math.log(2 * math.pi * 0.3), abs=0.1)


def test_outside_of_the_range_it_answers_with_one_line_of_warning(fitted, monkeypatch, capsys, caplog):
    monkeypatch.chdir(fitted)
    assert main(["predict", "m.safetensors", "--temperature", "0.7", "--samples", "100"]) == 0
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        "T = 0.7: extrapolated, the model was trained for 0.2 to 0.5"
    ]
    assert "T = 0.7: 100 samples" in capsys.readouterr().out
    caplog.clear()
    assert main(["predict", "m.safetensors", "--temperature", "0.5", "--samples", "100"]) == 0
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


def test_a_model_of_a_study_tells_its_states_and_the_numbers_of_generate(trained, tmp_path, capsys):
    from thermolatent.generate.stage import draw_samples
    from thermolatent.learn.model import Model

    _, layout = trained
    path, out = layout.model("informed", 0), tmp_path / "new" / "s.npz"
    assert main(["predict", path, "--temperature", "1", "--samples", "2000", "--out", str(out)]) == 0
    drawn, expected = load_arrays(out), draw_samples(Model.load(path), 2000, 1.0, 0)
    for name in ("latents", "log_density", "state_probabilities"):
        np.testing.assert_array_equal(drawn[name], expected[name])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("state ")]
    shares = [float(line.split()[2]) for line in lines]
    counts = np.bincount(expected["state_probabilities"].argmax(1), minlength=expected["state_probabilities"].shape[1])
    np.testing.assert_allclose(shares, counts / 2000, atol=1e-4)


@pytest.fixture
def folder(fitted, tmp_path, monkeypatch):
    """A folder with sound and unsound files."""
    sound = (fitted / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(sound)
    (tmp_path / "torn.safetensors").write_bytes(sound[:300])
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG = {
    "no model": (["predict", "mm.safetensors", "--temperature", "1"], "mm.safetensors: model file is missing"),
    "torn": (["predict", "torn.safetensors", "--temperature", "1"], "torn.safetensors: model file cannot be read"),
    "cold": (["predict", "m.safetensors", "--temperature", "-1"], "--temperature -1: write a number above 0"),
    "nan": (["predict", "m.safetensors", "--temperature", "nan"], "--temperature nan: write a number above 0"),
    "out": (
        ["predict", "m.safetensors", "--temperature", "1", "--out", "s.dat"],
        "s.dat: write a name that ends in .npz",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_in_one_line(folder, capsys, wrong):
    arguments, words = WRONG[wrong]
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"thermolatent {arguments[0]}: ")
    assert words in line


def test_a_model_of_another_version_is_told_by_the_command_itself(folder, monkeypatch, capsys):
    from thermolatent.files import artifacts

    fitted = load_density("m.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "FORMAT_VERSION", 99)
        save_density("new.safetensors", fitted)
    code, (out, error) = main(["predict", "new.safetensors", "--temperature", "0.3"]), capsys.readouterr()
    assert (code, out) == (1, "")
    assert error.startswith(
        "thermolatent predict: new.safetensors: format version 99, this thermolatent reads version 1"
    )
    assert len(error.strip().splitlines()) == 1
