"""YAML as people write it: the numbers and keys that they mean, or one line that says what to write."""

import pytest
import yaml
from studies_for_tests import SOUND, changed, write

from thermolatent.errors import ConfigError
from thermolatent.parsing import read_yaml
from thermolatent.study.loading import load_study
from thermolatent.study.project import load_project
from thermolatent.yaml_text import dump_yaml, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1e5", 1e5),
        ("-2.5E3", -2500.0),
        (".5e-1", 0.05),
        ("1.e2", 100.0),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("0", 0),
        ("'1e-4'", "1e-4"),
        ("'0300'", "0300"),
        ("2024-05-01", "2024-05-01"),
        ("A:4", "A:4"),
        ("1e", "1e"),
        ("e5", "e5"),
    ],
)
def test_a_scalar_is_what_it_looks_like(text, value):
    found = load_yaml(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))
    assert load_yaml(dump_yaml({"a": value})) == {"a": value}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0300", "write 300 if it is a number, or '0300' in quotes"),
        ("0800", "write 800 if it is a number"),
        ("-017", "write -17 if it is a number"),
        ("1:30", "write one decimal number, or '1:30' in quotes"),
        ("1:75", "or '1:75' in quotes"),
        ("[1:30:00.5]", "1:30:00.5 can be read in two ways"),
    ],
)
def test_a_number_of_yaml_1_1_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / "a.yaml"
    path.write_text(f"b: 1\na: {text}\n")
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: line 2, column ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: a is there twice, first in line 1"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "line 4, column 3: b is there twice, first in line 2"),
        ("a: {b: 1, b: 2}\n", "line 1, column 11: b is there twice, first in line 1"),
        ("'350': 1\n350.0: 2\n", "line 2, column 1: 350.0 is there twice, first in line 1"),
        ("350: 1\n3.5e2: 2\n", "line 2, column 1: 3.5e2 is there twice, first in line 1"),
    ],
)
def test_a_key_that_is_there_twice_is_refused_with_both_lines(tmp_path, text, words):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert words in str(caught.value)


def test_a_mapping_may_go_over_what_it_merges():
    text = "base: &base {a: 1, b: 2}\nuses: {<<: *base, b: 3}\nagain: {<<: *base, b: 4}\n"
    assert load_yaml(text)["uses"] == {"a": 1, "b": 3}
    assert load_yaml(text)["again"] == {"a": 1, "b": 4}


def test_a_temperature_as_a_key_is_a_number_however_it_is_written():
    assert load_yaml("{'350': a, 400: b, 450.0: c, '5e2': d, x: e}") == {
        350: "a",
        400: "b",
        450: "c",
        500: "d",
        "x": "e",
    }


def test_a_scale_changes_a_temperature_that_is_written_in_another_way(tmp_path):
    content = yaml.safe_dump(SOUND).replace("time_step: 0.02", "time_step: 2e-2")
    write(tmp_path, content + "scales: {smoke: {simulate: {time_step: 1E-2}}}\n")
    assert load_study("mine", tmp_path / "studies").simulate.time_step == 0.02
    assert load_study("mine@smoke", tmp_path / "studies").simulate.time_step == 0.01


def test_a_number_in_place_of_text_is_told_to_be_quoted(tmp_path):
    write(tmp_path, changed("description", 2024))
    with pytest.raises(ConfigError, match=r"description: is 2024; input should be a valid string, write it in quotes$"):
        load_study("mine", tmp_path / "studies")


def test_a_circle_of_studies_that_take_over_md_is_told(tmp_path):
    for name, other in (("a", "b"), ("b", "c"), ("c", "a@full")):
        write(tmp_path, {**changed("simulate", {"from": other}), "scales": {"full": {}}}, name)
    for name in "abc":
        with pytest.raises(ConfigError) as caught:
            load_study(name, tmp_path / "studies")
        assert " is a circle; one of them needs MD of its own" in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"simulate\.from: a -> b -> c -> a is a circle"):
        load_study("a", tmp_path / "studies")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"seeds": [0, 1, 0]}, "seeds: has 0 twice; remove one"),
        ({"studies": ["lj7", "lj7"]}, "studies: has lj7 twice; remove one"),
        ({"seeds": ["3", 3]}, "seeds: has 3 twice; remove one"),
    ],
)
def test_what_would_double_rows_is_refused(overrides, words):
    with pytest.raises(ConfigError, match=words):
        load_project([], overrides)
