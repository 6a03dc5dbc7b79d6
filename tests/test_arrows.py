"""The rooms of the package, lowest first: a room imports those below it and none above."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/thermolatent"
#: Modules and rooms from the ground up. What is imported for type checkers alone does not count.
ORDER = [
    *("errors", "yaml_text", "yaml_editing", "parsing", "temperatures", "rates"),
    *("stopping", "progress", "digest", "files", "tables"),
    *("rows", "sampling", "correlation", "mbar", "markov", "frames", "frame_loading"),
    *("systems", "imported", "simulate", "featurize", "states"),
    *("densities", "training", "represent", "reweight", "learn", "generate"),
    *("validate", "figures", "report"),
    *("study", "status", "launch", "init", "advise", "doctor", "export", "api"),
    *("commands", "cli"),
]
#: What no file of these rooms may import, wherever it stands in the order.
NEVER = {"densities": {"files"}, "figures": {"learn", "represent", "densities"}, "systems": {"featurize"}}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Rooms that a file imports when it runs, its own left out."""
    return rooms_imported(ast.parse(path.read_text())) - {room_of(path)}


def rooms_imported(tree: ast.Module) -> set[str]:
    found = set()
    typed = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    passed = {child for node in typed for statement in node.body for child in ast.walk(statement)}
    for node in ast.walk(tree):
        if node in passed:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "thermolatent":
            names = [node.module] if node.module != "thermolatent" else [f"thermolatent.{a.name}" for a in node.names]
            found |= {name.split(".")[1] for name in names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("thermolatent.")}
    return found


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__"]


def test_every_room_has_its_place():
    assert {room_of(path) for path in FILES} == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_no_arrow_runs_up(room):
    allowed = set(ORDER[: ORDER.index(room)]) | {"__version__"}
    up = {
        f"{path.relative_to(PACKAGE)} -> {r}"
        for path in FILES
        if room_of(path) == room
        for r in imported(path) - allowed
    }
    assert not up
    own = {r for path in FILES if room_of(path) == room for r in imported(path)}
    assert not own & NEVER.get(room, set())


def test_no_stage_knows_snakemake_or_a_study():
    for path in FILES:
        if ORDER.index(room_of(path)) < ORDER.index("study"):
            text = path.read_text()
            assert "import snakemake" not in text, path
            assert "thermolatent.study" not in text, path


def test_the_page_for_developers_has_the_same_order():
    text = (PACKAGE.parents[1] / "docs/developers.md").read_text()
    table = text[text.index("| rooms, from the ground up") :].split("\n\n")[0]
    rooms = [row.split(" | ")[0] for row in table.splitlines()[2:]]
    assert [name for cell in rooms for name in re.findall(r"`(\w+)`", cell)] == ORDER


def test_an_import_for_type_checkers_is_no_arrow():
    code = (
        "from typing import TYPE_CHECKING\nfrom thermolatent.frames import Frames\n"
        "if TYPE_CHECKING:\n    from thermolatent.study import Study\ndef f():\n    import thermolatent.learn.model\n"
    )
    assert rooms_imported(ast.parse(code)) == {"frames", "learn"}
