"""A folder in which the workflow of a tiny study has run once, and copies of it in which to break something."""

import shutil

import pytest
from faults_for_tests import CONFIG, NAME, TINY, Jobs
from running_snakemake import snakemake
from studies_for_tests import write

from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder in which the workflow has run."""
    folder = tmp_path_factory.mktemp("faults")
    write(folder, TINY, NAME)
    done = snakemake(folder, "--cores", "2", *CONFIG)
    assert done.code == 0, (done.out + done.error)[-5000:]
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of that folder, with the times of its files."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture(scope="session")
def study(finished):
    return load_study(NAME, finished / "studies")


@pytest.fixture(scope="session")
def paths():
    return Layout(f"results/{NAME}")


@pytest.fixture(scope="session")
def jobs():
    return Jobs()
