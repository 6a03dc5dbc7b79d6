"""Text files with columns of numbers: encodings, sections with headers, truncated rows."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from thermolatent.errors import ArtifactError, reason

#: Bytes at the beginning of a file that must show its format.
_HEAD_BYTES = 2**22
#: What to do about numbers as they are written elsewhere.
_ADVICE = {
    r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?": "write a decimal point in place of the comma",
    r"[-+]?[\d.]+[dD][-+]?\d+": "write E in place of Fortran's D",
}


@dataclass(frozen=True)
class Section:
    """Rows below one header.

    Attributes
    ----------
    names: of the columns.
    first: number of the first row in the file, from 0.
    text: the rows.
    """

    names: tuple[str, ...]
    first: int
    text: bytes


def content_of(path: str, most: int = -1) -> bytes:
    """Text of a file in UTF-8 or ASCII, gzipped or not, without a byte order mark; raises :class:`ArtifactError` for UTF-16."""
    found = bytes_of(path, most)
    if found.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in found[:1000]:
        raise ArtifactError(
            f"{path}: is UTF-16 text or binary; save it as UTF-8 (PowerShell writes UTF-16 with '>'; use Out-File -Encoding utf8)"
        )
    return found.removeprefix(b"\xef\xbb\xbf")


def bytes_of(path: str, most: int = -1) -> bytes:
    """Content of a file, gzipped or not; raises :class:`ArtifactError` where it is cut off."""
    with opened(path) as file:
        try:
            return file.read(most)
        except (EOFError, OSError, zlib.error) as error:
            raise ArtifactError(f"{path}: cannot be read to its end ({reason(error)}); is the file cut off?") from None


def opened(path: str) -> BinaryIO:
    """A file, open for reading; what is gzipped, by its first bytes, is unpacked."""
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if zipped else open(path, "rb")


def head_of(path: str) -> str:
    """The beginning of a text file."""
    return content_of(path, _HEAD_BYTES).decode(errors="replace")


def lines_of(path: str) -> Iterator[str]:
    """Lines of a text file; raises :class:`ArtifactError` for UTF-16."""
    content_of(path, 1000)
    with io.TextIOWrapper(opened(path), encoding="utf-8-sig", errors="replace") as file:
        yield from file


def names_of(sections: Sequence[Section]) -> tuple[tuple[str, ...], list[str]]:
    """Names of all columns, and of those in all sections that have rows."""
    names = tuple(dict.fromkeys(name for section in sections for name in section.names))
    return names, [name for name in names if all(name in s.names for s in sections if s.text.strip())]


def as_numbers(path: str, name: str, texts: Sequence[str]) -> np.ndarray:
    """A column ``(rows,)`` float64; raises :class:`ArtifactError` for a word in place of a number."""
    try:
        return np.array(texts, np.float64)
    except ValueError:
        row = next(i for i, text in enumerate(texts) if not re.fullmatch(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", text))
        raise ArtifactError(
            f"{path}: '{texts[row]}' is not a number (row {row}, from 0, of '{name}'); is the file damaged?"
        ) from None


def numbers(
    path: str, sections: Sequence[Section], wanted: Sequence[str], separator: str | None
) -> dict[str, np.ndarray]:
    """``(rows,)`` float64 of the columns ``wanted``, of all sections; NaN where a section lacks one.

    ``separator`` None is any number of blanks. Raises :class:`ArtifactError` for a row with more or fewer columns than its header
    or with a word in place of a number.
    """
    parts = [_of_section(path, section, wanted, separator) for section in sections if section.text.strip()]
    return {name: np.concatenate([part[name] for part in parts]) for name in wanted} if parts else {}


def _of_section(path: str, section: Section, wanted: Sequence[str], separator: str | None) -> dict[str, np.ndarray]:
    import pandas

    names, own = section.names, [name for name in wanted if name in section.names]
    last, beyond = (
        len(names) - 1,
        len(names),
    )  # read too: empty where a row is cut off, filled where two have run together
    used = sorted({last, beyond, *(names.index(name) for name in own)})
    widest = (separator or " ").join(["nan"] * (len(names) + 1)).encode() + b"\n"  # pandas takes the first row's width
    try:
        table = pandas.read_csv(
            io.BytesIO(widest + section.text),
            sep=separator or r"\s+",
            header=None,
            names=range(len(names) + 1),
            usecols=used,
            index_col=False,
            low_memory=False,
        )[1:]
    except (pandas.errors.ParserError, UnicodeDecodeError):
        wrong = _wrong_row(path, section, own, separator)
        raise (wrong or ArtifactError(f"{path}: cannot be read as columns; is the file cut off?")) from None
    found = {name: pandas.to_numeric(table[names.index(name)], errors="coerce").to_numpy(np.float64) for name in own}
    whole = not table[last].isna().any() and table[beyond].isna().all()
    if not (whole and all(np.isfinite(values).all() for values in found.values())):
        wrong = _wrong_row(path, section, own, separator)
        if wrong is not None:
            raise wrong
    return {name: found[name] if name in own else np.full(len(table), np.nan) for name in wanted}


def _wrong_row(path: str, section: Section, own: Sequence[str], separator: str | None) -> ArtifactError | None:
    """The error of the first row that does not fit its header; None if all fit."""
    rows = (line for line in section.text.decode(errors="replace").splitlines() if line.strip())
    for number, line in enumerate(rows, start=section.first):
        fields = line.split(separator)
        if len(fields) != len(section.names):
            return ArtifactError(
                f"{path}: a row has {len(fields)} columns, must have {len(section.names)}; is the file cut off? (row {number}, "
                "from 0)"
            )
        for name in own:
            text = fields[section.names.index(name)].strip()
            try:
                value = float(text)
            except ValueError:
                advice = next(
                    (a for pattern, a in _ADVICE.items() if re.fullmatch(pattern, text)), "is the file cut off?"
                )
                return ArtifactError(f"{path}: '{text}' is not a number; {advice} (row {number}, from 0, of '{name}')")
            if not np.isfinite(value):
                return ArtifactError(f"{path}: row {number} (from 0) of '{name}' is not a finite number")
    return None
