"""Every metric is explained where users look for it."""

import re
from pathlib import Path

import pytest

from thermolatent.errors import ArtifactError
from thermolatent.tables import read_table, write_table
from thermolatent.validate.metrics import METRICS

DOCS = Path(__file__).parents[2] / "docs/reference/metrics.md"


def test_docs_explain_exactly_these_metrics():
    assert set(re.findall(r"^### `(\w+)`", DOCS.read_text(), re.MULTILINE)) == set(METRICS)


def test_tables_keep_eight_digits_and_empty_cells(tmp_path):
    path = str(tmp_path / "t.csv")
    write_table(path, ("a", "b", "c"), [{"a": 0.123456789012, "b": float("nan"), "c": 3}, {"a": 1e-10}])
    assert Path(path).read_text() == "a,b,c\n0.12345679,,3\n1e-10,,\n"
    assert read_table(path, ("a", "b", "c"))[0] == {"a": "0.12345679", "b": "", "c": "3"}


def test_a_broken_table_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n")
    with pytest.raises(ArtifactError, match="not a table with columns a, b"):
        read_table(str(path), ("a", "b"))
    with pytest.raises(ArtifactError, match="missing"):
        read_table(str(tmp_path / "none.csv"), ("a",))
