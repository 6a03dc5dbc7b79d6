import shutil

import pytest
from advise.project import STUDY, reweight


@pytest.fixture(scope="session")
def reweighted(tmp_path_factory):
    """A folder with a study, its frames and its estimator, and no records of the MD's speed."""
    folder = tmp_path_factory.mktemp("advise")
    (folder / "studies").mkdir()
    (folder / "studies/mine.yaml").write_text(STUDY)
    reweight(folder)
    return folder


@pytest.fixture
def folder(reweighted, tmp_path, monkeypatch):
    """A copy of it, the working directory."""
    shutil.copytree(reweighted, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)
    return tmp_path
