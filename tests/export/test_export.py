"""Weights and structures in files: the same answers as the study's, each frame where the file says that it is from."""

import re
from pathlib import Path

import mdtraj
import numpy as np
import pandas as pd
import pytest
import yaml
from exact_study import MINIMA, as_trajectory, correlated_exact_points
from plumed_reader import Input

from thermolatent.cli import main
from thermolatent.errors import ThermolatentError
from thermolatent.export import structures, weights
from thermolatent.export.frames import Weighting
from thermolatent.files.artifacts import load_arrays, load_json
from thermolatent.frame_loading import load_frames
from thermolatent.parsing import parse
from thermolatent.represent.representation import load_representation
from thermolatent.reweight.estimator import ConditionalReweighting
from thermolatent.states.named import name_states
from thermolatent.study.answers import training_frames
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.study import Study
from thermolatent.systems.three_hole import ThreeHole

ASKED = 1.0
STATES = ["left", "right", "top"]


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """(study, layout): the three-hole potential in two files at each of two temperatures, every second frame of them used."""
    folder = tmp_path_factory.mktemp("export")
    files, energies = {}, {}
    for T in (0.5, 1.5):
        points = correlated_exact_points(T, np.random.default_rng(round(10 * T)), 2, 1200)
        files[T], energies[T] = [str(folder / f"{T}_{i}.dcd") for i in range(2)], []
        for path, of_file in zip(files[T], points, strict=True):
            trajectory = as_trajectory(of_file)
            trajectory.save(path)
            energies[T].append(f"{path}.colvar")
            np.savetxt(energies[T][-1], ThreeHole().plane_energy(of_file), "%.17g", header="! FIELDS U", comments="#")
    trajectory[0].save_pdb(str(folder / "top.pdb"))
    content = {
        "name": "mine",
        "system": {
            "kind": "trajectories",
            **{
                "topology": str(folder / "top.pdb"),
                "files": files,
                "frame_interval": 0.5,
                "stride": 2,
                "unit": "reduced",
            },
            "energies": {"files": energies, "column": "U"},
        },
        "temperatures": {"train": [0.5, 1.5], "predict": [ASKED]},
        "simulate": {"walkers": 8, "frames": 150},
        "featurize": {"features": ["position_xy"], "plane": ["position_xy"]},
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {name: list(MINIMA[name]) for name in STATES}}},
    }
    study, layout = parse(Study, content, "mine.yaml"), Layout(str(folder / "results/mine"))
    for T in study.temperatures.train:
        for stage in ("simulate", "featurize"):
            run_job(stage, study, layout, temperature=T)
    data = load_frames(training_frames(study, layout))
    names, assigner = name_states(study.validate_.states, study.system, data)
    estimator = ConditionalReweighting(network=False)
    estimator.fit(
        *(list(data.features.values()), data.temperatures, list(data.energies.values())),
        states=[assigner.assign(plane.reshape(-1, 2)).reshape(plane.shape[:2]) for plane in data.plane.values()],
        **{"temperature_unit": "reduced", "state_names": names},
    )
    estimator.save(layout.reweighting)
    return study, layout


def read(path):
    """(columns, file of each row, state of each row) of an exported file, as whoever gets it would read it."""
    if path.endswith(".npz"):
        found = dict(np.load(path))
        columns = pd.DataFrame(
            {k: v for k, v in found.items() if np.ndim(v) == 1 and k not in ("trajectories", "states")}
        )
        return columns, found["trajectories"][columns["trajectory"]], found["states"][columns["state"]]
    if path.endswith(".csv"):
        columns = pd.read_csv(path)
        return columns, columns["trajectory"].to_numpy(), columns["state"].to_numpy()
    text = Path(path).read_text()
    names = re.match(r"#! FIELDS (.*)", text)[1].split()
    columns = pd.DataFrame(np.loadtxt(path), columns=names)
    told = {what: dict(re.findall(rf"^# {what} (\d+) is (.*)$", text, re.M)) for what in ("trajectory", "state")}
    return columns, *(np.array([told[w][f"{n:.0f}"] for n in columns[w]]) for w in ("trajectory", "state"))


@pytest.mark.parametrize("form", weights.SUFFIXES)
def test_weights_in_a_file_give_the_populations_and_find_their_frames(imported, tmp_path, form):
    study, layout = imported
    (path,) = weights.run(study, layout, ASKED, form, str(tmp_path / f"w{weights.SUFFIXES[form]}"), Weighting())
    columns, file, state = read(path)
    weight = columns["weight"].to_numpy()
    assert weight.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(np.exp(columns["log_weight"]), weight, rtol=1e-9)
    np.testing.assert_allclose(columns["bias"], ASKED * columns["log_weight"], rtol=1e-9)  # k = 1
    expected = ConditionalReweighting.load(layout.reweighting).populations(ASKED)
    shares = [weight[state == name].sum() for name in expected["state"]]
    np.testing.assert_allclose(shares, expected["value"], atol=1e-6)
    assert len(columns) == 2 * 8 * 150
    for T in study.temperatures.train:
        for source in study.system.at(T):
            mine = columns[(file == source)]
            assert len(mine) == 600
            assert (mine["temperature"] == T).all()
            frame = mine["frame"].to_numpy(int)
            np.testing.assert_allclose(mine["time"], 0.5 * frame)
            assert sorted(frame) == list(range(0, 1200, 2))
            xyz = mdtraj.load(source, top=study.system.topology_file).xyz[frame, 0]
            np.testing.assert_allclose(mine[["x", "y"]], xyz[:, :2], atol=1e-5)
            np.testing.assert_array_equal(mine["energy"], np.loadtxt(f"{source}.colvar")[frame])


@pytest.mark.parametrize("form", weights.SUFFIXES)
def test_exported_weights_are_columns_that_give_the_same_populations(imported, tmp_path, form):
    """All frames of the MD at each temperature, weighted to it: the frames of 0.5 and 1.5 are those of both files."""
    study, layout = imported
    files, shares = {}, {}
    for T in (0.75, 1.25):
        path = str(tmp_path / f"{T}{weights.SUFFIXES[form]}")
        files[T] = weights.run(study, layout, T, form, path, Weighting())
        columns, _, state = read(path)
        shares[T] = [columns["weight"][state == name].sum() for name in STATES]
    system = {"kind": "colvar", "files": files, "features": ["x", "y"], "log_weight": "log_weight", "unit": "reduced"}
    content = study.model_dump(mode="json", by_alias=True, exclude={"name", "generate", "simulate", "learn"}) | {
        **{"name": "again", "system": system | {"energy": {"column": "energy", "unit": "kJ/mol"}}},
        **{"temperatures": {"train": [0.75, 1.25]}, "simulate": {"walkers": 16, "frames": 150}},
        "featurize": {"features": ["columns"], "plane": ["columns"]},
    }
    again, at = parse(Study, content, "again.yaml"), Layout(str(tmp_path / "results"))
    for T in again.temperatures.train:
        for stage in ("simulate", "featurize"):
            run_job(stage, again, at, temperature=T)
        assert (
            load_json(at.protocol(T))["convergence"]["standard_errors"] is None
        )  # files of weighted frames need not agree
    data = load_frames(training_frames(again, at))
    names, assigner = name_states(again.validate_.states, again.system, data)
    for T in again.temperatures.train:
        labels, counts = assigner.assign(data.plane[T].reshape(-1, 2)), data.counts[T].ravel()
        found = [counts[labels == names.index(name)].sum() / counts.sum() for name in STATES]
        np.testing.assert_allclose(found, shares[T], atol=1e-4)
        assert np.ptp(counts) > 0.1
    with pytest.raises(ThermolatentError, match=r"study again: there are no structures, .*write export weights"):
        structures.run(again, at, 1.0, 5, "xtc", str(tmp_path / "s.xtc"), Weighting())


def test_a_frame_that_counts_nothing_has_a_finite_log_weight(imported, tmp_path):
    """At T = 0.002 most frames of 1.5 have no weight that float64 holds."""
    study, layout = imported
    columns, *_ = read(*weights.run(study, layout, 0.002, "plumed", str(tmp_path / "w.colvar"), Weighting()))
    assert (columns["weight"] == 0).any()
    assert np.isfinite(columns["log_weight"]).all()


@pytest.mark.parametrize("form", structures.FORMATS)
def test_structures_are_the_frames_that_they_say_they_are(imported, tmp_path, form):
    study, layout = imported
    files = structures.run(study, layout, ASKED, 300, form, str(tmp_path / f"s.{form}"), Weighting())
    assert [Path(path).name for path in files] == ([f"s.{form}"] if form == "pdb" else [f"s.{form}", "s.pdb"])
    xyz = mdtraj.load(files[0], top=files[-1]).xyz[:, 0]
    told = re.findall(
        r"MODEL (\d+): FRAME (\d+) \(TIME ([\d.]+)\) OF (.*), T = ([\d.]+)$", Path(files[-1]).read_text(), re.M
    )
    assert [int(number) for number, *_ in told] == list(range(1, 301))
    source = {
        path: mdtraj.load(path, top=study.system.topology_file).xyz[:, 0] for path in {where for *_, where, _ in told}
    }
    expected = np.array([source[where][int(frame)] for _, frame, _, where, _ in told])
    np.testing.assert_allclose(xyz, expected, atol=6e-4)  # as XTC and PDB round
    columns, file, _ = read(*weights.run(study, layout, ASKED, "npz", str(tmp_path / "w.npz"), Weighting()))
    times = pd.Series([(where, int(frame)) for _, frame, _, where, _ in told]).value_counts()
    drawn = np.array([times.get(key, 0) for key in zip(file, columns["frame"].astype(int), strict=True)])
    assert np.abs(drawn - 300 * columns["weight"]).max() < 1  # one comb through the weights


def test_a_file_that_is_there_is_never_overwritten(imported):
    study, layout = imported
    source, energies = study.system.at(0.5)[0], study.system.energies.files[0.5][0]
    before = {path: Path(path).read_bytes() for path in (source, energies, study.system.topology_file)}
    refused = {
        source: lambda path: structures.run(study, layout, ASKED, 5, "dcd", path, Weighting()),
        energies: lambda path: weights.run(study, layout, ASKED, "plumed", path, Weighting()),
        # the topology is not what was asked for, but would lie beside it
        str(Path(source).parent / "top.xtc"): lambda path: structures.run(
            study, layout, ASKED, 5, "xtc", path, Weighting()
        ),
    }
    for path, export in refused.items():
        with pytest.raises(ThermolatentError, match=r"is there already; write another name"):
            export(path)
    assert before == {path: Path(path).read_bytes() for path in before}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["weights", "--temperature", "-1"], "temperature: -1.0; must be one positive number"),
        (["weights", "--temperature", "nan"], "must be one positive number"),
        (["weights", "--temperature", "1e9"], "is it in the same unit"),
        (["weights", "--temperature", "0.3", "--out", "w.txt"], "w.txt: write a name that ends in .csv"),
        (["weights", "--temperature", "0.3", "--model", "lat"], "no such model, did you mean 'latf'?"),
        (
            ["weights", "--temperature", "0.3", "--model", "latf", "--seed", "9"],
            "seed9.safetensors: model file is missing",
        ),
        (["structures", "--temperature", "0.3", "--results", "nowhere"], "is missing; run the stage"),
        (["cv", "--seed", "9"], "seed9.safetensors: spib file is missing"),
    ],
)
def test_bad_input_is_one_line(finished, monkeypatch, capsys, tmp_path, asked, words):
    monkeypatch.chdir(finished)
    assert main(["export", asked[0], "lj7", *asked[1:]]) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("thermolatent export: ")
    assert words in told
    assert "\n" not in told


def test_a_run_of_ones_own_by_its_reweighting_and_by_its_model(finished, monkeypatch, tmp_path, capsys):
    """Populations of predictions.csv, frame weights and structures of generate, and the files of our own MD."""
    monkeypatch.chdir(finished)
    layout = Layout("results/lj7")

    def export(*words):
        assert main(["export", words[0], "lj7", *words[1:]]) == 0
        return capsys.readouterr().out.split()

    at = ["--temperature", "0.3"]
    columns, file, state = read(export("weights", *at, "--out", str(tmp_path / "w.csv"))[0])
    rows = pd.read_csv(layout.predictions).query(
        "predictor == 'reweighting' and temperature == 0.3 and quantity == 'population'"
    )
    assert len(rows) > 1
    for row in rows.itertuples():
        assert columns["weight"][state == row.state].sum() == pytest.approx(row.value, abs=1e-6)
    assert set(file) == {layout.trajectory(T, w) for T in (0.2, 0.5) for w in range(4)}
    step = 50 * yaml.safe_load(Path("studies/lj7.yaml").read_text())["simulate"]["time_step"]
    np.testing.assert_allclose(columns["time"], step * (columns["frame"] + 1))
    model = ["--model", "latf", "--seed", "0"]
    columns, *_ = read(export("weights", *at, *model, "--format", "npz", "--out", str(tmp_path / "m.npz"))[0])
    known = load_arrays(layout.samples("latf", 0, 0.3))["frame_weights"]
    np.testing.assert_allclose(columns["weight"], known, rtol=1e-9)
    files = export("structures", *at, *model, "--n", "5", "--format", "dcd", "--out", str(tmp_path / "s.dcd"))
    assert Path(files[0]).read_bytes() == Path(layout.structures("latf", 0, 0.3)).read_bytes()
    assert mdtraj.load(files[0], top=files[1]).n_atoms == 7
    (written,) = export("cv", "--model", "latf", "--out", str(tmp_path / "z.dat"))
    positions = mdtraj.load(layout.trajectory(0.2, 1), top=layout.topology(0.2)).xyz
    z = load_representation(layout.model("latf", 0)).encode(np.load(layout.features(0.2))[1])
    found = Input(Path(written).read_text(), positions)
    np.testing.assert_allclose(np.stack([found["z1"], found["z2"]], axis=1), z, atol=1e-5)
