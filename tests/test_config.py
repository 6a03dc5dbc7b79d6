from pathlib import Path

import pytest
from studies_for_tests import BAD, SOUND, changed, write

from thermolatent.errors import ConfigError
from thermolatent.parsing import parse
from thermolatent.represent.settings import Representation
from thermolatent.study.jobs import featurize_job
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.study.study import Study
from thermolatent.temperatures import format_temperature

STUDIES = Path(__file__).parent.parent / "studies"


def load(folder, content, name="mine"):
    write(folder, content)
    return load_study(name, folder / "studies")


@pytest.mark.parametrize("wrong", BAD)
def test_one_thing_wrong_is_one_line_that_names_file_and_key(tmp_path, wrong):
    key, value, words = BAD[wrong]
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, changed(key, value))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/studies/mine.yaml: ")
    assert "\n" not in message
    assert not [word for word in words if word not in message], message


def test_every_problem_is_told(tmp_path):
    content = changed("simulate.time_step", -1)
    content["generate"]["sample"] = 3
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, content)
    assert [key for key, _ in caught.value.problems] == ["simulate.time_step", "generate.sample"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("system: [three_hole", "not valid YAML"),
        ("- a\n- b\n", "not a mapping"),
        ("", "not a mapping"),
        ("a: 1\n  b: 2\n", "line 2"),
    ],
)
def test_a_file_that_is_no_mapping_is_told(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, text)


def test_an_unknown_study_or_scale_is_told_with_a_suggestion(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'mine'"):
        load(tmp_path, SOUND, "mein")
    with pytest.raises(ConfigError, match="did you mean 'smoke'"):
        load(tmp_path, SOUND | {"scales": {"smoke": {}}}, "mine@smok")


def test_a_tolerance_is_of_populations_or_one_for_each(tmp_path):
    assert load(tmp_path, SOUND).validate_.tolerance == {"populations": 0.05}
    assert load(tmp_path, changed("validate.tolerance", 0.1)).validate_.tolerance == {"populations": 0.1}
    content = changed("validate.tolerance", {"position_xy": 0.3})
    content["featurize"]["observables"] = ["position_xy"]
    study = load(tmp_path, content)
    assert study.validate_.tolerance == {"populations": 0.05, "position_xy": 0.3}
    assert parse(Study, study.model_dump(by_alias=True), "study.json") == study
    content["validate"]["tolerance"] = {"position_xz": 0.3}
    with pytest.raises(ConfigError, match=r"validate\.tolerance\.position_xz: .*, did you mean 'position_xy'\?$"):
        load(tmp_path, content)


@pytest.mark.parametrize("kind", ["contacts", "base_pairs"])
def test_a_reach_in_angstrom_is_told(tmp_path, kind):
    content = changed("featurize.features", [{"kind": kind, "form": "smooth", "r0": 4.5}])
    with pytest.raises(ConfigError, match=r"r0: is 4\.5 nm, .*; if you took angstrom for nm, write 0\.45$"):
        load(tmp_path, content)


def test_nothing_informs_a_model_of_one_training_temperature(tmp_path):
    content = changed("temperatures", {"train": [0.5], "predict": [], "reference": []})
    load(tmp_path, content)
    content["models"]["latf"]["informed"] = True
    with pytest.raises(ConfigError, match=r"models\.latf\.informed: needs two training temperatures"):
        load(tmp_path, content)


def test_a_model_s_representation_is_the_study_s_with_its_own_keys(tmp_path):
    content = changed("models.latf.representation", {"lag": 3})
    content["models"]["shared"] = SOUND["models"]["latf"]
    content |= {"representation": {"beta_ib": 0.01}, "scales": {"smoke": {"representation": {"epochs": 2}}}}
    study, smoke = load(tmp_path, content), load(tmp_path, content, "mine@smoke")
    assert study.representation_of("latf") == Representation(beta_ib=0.01, lag=3)
    assert study.representation_of("shared") == study.representation_of("baselines") == Representation(beta_ib=0.01)
    assert smoke.representation_of("latf") == Representation(beta_ib=0.01, lag=3, epochs=2)
    assert parse(Study, study.model_dump(by_alias=True), "study.json") == study
    assert [model.own_latent for model in study.models.values()] == [True, True]
    content["models"] = {name: {**model, "encoder": "frozen"} for name, model in content["models"].items()}
    assert [model.own_latent for model in load(tmp_path, content).models.values()] == [True, False]
    content["models"]["latf"]["representation"] = {"beta_ib": 0.01}
    assert load(tmp_path, content).spibs == ["baselines"]


def test_roles_of_temperatures(tmp_path):
    content = changed("temperatures", {"train": [1.5, 0.5], "predict": [0.75, 2], "reference": [2]})
    study = load(tmp_path, content)
    temperatures = study.temperatures
    assert temperatures.T_ref == 0.5
    assert temperatures.simulated == [0.5, 1.5, 2.0]
    assert temperatures.generated == [0.5, 0.75, 1.5, 2.0]
    assert [temperatures.role(t) for t in temperatures.generated] == ["train", "interpolate", "train", "extrapolate"]
    assert study.temperature_range == (0.5, 2.0)


def test_a_scale_replaces_what_it_names_and_nothing_else(tmp_path):
    content = SOUND | {"scales": {"smoke": {"simulate": {"frames": 5}, "temperatures": {"train": [0.6, 1.4]}}}}
    full, smoke = load(tmp_path, content), load(tmp_path, content, "mine@smoke")
    assert smoke.name == "mine@smoke"
    assert smoke.simulate.frames == 5
    assert smoke.simulate.model_copy(update={"frames": full.simulate.frames}) == full.simulate
    assert smoke.temperatures.train == [0.6, 1.4]
    assert smoke.temperatures.predict == full.temperatures.predict


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("scale", ["", "@smoke"])
def test_every_study_that_is_shipped_is_sound(path, scale):
    study = load_study(path.stem + scale, STUDIES)
    assert study.description
    assert study.temperatures.train == sorted(study.temperatures.train)


def test_the_default_study_is_the_one_promised():
    study = load_study("lj7", STUDIES)
    assert [format_temperature(t) for t in study.temperatures.train] == ["0.2", "0.5"]
    assert [format_temperature(t) for t in study.temperatures.reference] == ["0.3", "0.4", "0.6", "0.7"]


def test_a_study_takes_over_the_md_of_another(tmp_path):
    write(tmp_path, SOUND, "base")
    other = changed("simulate", {"from": "base"})
    del other["system"]
    other["temperatures"] = {"train": [0.5, 1.0], "predict": [1.5], "reference": [1.5]}
    write(tmp_path, other)
    base, study = (load_study(name, tmp_path / "studies") for name in ("base", "mine"))
    assert (study.md_study, base.md_study) == ("base", "base")
    assert study.system == base.system
    assert study.simulate == base.simulate.model_copy(update={"source": "base"})
    layout = Layout.of(study, "results")
    assert (
        layout.trajectory(0.5, 0)
        == Layout.of(base, "results").trajectory(0.5, 0)
        == "results/base/simulate/T0.5/walker00.dcd"
    )
    assert layout.features(0.5).startswith("results/mine/")


def test_a_scale_need_not_exist_where_the_md_is_from(tmp_path):
    """One that only changes what is done with the MD takes the whole MD; one that both have, that scale's."""
    write(tmp_path, SOUND | {"scales": {"smoke": {"simulate": {"frames": 10}}}}, "base")
    scales = {"smoke": {}, "large": {"featurize": {"bath": {"degrees": 20_000}}}}
    write(tmp_path, changed("simulate", {"from": "base"}) | {"scales": scales})
    large, smoke = (load_study(name, tmp_path / "studies") for name in ("mine@large", "mine@smoke"))
    assert (large.md_study, large.simulate.frames, large.featurize.bath.degrees) == ("base", 20, 20_000)
    assert (smoke.md_study, smoke.simulate.frames, smoke.featurize.bath) == ("base@smoke", 10, None)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("simulate", {"from": "bas"}, ["simulate.from", "no such study", "did you mean 'base'"]),
        ("simulate", {"from": "mine"}, ["simulate.from", "this very study"]),
        ("simulate", {"from": "base", "frames": 3}, ["simulate.frames", "beside 'from'"]),
        ("system", {"kind": "lj_cluster"}, ["system", "not that of base", "leave it out"]),
        ("temperatures.predict", [1.25], ["temperatures", "base has no MD at 1.25"]),
        ("featurize.frames", 21, ["featurize.frames", "21", "more than a walker has"]),
        ("featurize.training_frames", 21, ["featurize.training_frames", "21", "more than a walker has"]),
    ],
)
def test_md_that_cannot_be_taken_over_is_refused(tmp_path, key, value, words):
    write(tmp_path, SOUND, "base")
    content = changed("simulate", {"from": "base"})
    *path, last = key.split(".")
    place = content.setdefault(path[0], {}) if path else content
    place[last] = value
    if key == "temperatures.predict":
        content["temperatures"]["reference"] = value
    if key == "system":
        content["featurize"] = {"features": ["sorted_coordination"], "plane": ["coordination_moments"]}
    write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        load_study("mine", tmp_path / "studies")
    for word in words:
        assert word in str(caught.value)


def test_frames_at_a_temperature_go_over_frames_and_a_scale_has_its_own(tmp_path):
    content = changed("simulate.frames_at", {"0.5": 60})
    content["scales"] = {"short": {"simulate": {"frames": 10}}, "slow": {"simulate": {"time_step": 0.01}}}
    study = load(tmp_path, content)
    assert [study.frames_at(T) for T in study.temperatures.simulated] == [60, 20, 20]
    assert [load(tmp_path, content, "mine@short").frames_at(T) for T in (0.5, 1.0)] == [10, 10]
    assert load(tmp_path, content, "mine@slow").frames_at(0.5) == 60
    with pytest.raises(ConfigError, match=r"featurize.frames: 30 is more than a walker has \(simulate.frames: 20\)"):
        load(tmp_path, content | {"featurize": content["featurize"] | {"frames": 30}})
    with pytest.raises(ConfigError, match=r"frames_at: 1 is tempered"):
        load(tmp_path, content | {"tempering": True, "simulate": content["simulate"] | {"frames_at": {1.0: 40}}})


def test_frames_of_training_shorten_nothing_else(tmp_path):
    content = changed("featurize.training_frames", 5)
    content["featurize"]["frames"] = 18
    study = load(tmp_path, content)
    used = {T: featurize_job(study, Layout.of(study), T).settings.frames for T in study.temperatures.simulated}
    assert used == {0.5: 5, 1.0: 18, 1.5: 5}
    with pytest.raises(ConfigError, match=r"representation.lag: 5 frames is not shorter than a walker \(5 frames\)"):
        load(tmp_path, content | {"representation": {"lag": 5}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"simulate": {"frames_at": {0.75: 9}}},
            ["simulate.frames_at: 9 frames per walker at 0.75 are too few", "10 or"],
        ),
        (
            {
                "featurize": {
                    "bath": {"degrees": 0, "coupled": {"column": "x", "at": 0, "width": 1, "degrees": 2, "neutral": 1}}
                }
            },
            ["temperatures.reseeded: frames have weights by featurize.bath.coupled already"],
        ),
        (
            {"system": {"kind": "alanine_dipeptide", "solvent": "explicit"}, "simulate": {"pressure": 1}},
            ["temperatures.reseeded: explicit solvent is not saved", "leave it out, and 0.75 is simulated"],
        ),
    ],
)
def test_what_cannot_be_reseeded_is_one_line(tmp_path, changes, words):
    content = changed("temperatures", {"train": [0.5, 0.75, 1.5], "reseeded": [0.75]})
    for section, more in changes.items():
        content[section] = more if section == "system" else content[section] | more
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_md_of_another_study_is_reseeded_in_both_or_in_none(tmp_path):
    """So that nobody takes MD that started from predictions for a reference."""
    reseeded = {"train": [0.5, 0.75, 1.5], "reseeded": [0.75]}
    write(tmp_path, changed("temperatures", reseeded), "base")
    content = changed("simulate", {"from": "base"})
    judged = {"train": [0.5, 1.5], "predict": [0.75], "reference": [0.75]}
    for temperatures, words in (
        (judged, "and not in reference"),
        ({"train": [0.5, 0.75]}, "write it in train and reseeded"),
    ):
        with pytest.raises(ConfigError, match=r"temperatures\.reseeded: 0\.75 is reseeded in base") as caught:
            load(tmp_path, content | {"temperatures": temperatures})
        assert words in str(caught.value)
    assert load(tmp_path, content | {"temperatures": reseeded}).temperatures.seeding == [0.5, 1.5]
    load(tmp_path, content | {"temperatures": {"train": [0.5, 1.5], "predict": [0.75]}})
