"""YAML of users: numbers that YAML 1.1 reads differently and repeated keys are refused, with their line."""

from __future__ import annotations

import re
from typing import Any

import yaml

_MANTISSA, _POWER = r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)", "[eE][-+]?[0-9]+"
_NUMBER, _EXPONENT = re.compile(f"{_MANTISSA}(?:{_POWER})?"), re.compile(f"{_MANTISSA}{_POWER}$")
#: YAML 1.1 reads 0300 as octal (192) and 1:30 in base 60 (90), but 0800 and 1:75 as text.
_AMBIGUOUS = re.compile(r"[-+]?(?:0[0-9_]+|[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9_]*)?)$")
#: By the first character of a scalar; the first matching pattern counts.
_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _first in "+-.0123456789":
    _RESOLVERS[_first] = [("!ambiguous", _AMBIGUOUS), ("tag:yaml.org,2002:float", _EXPONENT), *_RESOLVERS[_first]]


class Refused(yaml.MarkedYAMLError):
    """Valid YAML with another meaning than it seems to have."""


def load_yaml(text: str) -> Any:
    """The content of a YAML text.

    A number may have an exponent without a dot or a sign (``1e-4``), a date is text, and a key that looks like a number is one,
    with or without quotes: ``'350'``, ``350`` and ``350.0`` are the same temperature. Raises :class:`yaml.YAMLError` for
    invalid YAML, and its subclass :class:`Refused` for a repeated key and for numbers with a leading 0 or a colon.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def compose(text: str) -> yaml.Node:
    """The nodes of a YAML text, with their places in it; raises as :func:`load_yaml`."""
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def dump_yaml(content: Any, **how: Any) -> str:
    """The inverse of :func:`load_yaml`; ``how`` is passed to :func:`yaml.dump`."""
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, **how)


def flow(value: Any) -> str:
    """A value as YAML in one line, whole numbers without a point."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(k)}: {flow(v)}' for k, v in value.items())}}}"
    return dump_yaml(value, default_flow_style=True, width=100000).removesuffix("...\n").strip()


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _RESOLVERS


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _RESOLVERS

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node, seen = super().compose_mapping_node(anchor), {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            first = seen.setdefault(as_number(key.value), key)
            if first is not key:
                raise _refused(key, f"is there twice, first in line {first.start_mark.line + 1}; remove one of them")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return {as_number(key): value for key, value in super().construct_mapping(node, deep).items()}

    def construct_ambiguous(self, node: yaml.ScalarNode) -> None:
        text = node.value
        number = "one decimal number" if ":" in text else f"{int(text)} if it is a number"
        raise _refused(node, f"can be read in two ways; write {number}, or '{text}' in quotes if it is text")


_Loader.add_constructor("!ambiguous", _Loader.construct_ambiguous)


def _refused(node: yaml.ScalarNode, why: str) -> Refused:
    return Refused(problem=f"{node.value} {why}", problem_mark=node.start_mark)


def as_number(key: Any) -> Any:
    """A text that reads as a number as one, anything else as it is."""
    return float(key.replace("_", "")) if isinstance(key, str) and _NUMBER.fullmatch(key) else key
