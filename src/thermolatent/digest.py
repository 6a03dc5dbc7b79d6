"""A digest of the code a stage runs, so that an edit repeats the jobs it concerns and no others.

Snakemake does not see edits to imported modules. The digest covers a module and all it imports inside the package,
lazily imported ones too, with comments, docstrings and layout left out: reformatting repeats nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

PACKAGE = "thermolatent"
ROOT = Path(__file__).parent.parent
#: Code that cannot change a result: the values it hands on are among a rule's settings, its paths are the rule's files.
NEUTRAL = frozenset(f"{PACKAGE}.{name}" for name in ("cli", "digest", "errors", "parsing", "progress", "temperatures"))
_NEUTRAL_NAMES = ("settings", "specs", "kinds")


def job_digest(module: str, settings: BaseModel, root: Path = ROOT) -> str:
    """Digest of the code of a job: of its stage's ``module``, and of the plug-ins in its settings."""
    return code_digest([module, *(name for name in _plug_ins(settings) if name.split(".")[0] == PACKAGE)], root)


def code_digest(modules: Iterable[str], root: Path = ROOT) -> str:
    """Digest of ``modules``, dotted names inside the package at ``root``, and of what they import.

    ``root`` may also be a folder of scripts: then ``modules`` are theirs, and count with what they import of one another and of
    the package.

    Raises :class:`ModuleNotFoundError` for a module that is not there.
    """
    return _digest(frozenset(modules), root)


@cache  # a workflow asks for every job, and hundreds of jobs run the same code
def _digest(modules: frozenset[str], root: Path) -> str:
    digest = hashlib.sha256()
    for name in sorted(reached(modules, root)):
        digest.update(f"{name}\n{_read(name, root).source}\n".encode())
    return digest.hexdigest()[:16]


def reached(modules: Iterable[str], root: Path = ROOT) -> set[str]:
    """``modules``, and every module of the package that they reach by imports."""
    waiting, seen = list(modules), set()
    while waiting:
        name = waiting.pop()
        if name not in seen and not _neutral(name):
            seen.add(name)
            waiting.extend(_read(name, root).imports)
    return seen


def _neutral(name: str) -> bool:
    """Whether a module's code cannot change a result."""
    return name in NEUTRAL or name == PACKAGE or name.rpartition(".")[2] in _NEUTRAL_NAMES


def _plug_ins(value: Any) -> Iterator[str]:
    """Modules of the plug-ins among settings: of their classes, or of what a class says implements it."""
    if isinstance(value, BaseModel):
        yield getattr(value, "implementation", f"{type(value).__module__}:").partition(":")[0]
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _plug_ins(item)


@dataclass(frozen=True)
class _Module:
    source: str
    imports: frozenset[str]


@cache
def _read(name: str, root: Path) -> _Module:
    path = _path(name, root)
    if path is None:
        raise ModuleNotFoundError(f"no module {name} below {root}")
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = _Bare().visit(ast.parse(path.read_text(), filename=str(path)))
    imports = {package} - {name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            imports |= {origin} | {f"{origin}.{alias.name}" for alias in node.names}
    inside = {i for i in imports if _path(i, root)}
    source = "\n".join([ast.unparse(tree), *_assets(path)])
    return _Module(source, frozenset(inside))


def _assets(path: Path) -> list[str]:
    """Texts of the folder ``<module>_assets`` beside a module, which are its code too (a page's template and scripts)."""
    folder = path.with_name(f"{path.stem}_assets")
    return [f"{file.name}\n{file.read_text()}" for file in sorted(folder.glob("*"))] if folder.is_dir() else []


def _path(name: str, root: Path) -> Path | None:
    inside = name.split(".")[0] == PACKAGE
    # Beside an installed package lies what it depends on, which has a version of its own.
    folders = [root, ROOT] if inside else [root] if root != ROOT else []
    bases = [folder.joinpath(*name.split(".")) for folder in folders]
    return next((p for base in bases for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


class _Bare(ast.NodeTransformer):
    """Takes out docstrings and what only type checkers read."""

    def _without_docstring(self, node):
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node

    visit_Module = visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = _without_docstring

    def visit_If(self, node):
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return [self.visit(child) for child in node.orelse] or ast.Pass()
        return self.generic_visit(node)
