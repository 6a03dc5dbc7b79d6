import errno
import fcntl
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from thermolatent.errors import ArtifactError
from thermolatent.files import artifacts
from thermolatent.files.dcd import stream_positions, write_trajectories
from thermolatent.files.locking import only_one


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


def failing(number):
    """A system call that fails so."""

    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("system", ["Linux", "macOS", "a file system without fallocate"])
def test_a_new_array_has_its_space_on_the_disk(tmp_path, monkeypatch, system):
    if system == "macOS":
        monkeypatch.delattr(os, "posix_fallocate")
    elif system != "Linux":
        monkeypatch.setattr(os, "posix_fallocate", failing(errno.EOPNOTSUPP))
    monkeypatch.setattr(artifacts, "_BLOCK_BYTES", 5000)
    path, other = tmp_path / "x.npy", tmp_path / "y"
    array = artifacts.new_array(path, (3, 1000, 7))
    array[1, 2] = np.arange(7)
    array.flush()
    back = artifacts.load_array(path)
    assert back.shape == (3, 1000, 7)
    assert back[1, 2].tolist() == list(range(7))
    assert back.sum() == 21
    assert os.stat(path).st_blocks * 512 >= back.nbytes
    other.write_bytes(b"abc" * 4000)
    artifacts.allocate(other, 25_000)
    assert other.read_bytes() == b"abc" * 4000 + bytes(13_000)
    artifacts.allocate(other, 9000)
    assert other.read_bytes() == b"abc" * 3000


@pytest.mark.parametrize("lacking", [False, True])
def test_a_full_disk_is_an_error(tmp_path, monkeypatch, lacking):
    if lacking:
        monkeypatch.delattr(os, "posix_fallocate")
        monkeypatch.setattr(artifacts, "_fill", failing(errno.ENOSPC))
    else:
        monkeypatch.setattr(os, "posix_fallocate", failing(errno.ENOSPC))
    (tmp_path / "x").touch()
    with pytest.raises(OSError, match="No space left"):
        artifacts.allocate(tmp_path / "x", 10)


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_two_containers_with_one_process_id_do_not_share_a_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    path = tmp_path / "x.json"
    with artifacts.replacing(path) as one:
        with artifacts.replacing(path) as other:
            one.write_text("one")
            other.write_text("other")
            assert len(hidden(tmp_path)) == 2
        assert path.read_text() == "other"
    assert path.read_text() == "one"
    assert not hidden(tmp_path)


def test_what_a_killed_job_left_goes_when_the_file_is_written_again(tmp_path):
    code = (
        "import os, sys; from thermolatent.files.artifacts import replacing\n"
        "with replacing(sys.argv[1]) as path: path.write_text('half'); os.kill(os.getpid(), 9)"
    )
    for name in ("x.json", "y.json"):
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=False)
    assert len(hidden(tmp_path)) == 2
    (tmp_path / ".x.mine.json").touch()
    artifacts.save_json(tmp_path / "x.json", {"a": 1})
    left = sorted(hidden(tmp_path))
    assert left[0] == ".x.mine.json"
    assert [name[:3] for name in left[1:]] == [".y."]


def write_dcd(path):
    write_trajectories([str(path)], np.ones((2, 1, 3, 3), np.float32), 1, 0.1)


@pytest.mark.parametrize("name", [*WRITERS, "x.dcd"])
def test_a_file_is_held_while_a_library_writes_it(tmp_path, monkeypatch, name):
    """A second job at the same file removes nothing under the first one's hands."""
    save, load = WRITERS.get(name, (write_dcd, lambda path: next(stream_positions(str(path), 2, 3))))
    path, flush, seen = tmp_path / name, artifacts._flush, []

    def another_job_begins(temporary):
        artifacts._remove_abandoned(path)
        seen.append(temporary.is_file())
        flush(temporary)

    monkeypatch.setattr(artifacts, "_flush", another_job_begins)
    save(path)
    assert seen == [True]
    load(path)


def test_where_there_are_no_locks_nothing_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    abandoned = tmp_path / f".x.{'0' * 32}.json"
    abandoned.touch()
    artifacts.save_json(tmp_path / "x.json", {})
    assert hidden(tmp_path) == [abandoned.name]


@pytest.mark.parametrize("name", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP"])  # the last two are different numbers on macOS
def test_a_simulation_on_a_file_system_without_locks_is_told_and_runs(tmp_path, monkeypatch, caplog, name):
    monkeypatch.setattr(fcntl, "flock", failing(getattr(errno, name)))
    with only_one(tmp_path / "x.lock"):
        assert "no locks on this file system" in caplog.text
    assert not list(tmp_path.iterdir())


def test_others_may_read_what_is_written(tmp_path):
    """As the umask says, not as a temporary file's mode does."""
    previous = os.umask(0o022)
    try:
        for name, (save, _) in WRITERS.items():
            save(tmp_path / name)
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o644, name
    finally:
        os.umask(previous)
