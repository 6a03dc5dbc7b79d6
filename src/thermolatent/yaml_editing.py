"""Edits of a YAML text that leave everything else, its comments too, as people wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from thermolatent.yaml_text import Refused, as_number, compose, flow

Path = Sequence[Any]


def with_item(text: str, path: Path, number: float) -> str:
    """Put a number into the ascending list at ``path``; where there is no list, a list of this number."""
    node = _find(text, path)
    if not isinstance(node, yaml.SequenceNode):
        return with_value(text, path, [number])
    later = [item for item in node.value if as_number(item.value) > number]
    if node.flow_style:
        if later:
            return _insert(text, later[0].start_mark.index, f"{flow(number)}, ")
        if node.value:
            return _insert(text, node.value[-1].end_mark.index, f", {flow(number)}")
        return _insert(text, node.start_mark.index + 1, flow(number))
    beside = later[0] if later else node.value[-1]
    first, last = _line(text, beside)
    line = f"{text[first : beside.start_mark.index]}{flow(number)}"
    return _insert(text, first, f"{line}\n") if later else _insert(text, last, f"\n{line}")


def without_item(text: str, path: Path, number: float) -> str:
    """Take a number out of the list at ``path``, if it is there."""
    node = _find(text, path)
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    at = next((i for i, item in enumerate(items) if as_number(item.value) == number), None)
    if at is None:
        return text
    if len(items) == 1:
        return with_value(text, path, [])
    if node.flow_style:
        first = items[at - 1].end_mark.index if at else items[0].start_mark.index
        last = items[at].end_mark.index if at else items[1].start_mark.index
    else:
        first, last = _line(text, items[at])
        last += 1
    return text[:first] + text[last:]


def with_value(text: str, path: Path, value: Any) -> str:
    """Set the value of a key; the mapping that holds it must be there."""
    *above, key = path
    parent = _find(text, above)
    if not isinstance(parent, yaml.MappingNode):
        raise Refused(problem=f"{'.'.join(map(str, above))} is no mapping", problem_mark=parent and parent.start_mark)
    known = next((pair for pair in parent.value if as_number(pair[0].value) == key), None)
    if known is not None:
        return _replaced(text, *known, value)
    new = f"{flow(key)}: {flow(value)}"
    if parent.flow_style:
        if not parent.value:
            return _insert(text, parent.start_mark.index + 1, new)
        return _insert(text, parent.value[-1][1].end_mark.index, f", {new}")
    indent = " " * parent.value[0][0].start_mark.column
    for _, other in reversed(parent.value):
        if _in_one_place(other):
            return _insert(text, _line(text, other)[1], f"\n{indent}{new}")
    return _insert(text, _line(text, parent.value[0][0])[0], f"{indent}{new}\n")


def _replaced(text: str, key: yaml.Node, old: yaml.Node, value: Any) -> str:
    """Another value of a key; of a block, its items' own comments go with it."""
    if _in_one_place(old) and old.end_mark.index > old.start_mark.index:
        return text[: old.start_mark.index] + flow(value) + text[old.end_mark.index :]
    colon = text.index(":", key.end_mark.index) + 1
    last = colon if old.end_mark.index <= colon or not _inner(old) else _inner(old)[-1].end_mark.index
    return f"{text[:colon]} {flow(value)}{text[last:]}"


def _inner(node: yaml.Node) -> list[yaml.Node]:
    """The scalars and flow collections of a block, in the order of the text."""
    if _in_one_place(node):
        return [node]
    children = [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]
    return [leaf for child in children for leaf in _inner(child)]


def _in_one_place(node: yaml.Node) -> bool:
    """Whether it is a scalar in the line or a flow collection, which ends where its mark says."""
    if isinstance(node, yaml.ScalarNode):
        return node.style not in ("|", ">")
    return bool(node.flow_style)


def _find(text: str, path: Path) -> yaml.Node | None:
    node = compose(text)
    for key in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for name, value in pairs if as_number(name.value) == key), None)
    return node


def _line(text: str, node: yaml.Node) -> tuple[int, int]:
    """Where the line of a node begins, and where the line ends in which the node does."""
    end = text.find("\n", node.end_mark.index)
    return text.rfind("\n", 0, node.start_mark.index) + 1, len(text) if end < 0 else end


def _insert(text: str, at: int, new: str) -> str:
    return text[:at] + new + text[at:]
