"""A digest of the code a stage runs, so that an edit repeats the jobs it concerns and no others.

Snakemake does not see edits to imported modules. The digest covers a module and all it imports inside the package,
lazily imported ones too, with comments, docstrings and layout left out: reformatting repeats nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = "thermolatent"
ROOT = Path(__file__).parent.parent
#: Code that cannot change a result: the values it hands on are among a rule's settings, its paths are the rule's files.
NEUTRAL = frozenset(
    f"{PACKAGE}.{name}" for name in ("cli", "densities.specs", "digest", "errors", "parsing", "progress", "registry")
)

#: Kind of plug-in ("system", "feature", ...) -> the names that a study uses.
Used = Mapping[str, Collection[str]]


def code_digest(modules: Iterable[str], used: Used | None = None, root: Path = ROOT) -> str:
    """Digest of ``modules`` and of what they import.

    Parameters
    ----------
    modules: dotted names inside the package.
    used: of these kinds of plug-in only these names count; of a kind not listed, all that are registered.
    root: the folder that holds the package.

    Raises :class:`ModuleNotFoundError` for a module that is not there.
    """
    names = frozenset((kind, frozenset(plugins)) for kind, plugins in (used or {}).items())
    return _digest(frozenset(modules), names, root)


@cache  # a workflow asks for every job, and hundreds of jobs run the same code
def _digest(modules: frozenset[str], used: frozenset[tuple[str, frozenset[str]]], root: Path) -> str:
    digest = hashlib.sha256()
    for name in sorted(reached(modules, dict(used), root)):
        digest.update(f"{name}\n{_read(name, root).source}\n".encode())
    return digest.hexdigest()[:16]


def reached(modules: Iterable[str], used: Used, root: Path = ROOT) -> set[str]:
    """``modules``, and every module of the package they reach by imports and by registered plug-ins."""
    waiting, seen = list(modules), set()
    while waiting:
        name = waiting.pop()
        if name in seen or _neutral(name):
            continue
        seen.add(name)
        module = _read(name, root)
        waiting.extend(module.imports)
        waiting.extend(target for kind, plugin, target in module.plugins if plugin in used.get(kind, (plugin,)))
    return seen


def _neutral(name: str) -> bool:
    """Whether a module's code cannot change a result."""
    return name in NEUTRAL or name == PACKAGE or name.endswith(".settings") or name.startswith(f"{PACKAGE}.study")


def plugin_modules(registries: Iterable[str], used: Used, root: Path = ROOT) -> set[str]:
    """Modules of the plug-ins in use that the packages ``registries`` list, for stages that get them as objects."""
    found = set()
    for name in registries:
        found |= {target for kind, plugin, target in _read(name, root).plugins if plugin in used.get(kind, (plugin,))}
    return found


@dataclass(frozen=True)
class _Module:
    source: str
    imports: frozenset[str]
    plugins: tuple[tuple[str, str, str], ...]  # (kind, name, module)


@cache
def _read(name: str, root: Path) -> _Module:
    path = _path(name, root)
    if path is None:
        raise ModuleNotFoundError(f"no module {name} below {root}")
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    bare = _Bare()
    tree = bare.visit(ast.parse(path.read_text(), filename=str(path)))
    imports = {package} - {name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            imports |= {origin} | {f"{origin}.{alias.name}" for alias in node.names}
    inside = {i for i in imports if i.split(".")[0] == PACKAGE and _path(i, root)}
    source = "\n".join([ast.unparse(tree), *_assets(path)])
    return _Module(source, frozenset(inside), tuple(bare.plugins))


def _assets(path: Path) -> list[str]:
    """Texts of the folder ``<module>_assets`` beside a module, which are its code too (a page's template and scripts)."""
    folder = path.with_name(f"{path.stem}_assets")
    return [f"{file.name}\n{file.read_text()}" for file in sorted(folder.glob("*"))] if folder.is_dir() else []


def _path(name: str, root: Path) -> Path | None:
    base = root.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


class _Bare(ast.NodeTransformer):
    """Takes out docstrings, what only type checkers read, and the entries of registries, which it remembers."""

    def __init__(self):
        self.plugins: list[tuple[str, str, str]] = []

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

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id == "Registry" and len(node.args) == 2:
            kind, entries = (ast.literal_eval(argument) for argument in node.args)
            self.plugins += [(kind, name, target.partition(":")[0]) for name, target in entries.items()]
            node.args = node.args[:1]
            return node
        return self.generic_visit(node)
