"""From YAML to validated sections: what is wrong with a file is one line that names the key and says what to write."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from thermolatent.errors import ConfigError, ThermolatentError, did_you_mean
from thermolatent.registry import Registry

Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """Base of every section: unknown keys forbidden, values frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def from_registry(registry: Registry, value: Any) -> Any:
    """Turn ``"name"`` or ``{"kind": "name", ...}`` into an instance of the registered class."""
    if isinstance(value, BaseModel):
        return value
    parameters = {"kind": value} if isinstance(value, str) else dict(value or {})
    if "kind" not in parameters:
        raise ValueError(f"names no kind; write e.g. 'kind: {next(iter(registry))}'")
    if parameters["kind"] not in registry:
        raise ValueError(
            f"unknown {registry.kind} '{parameters['kind']}', {did_you_mean(parameters['kind'], registry)}"
        )
    plugin = registry[parameters["kind"]]
    try:
        return plugin(**parameters)
    except ValidationError as error:
        key, text = explain(plugin, error.errors()[0])
        raise ValueError(f"{key}: {text}" if key else text) from None


def parse(model: type[BaseModel], content: dict[str, Any], file: str) -> Any:
    """Validate ``content``; raises :class:`ConfigError` that speaks of ``file``."""
    try:
        return model(**content)
    except ValidationError as error:
        raise ConfigError(file, [explain(model, e) for e in error.errors()]) from None
    except ThermolatentError as error:
        raise ConfigError(file, [("", str(error))]) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; raises :class:`ConfigError` for anything else."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [("", f"cannot be read ({error})")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(str(path), [("", f"{where}not valid YAML ({getattr(error, 'problem', error)})")]) from None
    if not isinstance(content, dict):
        raise ConfigError(str(path), [("", "is not a mapping of keys to values")])
    return content


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``changes`` over ``base``: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def explain(model: type[BaseModel], error: Any) -> tuple[str, str]:
    """One pydantic error as ``(key path, plain words)``."""
    path = [str(part) for part in error["loc"]]
    key, kind = ".".join(path), error["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        return key, f"unknown key, {did_you_mean(path[-1], known)}"
    if kind == "missing":
        return key, "is missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        inner, colon, rest = message.partition(": ")
        if colon and " " not in inner:  # a cross-field check names the key itself
            return ".".join([*path, inner]), rest
        return key, message
    return key, f"is {error['input']!r}; {message[0].lower()}{message[1:]}"


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Keys allowed where ``path`` leads: through sections, mappings of sections and tagged unions."""
    current: Any = model
    for part in path:
        origin, arguments = typing.get_origin(current), typing.get_args(current)
        if origin is dict:
            current = arguments[1]
        elif origin is None and issubclass(current, BaseModel):
            fields = {f.alias or n: f for n, f in current.model_fields.items()}
            current = fields[part].annotation
        else:  # a tagged union: pydantic's path holds the tag
            current = next(a for a in arguments if a.model_fields["kind"].default == part)
    return [f.alias or n for n, f in current.model_fields.items()]
