"""Validation of YAML files: one line per error, with the key, the error and what to write."""

from __future__ import annotations

import numbers
import typing
from pathlib import Path
from typing import Annotated, Any, Union

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from thermolatent.errors import ConfigError, ThermolatentError, did_you_mean
from thermolatent.yaml_text import Refused, load_yaml

Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


def different(values: list[Any]) -> list[Any]:
    """``values``, if none of them is there twice; raises ValueError."""
    if twice := {str(value).removesuffix(".0") for value in values if values.count(value) > 1}:
        raise ValueError(f"has {', '.join(sorted(twice))} twice; remove one")
    return values


Different = AfterValidator(different)


class Section(BaseModel):
    """Base of every section: unknown keys forbidden, values frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def by_kind(*classes: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Plug-ins by the default of their field ``kind``."""
    return {c.model_fields["kind"].default: c for c in classes}


def one_of(what: str, plugins: dict[str, type[BaseModel]]) -> Any:
    """The type of a field that holds one of these plug-ins: ``"name"``, ``{"kind": "name", ...}`` or an instance."""

    def with_kind(value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value
        parameters = {"kind": value} if isinstance(value, str) else value or {}
        if not isinstance(parameters, dict) or "kind" not in parameters:
            raise ValueError(f"names no kind; write e.g. 'kind: {next(iter(plugins))}'")
        if (kind := parameters["kind"]) not in plugins:
            raise ValueError(f"unknown {what} '{kind}', {did_you_mean(str(kind), plugins)}")
        return parameters

    return Annotated[Union[tuple(plugins.values())], Field(discriminator="kind"), BeforeValidator(with_kind)]  # noqa: UP007


def parse_one(what: str, plugins: dict[str, type[BaseModel]], value: Any) -> Any:
    """A plug-in outside of a study; raises :class:`ThermolatentError` with one line."""
    try:
        return TypeAdapter(one_of(what, plugins)).validate_python(value)
    except ValidationError as error:
        key, text = explain(one_of(what, plugins), error.errors()[0])
        raise ThermolatentError(f"{'.'.join(filter(None, (what, key)))}: {text}") from None


def whole_number(name: str, value: Any, least: int) -> int:
    """An argument of the API; raises :class:`ThermolatentError` for what is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ThermolatentError(f"{name}: {value!r}; must be a whole number of at least {least}")
    return int(value)


def parse(model: type[BaseModel], content: dict[str, Any], file: str) -> Any:
    """Validate ``content``; raises :class:`ConfigError` that names ``file``."""
    try:
        return model(**content)
    except ValidationError as error:
        raise ConfigError(file, [explain(model, e) for e in error.errors()]) from None
    except ThermolatentError as error:
        raise ConfigError(file, [("", str(error))]) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; raises :class:`ConfigError` for anything else."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [("", f"cannot be read ({error})")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        text = problem if isinstance(error, Refused) else f"not valid YAML ({problem})"
        raise ConfigError(str(path), [("", f"{where}{text}")]) from None
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


def explain(model: Any, error: Any) -> tuple[str, str]:
    """One pydantic error as ``(key path, message)``."""
    path, kind = _keys(model, error["loc"]), error["type"]
    key = ".".join(path)
    if kind == "extra_forbidden":
        return key, f"unknown key, {did_you_mean(path[-1], _fields(_type_at(model, error['loc'][:-1])))}"
    if kind == "missing":
        return key, "is missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        inner, colon, rest = message.partition(": ")
        if colon and " " not in inner:  # a cross-field check names the key itself
            return ".".join([*path, inner]), rest
        return key, message
    quotes = ", write it in quotes" if kind == "string_type" and isinstance(error["input"], bool | int | float) else ""
    return key, f"is {error['input']!r}; {message[0].lower()}{message[1:]}{quotes}"


def _keys(model: Any, location: tuple[str | int, ...]) -> list[str]:
    """The keys of pydantic's path to an error, without its tags of unions."""
    return [
        str(part) for depth, part in enumerate(location) if _tagged(_type_at(model, location[:depth]), part) is None
    ]


def _type_at(model: Any, location: tuple[str | int, ...]) -> Any:
    """The type at pydantic's path through sections, lists, mappings and tagged unions; None for an invalid path."""
    current = model
    for part in location:
        current = _bare(current)
        if (member := _tagged(current, part)) is not None:
            current = member
        elif isinstance(current, type) and issubclass(current, BaseModel):
            current = _fields(current).get(str(part))
        else:  # the last type argument of a mapping, a list or a tuple is that of its items
            current = (typing.get_args(current) or (None,))[-1]
    return _bare(current)


def _bare(annotation: Any) -> Any:
    """A type without annotations and without None."""
    if typing.get_origin(annotation) is Annotated:
        return _bare(typing.get_args(annotation)[0])
    members = [a for a in typing.get_args(annotation) if a is not type(None)]
    return _bare(members[0]) if type(None) in typing.get_args(annotation) and len(members) == 1 else annotation


def _tagged(annotation: Any, tag: str | int) -> type[BaseModel] | None:
    """The member of a tagged union; None for another type or an unknown tag."""
    members = [a for a in typing.get_args(_bare(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
    return next((m for m in members if "kind" in m.model_fields and m.model_fields["kind"].default == tag), None)


def _fields(model: Any) -> dict[str, Any]:
    """The type of each key of a section; empty for other types."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
