"""A small three-hole study on exact samples: as featurized, and as trained. Shared by learn and generate."""

import pytest
from exact_study import make_study, write_features
from finished_study import finish_study

from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout


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


@pytest.fixture
def fresh(tmp_path):
    """(study, layout) of one's own, to write and break files in."""
    study, layout = make_study(), Layout(str(tmp_path / "results"))
    write_features(study, layout, study.temperatures.train)
    return study, layout


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A working directory with ``studies/lj7.yaml``, small, and all that its stages write for ``latf``."""
    folder = tmp_path_factory.mktemp("finished")
    finish_study(folder)
    return folder
