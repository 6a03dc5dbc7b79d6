"""Every code block of README and docs, and what kind of block each is.

A block that nothing executes is marked in the line above it, with the reason: ``<!-- not executed: needs a cluster -->``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

HOME = Path(__file__).parents[1]
PAGES = [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md"))]
#: Commands that tests/docs/test_code_blocks.py checks, and those that are not this project's to check.
CHECKED = ("thermolatent", "snakemake", "make", "pip", "python", "conda")
FOREIGN = (
    "find",
    "tar",
    "cd",
    "cp",
    "export",
    "git",
    "echo",
    "jupyter",
    "sacct",
    "sbatch",
    "scancel",
    "scontrol",
    "sinfo",
    "source",
    "squeue",
)
_REASON = re.compile(r"<!--\s*not executed:\s*(\S.*?)\s*-->")
_LANGUAGES = {"sh": "shell", "bash": "shell", "console": "shell", "py": "python", "yml": "yaml"}
#: Indented blocks of this page are equations.
_EQUATIONS = "theory.md"


@dataclass(frozen=True)
class Block:
    """One code block: where it begins, its kind ("shell", "yaml", "python" or "text") and why it is not executed, if so."""

    page: str
    line: int
    kind: str
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """All of one page; raises :class:`ValueError` for one whose kind cannot be told."""
    page, found, reason = path.relative_to(HOME).as_posix(), [], ""
    for token in MarkdownIt().parse(path.read_text()):
        if token.type in ("fence", "code_block"):
            where = f"{page}:{token.map[0] + 1}"
            kind = _kind(token, path.name, where)
            if kind != "directive":
                found.append(Block(page, token.map[0] + 1, kind, token.content, reason))
        marked = _REASON.search(token.content) if token.type == "html_block" else None
        reason = marked[1] if marked else ""
    return found


def _kind(token, page: str, where: str) -> str:
    language = token.info.strip().split(" ")[0]
    if language.startswith("{"):
        return "directive"  # Sphinx's: the builder reads it
    if language:
        kind = _LANGUAGES.get(language, language)
        if kind not in ("shell", "yaml", "python", "text"):
            raise ValueError(f"{where}: a block of {language}; write shell, yaml, python, or text for what is no code")
        return kind
    lines = [line for line in token.content.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and all(is_command(line) for line in commands(token.content)):
        return "shell"
    if lines and re.match(r"(from \w[\w.]* import|import) ", lines[0]):
        return "python"
    if page == _EQUATIONS:
        return "text"
    try:
        if isinstance(yaml.safe_load(token.content), dict):
            return "yaml"
    except yaml.YAMLError:
        pass
    raise ValueError(f"{where}: what kind of block is it? Write ```shell, yaml, python, or text for what is no code")


def commands(text: str) -> list[str]:
    """Lines of a shell block without comments, continued lines joined."""
    joined = text.replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip().removeprefix("$ ") for line in joined.splitlines())
    return [line for line in lines if line]


def is_command(line: str) -> bool:
    """Whether a line begins with a known program or with a script of this repository."""
    try:
        program = next(iter(words(line)), "").removeprefix(".venv/bin/")
    except ValueError:  # a quotation mark that is not closed
        return False
    return program in (*CHECKED, *FOREIGN) or (HOME / program).is_file()


def words(command: str) -> list[str]:
    """A command's words, without settings of variables before it."""
    split = shlex.split(command)
    while split and re.match(r"[A-Z_]+=", split[0]):
        split.pop(0)
    return split


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
