"""NPZ files: one array per column, all of one length, as numpy's ``savez`` writes them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.imported.tables import EnergyTable, wanted
from thermolatent.imported.texts import bytes_of


def is_one(path: str) -> bool:
    return bytes_of(path, 4) == b"PK\x03\x04"


def read(path: str, columns: Collection[str] | None) -> EnergyTable:
    """The ``columns`` and those of known quantities; None is all. Arrays of other types or dimensions are ignored.

    Raises :class:`ArtifactError` for columns of unequal length, and for one of ``columns`` that is not ``(n,)`` numbers.
    """
    try:
        with np.load(io.BytesIO(bytes_of(path)), allow_pickle=False) as file:
            found = {name: file[name] for name in (file.files if columns is None else wanted(file.files, columns))}
            every = file.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        advice = "write arrays of float64" if "allow_pickle" in str(error) else "is it cut off?"
        raise ArtifactError(f"{path}: cannot be read as .npz ({error}); {advice}") from None
    for name in found:
        if name in (columns or ()) and not (found[name].ndim == 1 and found[name].dtype.kind in "fiub"):
            raise ArtifactError(
                f"{path}: '{name}' is {found[name].dtype} of shape {found[name].shape}, write numbers of shape (n,)"
            )
    numbers = {name: a.astype(np.float64) for name, a in found.items() if a.ndim == 1 and a.dtype.kind in "fiub"}
    names = tuple(name for name in every if name in numbers or name not in found)
    lengths = {name: len(values) for name, values in numbers.items()}
    if len(set(lengths.values())) != 1 or not max(lengths.values()):
        told = ", ".join(f"{n} of '{name}'" for name, n in lengths.items()) or "none"
        raise ArtifactError(f"{path}: must have columns of one length, has {told}; write arrays (n,) of equal length")
    table = EnergyTable(path, "NPZ", names, numbers, time_digits=1e-9)
    for name in numbers:
        table.finite(name)
    return table
