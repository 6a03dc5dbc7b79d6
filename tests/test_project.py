import json
from pathlib import Path

import pytest
from studies_for_tests import SOUND, changed, write

from thermolatent.digest import reached
from thermolatent.errors import ConfigError
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.project import code, find_study, load_project, resolved, save_resolved, settings
from thermolatent.study.stages import STAGES

HOME = Path(__file__).parent.parent


@pytest.fixture
def study(tmp_path):
    def build(content=SOUND):
        write(tmp_path, content)
        return load_study("mine", tmp_path / "studies")

    return build


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


#: a change of a study -> the stages that read it
CHANGES = {
    "models.latf.density.width": (5, {"learn", "validate", "gather", "figures", "report"}),
    "generate.samples": (60, {"generate", "validate", "report"}),
    "generate.structures": (4, {"generate", "report"}),
    "reweight": ({"heat_capacity": 7.0}, {"reweight", "report"}),
    "representation": ({"lag": 2}, {"represent", "learn", "validate", "gather", "report"}),
    "simulate.frames": (30, {"simulate", "temper", "report"}),
    "temperatures.predict": ([0.75, 1.0], {"generate", "validate", "gather", "figures", "report"}),
    "description": ("words", {"figures", "report"}),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_change_concerns_the_stages_that_read_it_and_no_other(study, key):
    value, concerned = CHANGES[key]
    before = {stage: settings(study(), stage, "latf") for stage in STAGES}
    after = {stage: settings(study(changed(key, value)), stage, "latf") for stage in STAGES}
    assert {stage for stage in STAGES if before[stage] != after[stage]} == concerned


def test_a_prediction_inside_the_learning_range_does_not_repeat_training(study):
    content = changed("temperatures.predict", [0.75, 1.0, 1.75])
    wide = changed("temperatures.predict", [0.75, 1.0, 1.75, 1.6])
    before, after = (study(c) for c in (content, wide))
    assert settings(before, "learn", "latf") == settings(after, "learn", "latf")
    assert settings(before, "generate", "latf") != settings(after, "generate", "latf")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_keys_that_there_are(study, stage):
    for key in STAGES[stage].reads:
        value = resolved(study())
        for part in key.format(model="latf").split("."):
            value = value[part]


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "simulate"])
def test_every_stage_has_a_digest_of_its_code(study, stage):
    assert len(code(study(), stage, "latf")) == 16


def test_the_digest_of_training_covers_the_density_and_no_figure(study):
    modules = reached([STAGES["learn"].module], {"density": {"flow"}})
    assert {"thermolatent.densities.flow", "thermolatent.represent.spib", "thermolatent.files.artifacts"} <= modules
    assert not [m for m in modules if m.split(".")[1] in ("figures", "validate", "simulate", "generate", "config")]
