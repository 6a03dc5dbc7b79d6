"""``fit-density`` and ``predict``, as a person runs them."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from thermolatent.cli import main
from thermolatent.files.artifacts import load_arrays

FIT = ["fit-density", "z.npy", "--temperatures", "T.npy", "--density", "flow", "--option", "transform=spline"]
FIT += [
    "--option",
    "couplings=2",
    "--option",
    "width=8",
    "--option",
    "tau=auto",
    "--steps",
    "200",
    "--out",
    "m.safetensors",
]


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
    """A folder with samples of N(0, T) in two dimensions, a density fitted to them, and what the command said."""
    folder = tmp_path_factory.mktemp("fitted")
    temperatures = np.repeat([0.2, 0.5], 3000)
    noise = np.random.default_rng(0).normal(size=(6000, 2))
    np.save(folder / "z.npy", noise * np.sqrt(temperatures)[:, None])
    np.save(folder / "T.npy", temperatures)
    code, out, error = command(folder, *FIT)
    assert code == 0, error
    return folder, out


def test_a_density_is_fitted_and_answers_a_temperature_in_between(fitted):
    folder, said = fitted
    tau, score, file = said.splitlines()
    assert tau.startswith("tau 0, of 0 (")
    value, _, error = score.removeprefix("held-out -log p: ").partition(" nats")[0].split()
    # The entropy of N(0, T) in two dimensions is 1 + ln(2 pi T) nats, and its scatter one nat.
    expected = np.mean([1 + math.log(2 * math.pi * T) for T in (0.2, 0.5)])
    assert float(value) == pytest.approx(expected, abs=4 * float(error) + 0.02)
    assert float(error) == pytest.approx(1 / math.sqrt(1200), rel=0.6)
    assert file == "m.safetensors: flow of 6000 rows in 2 dimensions, T 0.2, 0.5"

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
    monkeypatch.chdir(fitted[0])
    assert main(["predict", "m.safetensors", "--temperature", "0.7", "--samples", "100"]) == 0
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        "T = 0.7 is outside of 0.2 to 0.5, what the model was trained for: extrapolated"
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
    for name in ("z.npy", "T.npy", "m.safetensors"):
        (tmp_path / name).write_bytes((fitted[0] / name).read_bytes())
    np.save(tmp_path / "flat.npy", np.zeros(100))
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    np.savez(tmp_path / "several.npz", a=np.zeros(3))
    (tmp_path / "text.npy").write_text("1 2 3\n")
    (tmp_path / "torn.safetensors").write_bytes((tmp_path / "m.safetensors").read_bytes()[:300])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def changed(**changes):
    """The arguments of FIT, with others in place of some."""
    return [changes.get(argument.strip("-").replace(".", "_"), argument) for argument in FIT]


WRONG = {
    "no data": (changed(z_npy="zz.npy"), "zz.npy: no such file"),
    "no temperatures": (changed(T_npy="0,3"), "0,3: no such file"),
    "text": (changed(z_npy="text.npy"), "text.npy: not a .npy array of numbers"),
    "pickled": (changed(z_npy="objects.npy"), "objects.npy: not a .npy array of numbers"),
    "archive": (changed(z_npy="several.npz"), "several.npz: holds several arrays"),
    "shape": (changed(z_npy="flat.npy"), "samples have shape (100,); (n, d) is needed"),
    "temperatures' shape": (changed(T_npy="flat.npy"), "temperatures have shape (100,); one number or (6000,)"),
    "temperature": (changed(T_npy="0"), "a temperature is not a number above 0"),
    "kind": (changed(flow="flwo"), "unknown density 'flwo', did you mean 'flow'?"),
    "option": (changed(**{"tau=auto": "taw=1"}), "density flow: taw: unknown key, did you mean 'tau'?"),
    "value": (changed(**{"tau=auto": "tau=-1"}), "tau: is -1; write a number of at least 0, or auto"),
    "no value": (changed(**{"tau=auto": "tau"}), "--option tau: write name=value"),
    "folder": (changed(m_safetensors="no/m.safetensors"), "no/m.safetensors: its folder does not exist"),
    "no model": (["predict", "mm.safetensors", "--temperature", "1"], "mm.safetensors: model file is missing"),
    "torn": (["predict", "torn.safetensors", "--temperature", "1"], "torn.safetensors: model file cannot be read"),
    "cold": (["predict", "m.safetensors", "--temperature", "-1"], "--temperature -1: write a number above 0"),
    "nan": (["predict", "m.safetensors", "--temperature", "nan"], "--temperature nan: write a number above 0"),
    "out": (
        ["predict", "m.safetensors", "--temperature", "1", "--out", "s.dat"],
        "--out s.dat: write a name that ends",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_in_one_line(folder, capsys, wrong):
    arguments, words = WRONG[wrong]
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"thermolatent {arguments[0]}: ")
    assert words in line


def test_a_model_of_another_version_is_told_by_the_command_itself(folder, monkeypatch):
    from thermolatent.files import artifacts
    from thermolatent.learn.model import load_density, save_density

    fitted = load_density("m.safetensors")
    monkeypatch.setattr(artifacts, "FORMAT_VERSION", 99)
    save_density("new.safetensors", fitted)
    code, out, error = command(folder, "predict", "new.safetensors", "--temperature", 0.3)
    assert (code, out) == (1, "")
    assert error.startswith(
        "thermolatent predict: new.safetensors: format version 99, this thermolatent reads version 1"
    )
    assert len(error.strip().splitlines()) == 1
