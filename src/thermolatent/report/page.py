"""The page of the report: template, style and scripts of ``page_assets``, which go into the page itself.

Nothing in them names an address outside the file.
"""

from __future__ import annotations

from importlib.resources import files

#: In the order in which they build on each other.
SCRIPTS = ("data.js", "axes.js", "maps.js", "curves.js", "viewer.js", "explorer.js")


def asset(name: str) -> str:
    """The text of one file of ``page_assets``."""
    return (files("thermolatent.report") / "page_assets" / name).read_text(encoding="utf-8")


def script() -> str:
    """All scripts as one, in a scope of its own."""
    return '(() => {\n"use strict";\n' + "\n".join(asset(name) for name in SCRIPTS) + "})();"
