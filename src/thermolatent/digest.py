"""A digest of the code of a stage, so that an edit repeats the affected jobs only.

Snakemake does not notice edits of imported modules. The digest covers a module and its imports inside the package, also lazy
ones and modules named by a string, without comments, docstrings and layout: reformatting repeats nothing.
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
#: Modules that cannot change a result: their values are among a rule's settings, their paths are the rule's files.
NEUTRAL = frozenset(f"{PACKAGE}.{name}" for name in ("cli", "digest", "errors", "parsing", "progress", "temperatures"))
_NEUTRAL_NAMES = ("settings", "specs", "kinds")


def job_digest(module: str, settings: BaseModel, root: Path = ROOT) -> str:
    """Digest of the code of a job: its stage's ``module`` and the plug-ins in its settings."""
    return code_digest([module, *(name for name in _plug_ins(settings) if name.split(".")[0] == PACKAGE)], root)


def code_digest(modules: Iterable[str], root: Path = ROOT) -> str:
    """Digest of ``modules``, dotted names inside the package at ``root``, and of what they import.

    ``root`` may also be a folder of scripts: then ``modules`` are scripts, whose imports of each other and of the package are
    included. Raises :class:`ModuleNotFoundError` for a missing module.
    """
    return _digest(frozenset(modules), root)


@cache  # a workflow has hundreds of jobs with the same code
def _digest(modules: frozenset[str], root: Path) -> str:
    digest = hashlib.sha256()
    for name in sorted(reached(modules, root)):
        digest.update(f"{name}\n{_read(name, root).source}\n".encode())
    return digest.hexdigest()[:16]


def reached(modules: Iterable[str], root: Path = ROOT) -> set[str]:
    """``modules`` and all modules of the package that they import, directly or not."""
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
    """Modules of the plug-ins in settings: of their classes, or of a class's ``implementation``."""
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
        elif isinstance(node, ast.Constant) and str(node.value).startswith(f"{PACKAGE}."):  # for import_module
            imports.add(node.value)
    inside = {i for i in imports if _path(i, root)}
    source = "\n".join([ast.unparse(tree), *_assets(path)])
    return _Module(source, frozenset(inside))


def _assets(path: Path) -> list[str]:
    """Texts of the folder ``<module>_assets`` next to a module, which belong to its code (a page's template and scripts)."""
    folder = path.with_name(f"{path.stem}_assets")
    return [f"{file.name}\n{file.read_text()}" for file in sorted(folder.glob("*"))] if folder.is_dir() else []


def _path(name: str, root: Path) -> Path | None:
    inside = name.split(".")[0] == PACKAGE
    # Other packages in the same folder have their own versions.
    folders = [root, ROOT] if inside else [root] if root != ROOT else []
    bases = [folder.joinpath(*name.split(".")) for folder in folders]
    return next((p for base in bases for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


class _Bare(ast.NodeTransformer):
    """Removes docstrings and code for type checkers."""

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
