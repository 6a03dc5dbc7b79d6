"""Each row of docs/reference/faults.md has a test that exists."""

import ast
import re
from pathlib import Path

HOME = Path(__file__).parents[2]


def rows():
    lines = (HOME / "docs/reference/faults.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def test_every_row_names_a_test_that_is_there():
    assert len(rows()) >= 20
    for row in rows():
        assert len(row) == 4, row
        file, name = re.fullmatch(r"`(.+)::(.+)`", row[3]).groups()
        tree = ast.parse((HOME / "tests" / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, row[3]


def test_every_fault_test_is_in_a_row():
    named = {row[3].strip("`").split("::")[0] for row in rows()}
    assert {f"faults/{path.name}" for path in (HOME / "tests/faults").glob("test_*.py")} <= named
