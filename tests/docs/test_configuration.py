"""What is generated of the documentation is in step with the code, and the schema accepts what the code accepts."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from studies_for_tests import BAD, SOUND, changed

from study_reference import reference_text
from study_schema import schema, schema_text

HOME = Path(__file__).parents[2]
STUDIES = sorted((HOME / "studies").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize(("file", "text"), [("configuration.md", reference_text), ("study.schema.json", schema_text)])
def test_generated_files_are_in_step(file, text):
    assert (HOME / "docs/reference" / file).read_text() == text(), "run python tools/write_configuration.py"


def test_every_key_is_explained():
    made = schema()
    parts = {"study": made, **made["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, part in parts.items()
        for key, field in part.get("properties", {}).items()
        if not field.get("description") and "const" not in field
    ]
    assert not silent


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_schema_accepts_every_study(validator, path):
    validator.validate(yaml.safe_load(path.read_text()))


def test_the_schema_knows_what_is_no_study(validator):
    validator.validate(SOUND)
    of_one_key = ["unknown key", "unknown section", "unknown system", "unknown feature", "unknown density key"]
    of_one_key += ["negative temperature", "one walker", "a word for a number", "a missing key"]
    for wrong in of_one_key:
        key, value, _ = BAD[wrong]
        assert not validator.is_valid(changed(key, value)), wrong
    assert validator.is_valid({**SOUND, "simulate": {"from": "other"}})
    assert validator.is_valid({**SOUND, "tempering": True, "scales": {"smoke": {"simulate": {"frames": 3}}}})
