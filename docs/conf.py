"""How Sphinx builds these pages (``make docs``). No page asks for anything from a network."""

from pathlib import Path

from thermolatent import __version__

project = "thermolatent"
release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"thermolatent {release}"
html_copy_source = False
html_show_sphinx = html_show_copyright = False

#: Pages that index.md has places for and that need not be there.
_OPTIONAL = {"clusters", "tools", "faults", "papers"}


def _leave_out_what_is_not_there(app, page, source):
    if page == "index":
        absent = {name for name in _OPTIONAL if not (Path(app.srcdir) / f"{name}.md").is_file()}
        source[0] = "\n".join(line for line in source[0].split("\n") if line not in absent)


def _take_along_what_lies_elsewhere(app, page, source):
    """A link to a file of the repository that is no page, as GitHub follows it, becomes a download."""
    source[0] = source[0].replace("](../", "](path:../")


def setup(app):
    app.connect("source-read", _leave_out_what_is_not_there)
    app.connect("source-read", _take_along_what_lies_elsewhere)
