import json
from functools import partial
from pathlib import Path

import pytest
from studies_for_tests import SOUND, changed, write, written

from thermolatent.errors import ConfigError
from thermolatent.study.layout import Layout
from thermolatent.study.project import find_study, load_project, save_resolved

HOME = Path(__file__).parent.parent


@pytest.fixture
def study(tmp_path):
    return partial(written, tmp_path)


def test_later_files_and_the_command_line_go_over_the_first(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("studies: [lj7, three_hole]\nseeds: [0]\n")
    second.write_text("studies: [three_hole]\n")
    project = load_project([first, second, tmp_path / "none.yaml"], {"seeds": ["1", "2"], "scale": "smoke"})
    assert (project.studies, project.seeds, project.scale) == (["three_hole"], [1, 2], "smoke")


def test_a_list_of_one_may_be_written_without_brackets():
    project = load_project([], {"studies": "lj7", "seeds": 3})
    assert (project.studies, project.seeds) == (["lj7"], [3])


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"study": "lj7"}, r"^--config: study: unknown key, did you mean 'studies'\?$"),
        ({"seeds": ["a"]}, "^--config: seeds.0: is 'a'; .*integer"),
        ({"seeds": [-1]}, "^--config: seeds.0: is -1; .*greater than or equal to 0"),
        ({"studies": []}, "^--config: studies: "),
    ],
)
def test_a_bad_override_is_told_with_where_it_came_from(overrides, words):
    with pytest.raises(ConfigError, match=words):
        load_project([HOME / "config.yaml"], overrides)


def test_a_bad_file_is_told_by_its_name(tmp_path):
    (tmp_path / "config.yaml").write_text("seed: [0]\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: seed: unknown key, did you mean 'seeds'\?"):
        load_project([tmp_path / "config.yaml"], {})


def test_the_first_folder_with_the_study_counts(tmp_path):
    write(tmp_path / "near", changed("description", "near"))
    write(tmp_path / "far", changed("description", "far"))
    write(tmp_path / "far", SOUND, "other")
    folders = [tmp_path / "near/studies", tmp_path / "far/studies"]
    assert find_study("mine", folders).description == "near"
    assert find_study("other", folders).name == "other"
    with pytest.raises(ConfigError, match="did you mean 'other'"):
        find_study("othr", folders)


def test_the_resolved_study_holds_every_default_and_is_written_once(study, tmp_path):
    layout = Layout(str(tmp_path / "results"))
    save_resolved(study(), layout)
    before = Path(layout.study).stat()
    content = json.loads(Path(layout.study).read_text())
    assert content["simulate"]["friction"] == 1.0
    assert content["models"]["latf"]["density"]["tau"] == 2.0
    assert content["temperature_range"] == [0.5, 1.5]
    save_resolved(study(), layout)
    assert Path(layout.study).stat().st_mtime_ns == before.st_mtime_ns
    save_resolved(study(changed("description", "new")), layout)
    assert json.loads(Path(layout.study).read_text())["description"] == "new"


def test_folders_of_earlier_names_are_renamed_once(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout = Layout.of(study())
    for folder in (f"{layout.root}/pretrain", "logs/mine/pretrain"):
        Path(folder).mkdir(parents=True)
        Path(folder, "kept").touch()
    save_resolved(study(), layout)
    assert [Path(folder, "represent/kept").is_file() for folder in (layout.root, "logs/mine")] == [True, True]
    Path(layout.root, "pretrain").mkdir()
    save_resolved(study(), layout)
    assert Path(layout.root, "pretrain").is_dir()


def test_keys_of_earlier_versions_are_left_out_with_a_warning(study, caplog):
    old = changed("reweight", {"steps": 20, "heat_capacity": 7.0})
    old["learn"] = {**old.get("learn", {}), "held_out": 0.3}
    assert study(old) == study(changed("reweight", {"heat_capacity": 7.0}))
    assert [r.getMessage().partition(": ")[2].partition(":")[0] for r in caplog.records] == [
        "reweight.steps",
        "learn.held_out",
    ]
    with pytest.raises(ConfigError, match=r"reweight\.stepz: unknown key"):
        study(changed("reweight", {"stepz": 20}))
