"""A study's files in a folder of the test's own."""

import pytest
from files_for_figures import write_study_files


@pytest.fixture
def write_files(tmp_path):
    def write(study, seeds=(0,), dimensions=2):
        return write_study_files(study, tmp_path / "results", list(seeds), dimensions)

    return write
