"""Edits of study files: what was asked for changes, and nothing else does, comments least of all."""

import pytest
import yaml

from thermolatent.yaml_editing import with_item, with_value, without_item
from thermolatent.yaml_text import load_yaml

STUDY = """\
# A study of mine.
temperatures:
  train: [340, 440] # kelvin
  predict:
    # first the middle
    - 360
    - 380 # as in the paper
  reference: []   # none
simulate: # the MD
  walkers: 32
  frames: 6000 # per walker
  start:
    nested: 1 # deep
  # the end of simulate
models: {latf: {informed: true}}
"""

EDITS = {
    "at the end of a flow list": (with_item, ("temperatures", "train"), 450, "340, 440]", "340, 440, 450]"),
    "in a flow list": (with_item, ("temperatures", "train"), 390.0, "340, 440]", "340, 390, 440]"),
    "in an empty list": (with_item, ("temperatures", "reference"), 390.5, "[]   #", "[390.5]   #"),
    "in a block": (with_item, ("temperatures", "predict"), 370, "- 380", "- 370\n    - 380"),
    "at the end of a block": (with_item, ("temperatures", "predict"), 390, "the paper", "the paper\n    - 390"),
    "no list yet": (with_item, ("simulate", "more"), 3, "    nested: 1 # deep", "    nested: 1 # deep"),
    "out of a flow list": (without_item, ("temperatures", "train"), 340, "340, 440]", "440]"),
    "the last of a flow list": (without_item, ("temperatures", "train"), 440, "340, 440]", "340]"),
    "out of a block": (without_item, ("temperatures", "predict"), 360, "    - 360\n", ""),
    "not there": (without_item, ("temperatures", "predict"), 361, "", ""),
    "a number": (with_value, ("simulate", "frames"), 9000, "6000", "9000"),
    "a key of a block": (
        with_value,
        ("simulate", "frames_at"),
        {340.0: 9000},
        "# per walker\n",
        "# per walker\n  frames_at: {340: 9000}\n",
    ),
    "a key of a flow mapping": (with_value, ("models", "more"), 1, "true}}", "true}, more: 1}"),
    "a nested key": (with_value, ("simulate", "start", "nested"), 2, "nested: 1", "nested: 2"),
}


@pytest.mark.parametrize(("edit", "path", "value", "old", "new"), EDITS.values(), ids=EDITS)
def test_an_edit_changes_what_it_says_and_nothing_else(edit, path, value, old, new):
    if path == ("simulate", "more"):
        old, new = "# per walker\n", "# per walker\n  more: [3]\n"
    assert edit(STUDY, path, value) == STUDY.replace(old, new, 1)


@pytest.mark.parametrize("text", ["a:\n  - 1\n", "a:\n- 1", "a: [1]", "a: [ 1 ] # one\n"])
def test_the_last_item_leaves_an_empty_list(text):
    assert load_yaml(without_item(text + "", ("a",), 1)) == {"a": []}
    assert load_yaml(with_item(without_item(text, ("a",), 1), ("a",), 2)) == {"a": [2]}


def test_a_key_that_has_no_value_gets_one():
    assert load_yaml(with_value("a:\nb: 1\n", ("a",), [2])) == {"a": [2], "b": 1}
    assert load_yaml(with_value("{}", ("a",), 1)) == {"a": 1}


def test_a_block_is_replaced_as_a_whole():
    text = "a:\n  x: 1 # one\n  y: [2]\n\n# b is last\nb: 3\n"
    assert with_value(text, ("a",), {"z": 4.0}) == "a: {z: 4}\n\n# b is last\nb: 3\n"


def test_a_key_in_what_is_no_mapping_is_refused():
    with pytest.raises(yaml.YAMLError, match=r"a is no mapping"):
        with_value("a: 1\n", ("a", "b"), 2)
    with pytest.raises(yaml.YAMLError, match=r"no is no mapping"):
        with_value("a: 1\n", ("no", "b"), 2)
