"""How Sphinx builds these pages (``make docs``). No page asks for anything from a network."""

import re
from pathlib import Path

from thermolatent import __version__

project = "thermolatent"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_member_order = "bysource"
napoleon_google_docstring, napoleon_use_ivar = False, True
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


def _as_numpydoc(app, what, name, obj, options, lines):
    """``parameter: text`` of our docstrings in two lines, as Napoleon reads it; a paragraph after such a list is a note."""
    out, listing = [], False
    for line in lines:
        if line in ("Parameters", "Attributes"):
            listing = True
        elif listing and not line:
            listing = None  # what follows is another section, or a note
        elif listing is None:
            if line not in ("Parameters", "Attributes", "Returns", "Raises"):
                out += ["Notes", "-----"]
            listing = line in ("Parameters", "Attributes")
        elif listing and (found := re.match(r"([\w, ]+): (.*)", line)):
            *same, last = found[1].split(", ")
            out += [part for name in same for part in (name, f"    {found[2]}")]
            out += [last, f"    {found[2]}"]
            continue
        out.append(line)
    lines[:] = out


def setup(app):
    app.connect("source-read", _take_along_what_lies_elsewhere)
    app.connect("autodoc-process-docstring", _as_numpydoc, priority=400)  # before Napoleon's
