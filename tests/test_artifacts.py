import json

import numpy as np
import pytest
import torch

from thermolatent.errors import ArtifactError
from thermolatent.files import artifacts


def test_json_comes_back_as_it_was(tmp_path):
    artifacts.save_json(tmp_path / "a" / "x.json", {"T": 0.2, "names": ["a"]})
    assert artifacts.load_json(tmp_path / "a" / "x.json") == {"T": 0.2, "names": ["a"]}


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"z": np.arange(6, dtype=np.float32).reshape(2, 3), "w": np.array([1e-300, 1.0])}
    artifacts.save_arrays(tmp_path / "x.npz", arrays)
    back = artifacts.load_arrays(tmp_path / "x.npz")
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


def test_an_array_is_mapped_read_only(tmp_path):
    artifacts.save_array(tmp_path / "x.npy", np.arange(4.0))
    array = artifacts.load_array(tmp_path / "x.npy", mmap=True)
    assert isinstance(array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_model_comes_back_bit_for_bit_with_its_spec(tmp_path):
    tensors = {"w": torch.randn(3, 2, dtype=torch.float64).T, "n": torch.tensor(7)}
    artifacts.save_model(tmp_path / "m.safetensors", "model", {"width": 3}, tensors)
    spec, back = artifacts.load_model(tmp_path / "m.safetensors", "model")
    assert spec == {"width": 3}
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())


def test_a_model_of_another_kind_is_refused(tmp_path):
    artifacts.save_model(tmp_path / "m.safetensors", "spib", {}, {"w": torch.zeros(1)})
    with pytest.raises(ArtifactError, match="holds a 'spib', a 'model' is needed"):
        artifacts.load_model(tmp_path / "m.safetensors", "model")


WRITERS = {
    "x.json": (lambda path: artifacts.save_json(path, {}), artifacts.load_json),
    "x.npz": (lambda path: artifacts.save_arrays(path, {"a": np.zeros(500)}), artifacts.load_arrays),
    "x.npy": (lambda path: artifacts.save_array(path, np.zeros(500)), artifacts.load_array),
    "x.safetensors": (
        lambda path: artifacts.save_model(path, "model", {}, {"a": torch.zeros(500)}),
        lambda path: artifacts.load_model(path, "model"),
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_or_truncated_file_is_told(tmp_path, name):
    save, load = WRITERS[name]
    path = tmp_path / name
    with pytest.raises(ArtifactError, match=f"{name}: .* is missing"):
        load(path)
    save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArtifactError, match=f"{name}: .*cannot be read"):
        load(path)


@pytest.mark.parametrize("name", ["x.json", "x.npz", "x.safetensors"])
def test_another_format_version_is_refused(tmp_path, name, monkeypatch):
    save, load = WRITERS[name]
    monkeypatch.setattr(artifacts, "FORMAT_VERSION", 99)
    save(tmp_path / name)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match=f"{name}: format version 99, this thermolatent reads version 1"):
        load(tmp_path / name)


def test_a_pickle_is_not_opened(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="cannot be read"):
        artifacts.load_array(tmp_path / "x.npy")


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "x.json"
    artifacts.save_json(path, {"a": 1})

    def interrupted():
        with artifacts.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert json.loads(path.read_text())["a"] == 1
    assert list(tmp_path.iterdir()) == [path]
