"""The pages as a whole: every page has its place, every file is described, the site builds and asks for nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from thermolatent.files.paths import paths_in
from thermolatent.study.layout import Layout

HOME = Path(__file__).parents[2]
DOCS = HOME / "docs"


def test_every_page_has_its_place():
    for index in DOCS.rglob("index.md"):
        toctrees = re.findall(r"^```\{toctree\}\n(.*?)^```$", index.read_text(), re.M | re.S)
        listed = [line for tree in toctrees for line in tree.splitlines() if line and not line.startswith(":")]
        there = {path.stem for path in index.parent.glob("*.md")} - {"index"}
        assert sorted(listed) == sorted(
            there | {f"{path.parent.name}/index" for path in index.parent.glob("*/index.md")}
        )


def test_every_file_of_a_study_is_described():
    layout = Layout("results/mine")
    every = {"temperature": 0.2, "walker": 0, "walkers": 1, "model": "latf", "seed": 0, "name": "history", "number": 1}
    text = (DOCS / "reference/files.md").read_text()
    seen = 0
    for name in (
        n for n in dir(Layout) if not n.startswith("_") and n not in ("of", "root", "md", "history", "tracked")
    ):
        member = getattr(layout, name)
        if name == "figure":
            paths = [member("history", extension) for extension in ("pdf", "png", "csv")]
        elif callable(member):
            wanted = member.__code__.co_varnames[1 : member.__code__.co_argcount]
            paths = member(*(every[key] for key in wanted))
        else:
            paths = member
        for path in paths_in(paths):
            file = Path(path).name.replace("T0.2", "T*").replace("seed0", "seed*")
            found = [f"`{file}`", f"/{file}`", f"`{Path(file).suffix}`"][: 3 if name == "figure" else 2]
            assert [text for form in found if form in text] or not Path(file).suffix, file  # a folder
            seen += 1
    assert seen > 30


def test_links_between_files_lead_somewhere():
    """Sphinx sees to those between pages; these are followed on a web page of the repository."""
    pages = [HOME / "README.md", *DOCS.rglob("*.md"), *(HOME / "benchmarks/results").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([\w./-]+\.\w+)[#)]", page.read_text())]
    assert len(links) > 50
    assert not [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="needs pip install -e '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", out / "trees", DOCS, out]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_the_site_builds_without_a_warning_and_asks_for_nothing(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    asked = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=["'](?:https?:)?//""")
    assert not [page.name for page in pages if asked.search(page.read_text())]
    for path in [*site.rglob("*.css")]:
        assert not re.search(r"""(@import\s+|url\()["']?(https?:)?//""", path.read_text()), path
