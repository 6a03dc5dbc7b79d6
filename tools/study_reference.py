"""Tables of all keys of a study file, from the JSON schema for editors.

``python tools/write_configuration.py`` writes both into ``docs/reference/``.
"""

from __future__ import annotations

import json
from typing import Any

from study_schema import PLUGINS, schema, schema_of
from thermolatent.study.loading import Project

_TOP = """\
# Configuration: every key

Written by `python tools/write_configuration.py` from the code that reads study files: do not edit. Other keys are
errors; `thermolatent check <study>` also checks the keys against each other. An editor with a YAML language server
completes and explains the keys with this line at the top of `studies/mine.yaml`:

```yaml
# yaml-language-server: $schema=../docs/reference/study.schema.json
```

"""
_AFTER_STUDY = """
`system` may only be left out with `simulate: {from: other}`. In `scales`, `smoke: {simulate: {frames: 100}}` changes
this key only, for `thermolatent run mine --scale smoke`; the results are in `results/mine@smoke`.
"""
_AFTER_SIMULATE = """
`simulate` needs `frames` and `time_step`, or `{from: other}` only: then system and MD are those of the study `other`.
For `system.kind: trajectories` and `colvar` there are `walkers` and `frames` only.
"""
_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


def reference_text() -> str:
    """The page ``docs/reference/configuration.md``."""
    study = schema()
    sections = {name: part for name, part in study["$defs"].items() if "." not in name}
    text = f"{_TOP}## A study file\n\n{_table(study)}{_AFTER_STUDY}"
    for name in _in_order(study, sections):
        text += f"\n## {name}\n\n{_paragraph(sections[name])}{_table(sections[name])}"
        text += _AFTER_SIMULATE if name == "Simulate" else ""
    for kind, registry in PLUGINS.items():
        text += f"\n## Kinds of {kind}\n"
        for name in registry:
            section = study["$defs"][f"{kind}.{name}"]
            text += f"\n### `{name}`\n\n{_paragraph(section)}{_table(section)}"
    return f"{text}\n## config.yaml\n\n{_table(schema_of(Project))}"


def _in_order(study: dict[str, Any], sections: dict[str, Any]) -> list[str]:
    """Names of the sections in the order of their first use in a study."""
    met: list[str] = []

    def walk(part: dict[str, Any]) -> None:
        for name in _references(part.get("properties", {})):
            if name in sections and name not in met:
                met.append(name)
                walk(sections[name])

    walk(study)
    return met + [name for name in sections if name not in met]


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
        return own + [name for value in part.values() for name in _references(value)]
    return [name for value in part for name in _references(value)] if isinstance(part, list) else []


def _paragraph(section: dict[str, Any]) -> str:
    """A section's docstring as one paragraph."""
    text = " ".join(section.get("description", "").split()).replace("``", "`")
    return f"{text}\n\n" if text else ""


def _table(section: dict[str, Any]) -> str:
    rows = ["| key | what | default | |", "| --- | --- | --- | --- |"]
    for name, field in section["properties"].items():
        if field.get("const") == name or (name == "kind" and "const" in field):
            continue  # the name in the heading
        default = "needed" if name in section.get("required", ()) else _default(field)
        cells = (f"`{name}`", _type(field), default, field.get("description", ""))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n" if len(rows) > 2 else "No keys.\n"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if "default" not in field or value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _type(field: dict[str, Any]) -> str:
    """The type of a value as text."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        kind, dot, plugin = name.partition(".")
        return f"[{plugin}](#{plugin})" if dot else f"[{kind}](#{kind.lower()})"
    if "oneOf" in field or "anyOf" in field:
        parts = [part for part in field.get("oneOf", field.get("anyOf")) if part.get("type") != "null"]
        if any("." in name for part in parts for name in _references(part)):
            kind = next(name for part in parts for name in _references(part)).partition(".")[0]
            return f"one of [Kinds of {kind}](#kinds-of-{kind})"
        return " or ".join(_type(part) for part in parts)
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}: {_type(field['prefixItems'][0])}"
        return f"list: {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()), {})
        return f"name -> {_type(inner)}" if isinstance(inner, dict) and inner else "mapping"
    words = _WORDS.get(field.get("type", ""), "any")
    bounds = [f"{text} {field[key]:g}" for key, text in _BOUNDS.items() if key in field]
    return ", ".join([words, *bounds])
