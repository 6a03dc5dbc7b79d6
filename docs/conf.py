"""How Sphinx builds these pages (``make docs``). No page asks for anything from a network."""

import re
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


def _take_along_what_lies_elsewhere(app, page, source):
    """A link to a file of the repository that is no page, as GitHub follows it, becomes a download."""
    docs = Path(app.srcdir).resolve()
    folder = (docs / page).parent

    def link(found: re.Match) -> str:
        target = (folder / found[1]).resolve()
        return found[0] if target.is_relative_to(docs) else f"](path:{found[1]}"

    source[0] = re.sub(r"\]\((\.\./[^)#]+)", link, source[0])


def setup(app):
    app.connect("source-read", _take_along_what_lies_elsewhere)
