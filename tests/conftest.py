"""A small three-hole study on exact samples: as featurized, and as trained. Shared by learn and generate."""

import pytest
from exact_study import make_study, write_features

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
    from thermolatent.learn import train
    from thermolatent.represent import stage as represent
    from thermolatent.reweight import stage as reweight

    study, layout = exact
    represent.run(study, layout, 0)
    reweight.run(study, layout, 0)
    for model in study.models:
        train.run(study, layout, model, 0)
    return study, layout


@pytest.fixture
def fresh(tmp_path):
    """(study, layout) of one's own, to write and break files in."""
    study, layout = make_study(), Layout(str(tmp_path / "results"))
    write_features(study, layout, study.temperatures.train)
    return study, layout
