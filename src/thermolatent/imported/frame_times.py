"""Times of the frames of a trajectory file, from its headers; positions are not read.

Many writers store no times: mdtraj, VMD and cpptraj write 0 and 1 into the header of a DCD, and mdtraj numbers the frames of an
XTC converted from it. Such times count as unknown.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermolatent.errors import ArtifactError
from thermolatent.files.dcd import read_header
from thermolatent.files.paths import in_ascii
from thermolatent.imported.tables import EnergyTable

#: Readers of mdtraj by a file's ending.
_READERS = {
    ".xtc": "XTCTrajectoryFile",
    ".trr": "TRRTrajectoryFile",
    ".dcd": "DCDTrajectoryFile",
    **dict.fromkeys((".nc", ".ncdf", ".netcdf"), "NetCDFTrajectoryFile"),
}
FORMATS = "XTC, TRR, DCD or NetCDF"


@dataclass(frozen=True)
class FrameTimes:
    """Times of the frames of one file.

    Attributes
    ----------
    atoms: in each frame.
    time: ps, ``(frames,)`` float64; None if unknown.
    step: MD step, ``(frames,)`` float64; None if unknown.
    interval: ps between frames, if a DCD header has this only; some writers make it up.
    single: whether times are single precision.
    table: the file, where its rows are the frames; None of trajectories.
    """

    path: str
    frames: int
    atoms: int
    time: np.ndarray | None = None
    step: np.ndarray | None = None
    interval: float | None = None
    single: bool = True
    table: EnergyTable | None = None


def read_times(path: str) -> FrameTimes:
    """Times of a trajectory file; raises :class:`ArtifactError` if it cannot be read or is cut off."""
    import mdtraj.formats

    ending = Path(path).suffix.lower()
    if ending not in _READERS:
        raise ArtifactError(f"{path}: '{ending}' is not a supported trajectory format; write {FORMATS}")
    if Path(path).stat().st_size == 0:
        raise ArtifactError(f"{path}: is empty; write {FORMATS}")
    try:
        found = _dcd(path) if ending == ".dcd" else _FORMATS[ending](path, getattr(mdtraj.formats, _READERS[ending]))
    except ArtifactError:
        raise
    except Exception as error:  # mdtraj's readers raise many types, some without a message
        why = str(error) or type(error).__name__
        raise ArtifactError(f"{path}: cannot be read as a trajectory ({why}); write {FORMATS}") from None
    if found.frames == 0:
        raise ArtifactError(f"{path}: has no frames; is it cut off?")
    return _without_numbering(found)


def _without_numbering(found: FrameTimes) -> FrameTimes:
    """Replace times by None if they only number the frames, are all equal, or NaN."""
    time, step = found.time, found.step
    if step is not None and (len(step) < 2 or np.abs(np.diff(step)).min() <= 1):
        step = None  # no program saves every step, but converters number frames like this
    numbered = time is not None and step is None and np.array_equal(time, np.arange(len(time)))
    if time is not None and (numbered or not np.isfinite(time).all() or (len(time) > 1 and np.ptp(time) == 0)):
        time = None
    return FrameTimes(found.path, found.frames, found.atoms, time, step, found.interval, found.single)


def _records(path: str, offsets: np.ndarray, length: int) -> np.ndarray:
    """The first ``length`` bytes of each frame, ``(frames, length)``."""
    content = np.memmap(path, np.uint8, "r")
    if offsets[-1] + length > len(content):
        raise _cut_off(path, len(offsets) - 1)
    return np.stack([content[offsets + i] for i in range(length)], axis=1)


def _numbers(records: np.ndarray, first: int, kind: str) -> np.ndarray:
    """The number at byte ``first`` of each record."""
    size = np.dtype(kind).itemsize
    return np.ascontiguousarray(records[:, first : first + size]).view(kind)[:, 0]


def _cut_off(path: str, frame: int) -> ArtifactError:
    return ArtifactError(
        f"{path}: frame {frame} (from 0) is not whole; is the file cut off? Write its whole frames into another"
    )


def _same_atoms(path: str, atoms: np.ndarray) -> int:
    if (other := atoms != atoms[0]).any():
        frame = int(np.argmax(other))
        raise ArtifactError(
            f"{path}: has {atoms[0]} atoms in its first frame and {atoms[frame]} in frame {frame} (from 0); split it"
        )
    return int(atoms[0])


def _xtc(path: str, reader: type) -> FrameTimes:
    """A frame: magic number, atoms, step, time, the box (9 numbers), then positions."""
    with in_ascii(path) as name, reader(name) as file:
        offsets = np.asarray(file.offsets)
    head = _records(path, offsets, 16)
    atoms = _same_atoms(path, _numbers(head, 4, ">i4"))
    last = np.fromfile(path, np.uint8, offset=int(offsets[-1]))
    large = int(_numbers(head[-1:], 0, ">i4")[0]) == 2023
    body = 56 + 12 * atoms
    if atoms > 9:  # compressed: precision, smallest and largest integers, then the number of bytes, padded to 4
        at, kind = 88, ">i8" if large else ">i4"
        count = last[at : at + np.dtype(kind).itemsize]
        body = at + len(count) + (-(-int(count.view(kind)[0]) // 4) * 4 if len(count) == np.dtype(kind).itemsize else 1)
    if len(last) != body:
        raise _cut_off(path, len(offsets) - (len(last) < body))
    time, step = _numbers(head, 12, ">f4").astype(float), _numbers(head, 8, ">i4").astype(float)
    return FrameTimes(path, len(offsets), atoms, time, step)


def _trr(path: str, reader: type) -> FrameTimes:
    """A frame: magic number, version, sizes of ten blocks, atoms, step, nre, time in the precision of the positions."""
    with in_ascii(path) as name, reader(name) as file:
        offsets = np.asarray(file.offsets)
    head = _records(path, offsets, 84)
    atoms = _same_atoms(path, _numbers(head, 64, ">i4"))
    sizes = np.stack([_numbers(head, 24 + 4 * i, ">i4") for i in range(10)], axis=1)
    if (sizes[:, 7] == 0).any():
        frame = int(np.argmax(sizes[:, 7] == 0))
        raise ArtifactError(f"{path}: frame {frame} (from 0) has no positions; write those that have (gmx trjconv)")
    double = bool(sizes[0, 7] == 24 * atoms)
    end = offsets[-1] + 76 + (16 if double else 8) + sizes[-1].sum()
    if end != Path(path).stat().st_size:
        raise _cut_off(path, len(offsets) - int(end > Path(path).stat().st_size))
    time = _numbers(head, 76, ">f8" if double else ">f4").astype(float)
    return FrameTimes(path, len(offsets), atoms, time, _numbers(head, 68, ">i4").astype(float), single=not double)


def _netcdf(path: str, reader: type) -> FrameTimes:
    """Variables ``time`` (ps) and ``coordinates``. The library would read what is missing at the end of a file as zeros."""
    from scipy.io import netcdf_file

    with open(path, "rb") as file:
        magic = file.read(4)
    if magic not in (b"CDF\x01", b"CDF\x02"):  # written by HDF5, which detects truncated files
        with in_ascii(path) as name, reader(name) as file:
            frames, atoms = len(file), int(file.n_atoms)
            _, time, *_ = file.read(atom_indices=np.array([0]))
    else:
        frames = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a memory map that stays open
            try:
                with netcdf_file(path, mmap=True) as file:
                    frames, atoms, _ = file.variables["coordinates"].shape
                    time = np.array(file.variables["time"][:]) if "time" in file.variables else None
            except (ValueError, TypeError):
                pass
        if not frames:
            raise ArtifactError(f"{path}: ends before the last of the frames that its header promises; is it cut off?")
    return FrameTimes(path, frames, atoms, None if time is None else np.asarray(time, float).reshape(-1))


def _dcd(path: str) -> FrameTimes:
    header = read_header(path)
    if header.frames != header.promised and header.promised > 0:
        raise ArtifactError(
            f"{path}: has {header.frames} whole frames, its header promises {header.promised}; is it cut off?"
        )
    if header.times_are_true:
        step = header.first_step + header.interval * np.arange(header.frames, dtype=float)
        return FrameTimes(
            path, header.frames, header.atoms, step * header.time_step, step if header.interval > 1 else None
        )
    told = header.time_step * header.interval if header.akma not in (0.0, 1.0) else 0.0
    return FrameTimes(path, header.frames, header.atoms, interval=told or None)


_FORMATS = {".xtc": _xtc, ".trr": _trr, ".nc": _netcdf, ".ncdf": _netcdf, ".netcdf": _netcdf}
