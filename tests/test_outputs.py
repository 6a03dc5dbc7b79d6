"""Outputs never go over inputs, and no message advises to delete what is a user's own."""

import mdtraj
import numpy as np
import pytest
from molecules_for_tests import alanine_dipeptide
from reweight.two_states import md
from studies_for_tests import SOUND, write

from thermolatent import ConditionalReweighting
from thermolatent.cli import main
from thermolatent.errors import ArtifactError, ThermolatentError
from thermolatent.files.dcd import read_frames, write_trajectories
from thermolatent.generate import predict as of_a_model
from thermolatent.learn.model import load_density, save_density
from thermolatent.parsing import parse
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.validate import predict as of_a_study


@pytest.fixture
def there(tmp_path):
    """``there(name)``: a file that is there already; each must hold the same afterwards."""
    made = []

    def make(name):
        path = tmp_path / name
        path.write_bytes(b"years of work")
        made.append(path)
        return str(path)

    yield make
    for path in made:
        assert path.read_bytes() == b"years of work"


def test_predict_writes_over_no_file(there):
    for run, arguments, suffix in (
        (of_a_model.run, ("none.safetensors", [1.0], 10, 0), ".npz"),
        (of_a_study.run, (None, "none.safetensors", {}, [1.0]), ".csv"),
    ):
        with pytest.raises(ThermolatentError, match=r"data\.\w+: is there already; write another name$"):
            run(*arguments, there(f"data{suffix}"))
        with pytest.raises(ThermolatentError, match=rf"z\.npy: write a name that ends in {suffix}$"):
            run(*arguments, there("z.npy"))


def test_an_estimator_or_density_goes_over_no_array(there):
    fitted = ConditionalReweighting(network=False).fit(**md(units=4, frames=50))
    with pytest.raises(ThermolatentError, match=r"energies\.npy: write a name that ends in \.safetensors$"):
        fitted.save(there("energies.npy"))
    with pytest.raises(ThermolatentError, match=r"z\.npy: write a name that ends in \.safetensors$"):
        save_density(there("z.npy"), None)


def test_a_stage_does_not_write_over_what_it_reads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout = Layout("results/mine")
    topology, positions = alanine_dipeptide(frames=20)
    walkers = layout.trajectories(400.0, 2)
    write_trajectories(walkers, np.stack([positions[:10], positions[10:]], axis=1) * 10, 1, 2.0)
    mdtraj.Trajectory(positions[:1], topology).save_pdb("top.pdb")
    angles = [{"kind": "backbone_torsions", "form": "angle"}]
    content = {
        "name": "mine",
        "system": {"kind": "trajectories", "topology": "top.pdb", "frame_interval": 2.0, "files": {400: walkers[::-1]}},
        "temperatures": {"train": [400]},
        "simulate": {"walkers": 2, "frames": 10},
        "featurize": {"features": ["backbone_torsions"], "plane": angles},
        "models": {"latf": {"density": "flow"}},
        "validate": {"states": {"kind": "nearest", "centers": {"a": [0, 0], "b": [1, 1]}}},
    }
    with pytest.raises(ThermolatentError, match=rf"^{walkers[0]}: would be written over; give the study another name"):
        run_job("simulate", parse(Study, content, "mine.yaml"), layout, temperature=400.0)
    for path, part in zip(walkers, (positions[:10], positions[10:]), strict=True):
        np.testing.assert_allclose(read_frames(path, np.arange(10)), part, atol=1e-6)


def test_init_writes_over_no_file_that_a_link_names(there, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/mine.yaml").symlink_to(there("data.txt"))
    arguments = ["init", "three_hole", "--train", "0.5", "1.5", "--no-probe", "--name", "mine"]
    assert main(arguments) == 1
    assert main([*arguments, "--force"]) == 0
    assert load_study("mine", tmp_path / "studies").system.kind == "three_hole"


def test_nobody_is_told_to_delete_a_file_of_his_own(there):
    for load in (load_density, ConditionalReweighting.load):
        with pytest.raises(ArtifactError, match=r"; if it is a study's result, delete it and run its stage again$"):
            load(there("mine.safetensors"))


def test_a_feature_that_is_no_number_costs_no_md(tmp_path):
    study = load_study("mine", write(tmp_path, SOUND).parent)
    layout = Layout(str(tmp_path / "results"))
    run_job("simulate", study, layout, temperature=1.5)
    walkers = layout.trajectories(1.5, 2)
    positions = np.stack([read_frames(path, np.arange(20)) for path in walkers], axis=1)
    positions[7, 1, 0, 1] = np.nan
    write_trajectories(walkers, 10 * positions, 2, 0.02)
    with pytest.raises(ArtifactError) as caught:
        run_job("featurize", study, layout, temperature=1.5)
    said = f"{walkers[1]}: 'y' of frame 7 (from 0) is not a finite number; look at that frame, or leave the feature out"
    assert str(caught.value) == said


def test_trajectories_are_written_where_paths_have_umlauts(tmp_path):
    positions = np.random.default_rng(0).normal(size=(7, 1, 5, 3)).astype(np.float32)
    path = str(tmp_path / "Läufe é" / "ä.dcd")
    write_trajectories([path], 10 * positions, 1, 2.0)
    np.testing.assert_allclose(read_frames(path, np.arange(7)), positions[:, 0], rtol=1e-6)
