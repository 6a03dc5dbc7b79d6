"""The page of the report: template, style and scripts of ``page_assets``, all inlined, without external addresses."""

from __future__ import annotations

from importlib.resources import files

#: In the order of their dependencies.
SCRIPTS = (
    *("data.js", "axes.js", "chart.js", "maps.js", "curves.js", "answer.js", "viewer.js", "downloads.js"),
    *("models.js", "explorer.js"),
)


def asset(name: str) -> str:
    """The text of one file of ``page_assets``."""
    return (files("thermolatent.report") / "page_assets" / name).read_text(encoding="utf-8")


def script() -> str:
    """All scripts as one, in a local scope."""
    return '(() => {\n"use strict";\n' + "\n".join(asset(name) for name in SCRIPTS) + "})();"
