"""OpenMM's StateDataReporter, and other delimited tables with a header line, also with blanks as delimiters."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection

from thermolatent.imported.tables import EnergyTable, wanted
from thermolatent.imported.texts import Section, content_of, names_of, numbers

_SEPARATORS = ",\t;"
#: Lines that are not rows of numbers; the first line is always a header.
_WORDS = re.compile(rb"\A\s*(?!\s).+|^[#\"A-Za-z_].*", re.MULTILINE)


def is_one(path: str, head: str) -> bool:
    lines = [line for line in head.splitlines()[:100] if line.strip()]
    if not lines or lines[0].startswith(('#"', '"')):
        return bool(lines)
    separator = _separator(lines[0], lines[1] if len(lines) > 1 else "")
    names = _names(lines[0], separator)
    row = next((line.split(separator) for line in lines if not _is_header(line, names, separator)), [])
    return not any(map(_is_number, names)) and len(row) == len(names) and any(map(_is_number, row))


def read(path: str, columns: Collection[str]) -> EnergyTable:
    """A continued run may repeat the header, with other columns or in another order."""
    content = content_of(path)
    sections, separator = _sections(content)
    names, in_all = names_of(sections)
    found = numbers(path, sections, wanted(in_all, columns), separator)
    return EnergyTable(path, "OpenMM", names, found, time_digits=1e-9)


def _sections(content: bytes) -> tuple[list[Section], str | None]:
    """The rows below each header, and the separator of the columns."""
    words = list(_WORDS.finditer(content))
    header, row = words[0][0].decode(errors="replace"), content[words[0].end() :].lstrip().partition(b"\n")[0]
    separator = _separator(header, row.decode(errors="replace"))
    names = _names(header, separator)
    headers = [words[0], *(w for w in words[1:] if _is_header(w[0].decode(errors="replace"), names, separator))]
    found, rows = [], 0
    for header, end in zip(headers, [*(h.start() for h in headers[1:]), len(content)], strict=True):
        text = content[header.end() : end].lstrip(b"\r\n")
        found.append(Section(_names(header[0].decode(errors="replace"), separator), rows, text))
        rows += text.rstrip().count(b"\n") + bool(text)
    return found, separator


def _separator(header: str, row: str) -> str | None:
    """What separates the columns; None of blanks: one name may have several words."""
    quoted = False
    counts = dict.fromkeys(_SEPARATORS, 0)
    for letter in header:
        if letter == '"':
            quoted = not quoted
        elif letter in counts and not quoted:
            counts[letter] += 1
    if not any(counts.values()) and 1 < len(row.split()) == len(header.lstrip("# ").split()):
        return None
    return max(counts, key=counts.__getitem__)


def _names(header: str, separator: str | None) -> tuple[str, ...]:
    text = header.strip().lstrip("#").strip()
    row = text.split() if separator is None else next(csv.reader([text], delimiter=separator))
    return tuple(name.strip() for name in row)


def _is_header(line: str, names: tuple[str, ...], separator: str | None) -> bool:
    return line.startswith(("#", '"')) or set(_names(line, separator)) == set(names)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
