from pathlib import Path

import pytest

from thermolatent.launch import home
from thermolatent.launch.home import study_folders, workflow_home

CLONE = Path(__file__).parents[2]


def make_workflow(folder):
    (folder / "workflow/rules").mkdir(parents=True)
    (folder / "workflow/rules/common.smk").touch()
    (folder / "Snakefile").touch()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THERMOLATENT_STUDIES", raising=False)
    return tmp_path


def test_the_workflow_is_that_of_the_working_directory_else_of_the_clone_else_of_the_wheel(elsewhere, monkeypatch):
    assert workflow_home() == CLONE
    (elsewhere / "Snakefile").touch()  # somebody's own
    assert workflow_home() == CLONE
    monkeypatch.setattr(home, "_PACKAGE", elsewhere / "site-packages/a/thermolatent")
    assert workflow_home() == elsewhere / "site-packages/a/thermolatent/_workflow"
    (elsewhere / "Snakefile").unlink()
    make_workflow(elsewhere)
    assert workflow_home() == elsewhere


def test_studies_are_looked_for_in_named_folders_and_then_among_the_examples(elsewhere, monkeypatch):
    examples = CLONE / "studies"
    assert study_folders() == [Path("studies"), examples]
    assert study_folders(["mine", "mine"]) == [Path("mine"), examples]
    assert study_folders(home=elsewhere) == [Path("studies")]  # the same folder
    monkeypatch.setenv("THERMOLATENT_STUDIES", f"a:{examples}")
    assert study_folders() == [Path("a"), examples]
