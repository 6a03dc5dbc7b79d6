"""The JSON schema of a study file, for editors, from the pydantic models."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from thermolatent.densities.specs import DENSITY_SPECS
from thermolatent.featurize.kinds import FEATURES
from thermolatent.study.study import Study
from thermolatent.systems.kinds import SYSTEMS

#: Plug-ins by name: the classes by kind.
PLUGINS = {"system": SYSTEMS, "feature": FEATURES, "density": DENSITY_SPECS}


def schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a study file, without the checks across keys of ``thermolatent check``."""
    study = schema_of(Study)
    sections = study.pop("$defs")
    for plugins in PLUGINS.values():  # below, by the names that a study uses
        for plugin in plugins.values():
            sections.pop(plugin.__name__, None)
    study["properties"].pop("name")  # the file's name
    study["required"] = [key for key in study["required"] if key not in ("name", "system")]  # may be another study's
    _choose(study["properties"]["system"], "system", sections)
    _choose(sections["Composition"]["properties"]["density"], "density", sections)
    for key in ("features", "plane", "observables"):
        _choose(sections["Featurize"]["properties"][key]["items"], "feature", sections)
    simulate = sections["Simulate"]
    simulate.pop("required")  # fewer keys with 'from', and for existing trajectories
    simulate["properties"].pop("source")
    simulate["properties"]["from"] = {"type": "string", "description": "the study whose MD is taken over"}
    study["properties"]["tempering"]["anyOf"].append({"type": "boolean"})
    study["properties"]["scales"] = {
        "type": "object",
        "description": "name -> changes to this study, merged over it with --config scale=name",
        "additionalProperties": {"type": "object"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **study,
        "title": "A thermolatent study",
        "$defs": sections,
    }


def schema_text() -> str:
    """The content of ``docs/study.schema.json``."""
    return json.dumps(schema(), indent=1) + "\n"


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model; a field that is repeated in a sub-class without a description keeps its description."""
    made = model.model_json_schema(by_alias=True)
    for name, field in model.model_fields.items():
        texts = (
            base.model_fields[name].description for base in model.__mro__ if name in getattr(base, "model_fields", {})
        )
        if text := next(filter(None, texts), None):
            made["properties"][field.alias or name]["description"] = text
    return made


def _choose(field: dict[str, Any], kind: str, sections: dict[str, Any]) -> None:
    """Let a field be a plug-in by name, or its parameters; adds one section per plug-in."""
    registry, references = PLUGINS[kind], []
    for name in registry:
        own = schema_of(registry[name])
        sections.update(own.pop("$defs", {}))
        own["required"] = ["kind", *own.get("required", [])]
        sections[f"{kind}.{name}"] = own
        references.append({"$ref": f"#/$defs/{kind}.{name}"})
    for key in ("discriminator", "oneOf"):
        field.pop(key)
    field["anyOf"] = [{"enum": list(registry)}, *references]
