"""The file of an estimator: bit for bit what was saved, one clear line for anything else."""

import json

import numpy as np
import pytest
import torch
from reweight.two_states import md

from thermolatent import ConditionalReweighting
from thermolatent.errors import ArtifactError
from thermolatent.files.artifacts import save_model
from thermolatent.reweight.verdict import judge

FITS = {
    "two halves": (True, {}),
    "no energies": (False, {"bath": None}),
    "three temperatures": (False, {"temperatures": (1.0, 1.4, 2.0)}),
    "one temperature": (False, {"temperatures": (1.0,)}),
}


@pytest.fixture(scope="module", params=FITS)
def fitted(request) -> ConditionalReweighting:
    network, toy = FITS[request.param]
    content = md(units=4, frames=100, **toy) | {"state_names": ["zero", "one", "never"]}
    content["counts"] = [np.random.default_rng(0).uniform(0, 2, s.shape) for s in content["states"]]
    content["states"][-1][:] = 1  # no visit of zero: a state unvisited at one temperature
    return ConditionalReweighting(3.0, network, np.int64(7)).fit(**content)


def test_save_and_load_bit_for_bit(fitted, tmp_path):
    fitted.save(tmp_path / "file.safetensors")
    loaded = ConditionalReweighting.load(tmp_path / "file.safetensors")
    observable = np.random.default_rng(1).standard_normal((fitted.n_frames, 2))
    for T in (1.0,) if len(fitted.temperatures) == 1 else (0.7, 1.0, 1.3, 4.0):
        assert loaded.populations(T).equals(fitted.populations(T))
        np.testing.assert_array_equal(loaded.weights(T), fitted.weights(T))
        np.testing.assert_array_equal(loaded.influence(T, "one"), fitted.influence(T, "one"))
        assert loaded.mean(T, observable).equals(fitted.mean(T, observable))
        assert loaded.free_energies(T, "one").equals(fitted.free_energies(T, "one"))
        assert judge(loaded, T, 0.05).equals(judge(fitted, T, 0.05))
    assert loaded.heat_capacities().equals(fitted.heat_capacities())
    assert loaded.assessments.equals(fitted.assessments)
    assert (loaded.assessments.dtypes == fitted.assessments.dtypes).all()
    for name in ("temperatures", "k", "state_names", "shared_units", "summary", "heat_capacity", "network", "seed"):
        assert getattr(loaded, name) == getattr(fitted, name)


def test_a_loaded_one_can_be_saved_again(fitted, tmp_path):
    fitted.save(tmp_path / "first.safetensors")
    ConditionalReweighting.load(tmp_path / "first.safetensors").save(tmp_path / "second.safetensors")
    assert (tmp_path / "first.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


def test_another_file_is_refused_with_one_line(tmp_path):
    path = tmp_path / "file.safetensors"
    for write, message in (
        (lambda: None, "reweighting file is missing"),
        (lambda: path.write_bytes(b"{}"), "reweighting file cannot be read"),
        (lambda: save_model(path, "spib", {}, {"a": torch.zeros(1)}), "holds a 'spib', a 'reweighting' is needed"),
        (
            lambda: save_model(path, "reweighting", {"networks": {}}, {"a": torch.zeros(1)}),
            "delete it and run its stage again",
        ),
    ):
        write()
        with pytest.raises(ArtifactError, match=message) as caught:
            ConditionalReweighting.load(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


def test_another_version_is_refused_with_one_line(tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    monkeypatch.setattr("thermolatent.files.artifacts.FORMAT_VERSION", 0)
    ConditionalReweighting(network=False).fit(**md(units=2, frames=50)).save(path)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="format version 0, this thermolatent reads version"):
        ConditionalReweighting.load(path)


def test_a_file_that_lacks_something_is_refused(tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "file.safetensors"
    ConditionalReweighting(network=False).fit(**md(units=2, frames=50)).save(path)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    tensors = load_file(path)
    tensors.pop("solved.hessian")
    save_file(tensors, path, header)
    with pytest.raises(ArtifactError, match="delete it and run its stage again"):
        ConditionalReweighting.load(path)
    assert json.loads(next(iter(header.values())))["kind"] == "reweighting"
