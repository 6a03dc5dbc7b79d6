"""A small three-hole study on exact samples: as featurized, and as trained. Shared by learn and generate."""

import functools
import re
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from exact_study import SHORT, make_study, write_features
from finished_study import finish_study

from thermolatent.files.artifacts import load_array, save_array
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout

#: Fixtures of a session that take many seconds, and those made of them: files that use one run in one process.
SHARED = {"finished": "finished", "untouched": "finished", "trained": "trained", "without_energies": "trained"}


@functools.cache
def group_of(file):
    """What runs in one process with a file of tests: the file alone, or all that share a fixture with it.

    The folder faults has a fixture ``finished`` of its own, which each process makes once.
    """
    if file.startswith("tests/faults/"):
        return file
    text = (Path(__file__).parents[1] / file).read_text()
    return next((group for name, group in SHARED.items() if re.search(rf"^def \w+\([^)]*\b{name}\b", text, re.M)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """``--dist loadfile`` by :func:`group_of`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return group_of(super()._split_scope(nodeid))

    return ByGroup(config, log)


@pytest.fixture(scope="session")
def exact(tmp_path_factory):
    """(study, layout) with features at the training temperatures, and nothing else."""
    study = make_study()
    layout = Layout(str(tmp_path_factory.mktemp("exact") / "results"))
    write_features(study, layout, study.temperatures.train)
    return study, layout


@pytest.fixture(scope="session")
def trained(exact):
    """(study, layout) after represent, reweight and learn of both models, seed 0."""

    study, layout = exact
    run_job("represent", study, layout, seed=0)
    run_job("reweight", study, layout, seed=0)
    for model in study.models:
        run_job("learn", study, layout, model=model, seed=0)
    return study, layout


@pytest.fixture(scope="session")
def without_energies(trained, tmp_path_factory):
    """(study, layout) of the exact study, its energies forgotten, after represent and reweight."""
    study, layout = make_study(), Layout(str(tmp_path_factory.mktemp("without") / "results"))
    write_features(study, layout, study.temperatures.train)
    for T in study.temperatures.train:
        save_array(layout.energies(T), np.full_like(load_array(layout.energies(T)), np.nan))
    shutil.copytree(f"{trained[1].root}/represent", f"{layout.root}/represent")  # it sees no energies
    with mock.patch("thermolatent.reweight.stage.log.warning") as warning:
        run_job("reweight", study, layout, seed=0)
    assert "the MD has no energies" in str(warning.mock_calls)
    return study, layout


@pytest.fixture(scope="session")
def short(tmp_path_factory):
    """(study, layout) with features of a fifth of the frames: for what holds of any numbers, good ones or bad ones."""
    study, layout = make_study(), Layout(str(tmp_path_factory.mktemp("short") / "results"))
    write_features(study, layout, study.temperatures.train, SHORT)
    return study, layout


@pytest.fixture
def one_thread():
    """Torch with one thread, for what must be equal to the bit in another process."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def fresh(tmp_path):
    """(study, layout) of one's own, to write and break files in."""
    study, layout = make_study(), Layout(str(tmp_path / "results"))
    write_features(study, layout, study.temperatures.train)
    return study, layout


@pytest.fixture(scope="session")
def untouched(tmp_path_factory):
    """A working directory with ``studies/lj7.yaml``, small, and all that its stages write for ``latf``; to copy."""
    folder = tmp_path_factory.mktemp("untouched")
    finish_study(folder)
    return folder


@pytest.fixture(scope="session")
def finished(untouched, tmp_path_factory):
    """A copy of that folder, in which tests add files of their own."""
    return shutil.copytree(untouched, tmp_path_factory.mktemp("finished"), dirs_exist_ok=True)
