"""What result files hold, of a real small study; what is said of foreign and damaged ones."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from studies_for_tests import SOUND, write

from thermolatent.cli import main
from thermolatent.errors import ThermolatentError
from thermolatent.files import artifacts
from thermolatent.show import show
from thermolatent.show.places import place
from thermolatent.study.layout import Layout


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A project with MD and features at one temperature; its layout."""
    folder = tmp_path_factory.mktemp("shown")
    write(folder, SOUND)
    for stage in ("simulate", "featurize"):
        arguments = ["--studies", str(folder / "studies"), "--results", str(folder / "results"), "--temperature", "0.5"]
        assert main([stage, "mine", *arguments]) == 0
    return Layout(str(folder / "results/mine"))


def told(path):
    return "\n".join(show(path))


def test_md(simulated):
    text = told(simulated.protocol(0.5))
    assert "finished MD (study mine, stage simulate, T = 0.5)" in text
    assert "three_hole, at 0.5 (reduced units)" in text
    assert "2 walkers of 20 frames" in text
    assert "walker-steps/s" in text
    assert told(simulated.simulation(0.5)) == text


def test_features_and_their_columns(simulated):
    plane = np.load(simulated.plane(0.5))
    text = told(simulated.plane(0.5))
    assert "shape (2, 20, 2) (walker, frame, 2), float32" in text
    assert f"  x: mean {plane[..., 0].mean():.4g}, standard deviation {plane[..., 0].std():.4g}," in text
    assert "  features: x, y" in told(simulated.features_header(0.5))
    assert "potential energies" in told(simulated.energies(0.5))
    assert "potential energies" in told(simulated.md_energies(0.5))


def test_trajectories_say_how_to_open_them(simulated, capfd):
    text = told(simulated.trajectory(0.5, 1))
    assert "20 frames of 1 atom, angstrom" in text
    assert f"top='{simulated.topology(0.5)}'" in text
    assert "topology and first structure" in told(simulated.topology(0.5))
    assert capfd.readouterr().out == ""  # mdtraj's DCD reader talks


def test_the_study(simulated):
    text = told(simulated.study)
    assert "the study mine as it is run" in text
    assert "  train: 0.5, 1.5" in text
    assert told(simulated.root) == text


def test_md_that_goes_on(simulated):
    text = told(f"{simulated.simulation(0.5)}.restart")
    assert "finished MD that a longer run continues" in text
    assert "20 of 20 frames per walker" in text
    assert "energies, float64, 20 frames of each of 2 walkers" in told(
        f"{simulated.simulation(0.5)}.restart/energies.float64"
    )


def test_models(trained):
    study, layout = trained
    spib = told(layout.spib(0))
    assert "SPIB" in spib
    assert f"lag {study.representation.lag} frames" in spib
    assert "heat capacities may differ by" in told(layout.reweighting)
    name = next(iter(study.models))
    text = told(layout.model(name, 0))
    assert f"model {name}, seed 0" in text
    low, high = study.temperature_range
    assert f"may be asked from {low:g} to {high:g}" in text
    assert "loss history of a training" in told(layout.history(layout.model(name, 0)))


def test_ensembles_and_lists(tmp_path):
    layout = Layout(str(tmp_path / "results/mine"))
    samples = {"latents": np.zeros((5, 2)), "log_density": np.zeros(5), "frame_weights": np.ones(7)}
    artifacts.save_arrays(layout.samples("latf", 0, 0.3), samples)
    text = told(layout.samples("latf", 0, 0.3))
    assert (
        "the ensemble of a model at one temperature (study mine, stage generate, model latf, seed 0, T = 0.3)" in text
    )
    assert "  latents (5, 2) float64: samples z of the model" in text
    artifacts.save_json(layout.generated("latf", 0), {"files": {"T0.3.npz": "0", "T0.4.npz": "0"}})
    assert "2 files that a job wrote, 1 of them are gone, first " in told(layout.generated("latf", 0))


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ("study,model,seed,temperature,role,plane,metric,value,stderr,unit,n_ref,n_gen", "scores: "),
        ("study,model,seed,temperature,role,states,state,value,stderr,n_eff", "populations and means"),
        (
            "study,predictor,temperature,role,state,value,stderr,low,high,sampling,verdict,reason,remedy",
            "predictions: ",
        ),
        ("study,temperature,state,share,visits,evidence,r_hat,assessable,reason,remedy", "how much of each state"),
        ("study,predictor,state,quantity,value,stderr,low,high,chi2,extrapolated", "melting of one state"),
        ("state,temperature,cause,half of the interval", "how wide the intervals"),
        ("state,temperature,role,prediction,half,MD,MD half,difference", "predictions against MD"),
        ("quantity,series,temperature,median,low,high,stderr,seeds", "what a figure shows"),
    ],
)
def test_tables_are_known_by_their_columns(tmp_path, columns, what):
    path = tmp_path / "table.csv"
    path.write_text(columns + "\n" + ",".join("a" for _ in columns.split(",")) + "\n")
    first, second, *_ = show(path)
    assert what in first
    assert second == f"  1 rows; columns {columns.replace(',', ', ')}"


def _safetensors(path):
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.npy", None, "there is no such file"),
        ("x.xyz", b"1", "is no file of this project; known are"),
        ("x.npy", b"", "is empty"),
        ("x.npy", b"rubbish", "cannot be read"),
        ("x.npz", b"rubbish", "cannot be read"),
        ("x.json", b"{", "cannot be read"),
        ("x.json", b"[1]", "is JSON, but no file of this project"),
        ("x.json", b'{"a": 1}', "format version None"),
        ("x.json", b'{"format_version": 1, "a": 1}', "is JSON, but no file of this project"),
        ("x.csv", b"a,b\n1,2\n", "none of this project (columns a, b)"),
        ("x.csv", b"stage,step,seconds\n1,2\n", "line 2 has not as many cells"),
        ("x.safetensors", b"rubbish", "cannot be read as safetensors"),
        ("x.safetensors", _safetensors, "of no model of this project"),
        ("x.dcd", b"rubbish", "cannot be read as a DCD trajectory"),
        ("x.pdb", b"rubbish", "cannot be read as a PDB file"),
        ("checkpoint", b"rubbish", "is no checkpoint of MD"),
    ],
)
def test_foreign_and_damaged_files_get_one_line(tmp_path, capsys, name, content, words):
    path = tmp_path / name
    if callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content)
    assert main(["show", str(path)]) == 1
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("thermolatent")]
    assert line.startswith(f"thermolatent show: {path}: ")
    assert words in line


def test_a_file_that_does_not_fit_its_header_is_told(simulated, tmp_path):
    shutil.copytree(Path(simulated.root).parent, tmp_path / "results")
    layout = Layout(str(tmp_path / "results/mine"))
    np.save(layout.plane(0.5), np.zeros((2, 7, 2), np.float32))
    with pytest.raises(ThermolatentError, match=r"shape \(2, 7, 2\), its header says \(2, 20\)"):
        show(layout.plane(0.5))
    trajectory = Path(layout.trajectory(0.5, 0))
    trajectory.write_bytes(trajectory.read_bytes()[:-100])
    with pytest.raises(ThermolatentError, match=r"frames, its protocol says 20|cannot be read"):
        show(trajectory)


def test_folders_that_hold_many_things_are_refused(tmp_path):
    with pytest.raises(ThermolatentError, match="is no folder with results of one thing"):
        show(tmp_path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("r/lj7/learn/latf/seed3.safetensors", "study lj7, stage learn, model latf, seed 3"),
        ("r/lj7/generate/latf/seed0/T0.25.npz", "study lj7, stage generate, model latf, seed 0, T = 0.25"),
        ("r/lj7/generate/latf/seed0/T340.medoids.pdb", "study lj7, stage generate, model latf, seed 0, T = 340"),
        ("r/lj7/simulate/T0.5/walker00.dcd", "study lj7, stage simulate, T = 0.5"),
        ("r/lj7/validate/baselines/seed0.scores.csv", "study lj7, stage validate, the baselines, seed 0"),
        ("elsewhere/x.npy", ""),
    ],
)
def test_places(path, text):
    assert place(Path(path)) == text
