"""Features of all frames as one sequence of rows: in memory if they fit (:data:`HELD_BYTES`), else from their memory maps.

Both kinds of sequence are indexed by row numbers and iterated by :func:`blocks`. Pages of a map are released after reading, so
that memory does not grow with the number of features.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

#: Maximum bytes of features in memory (training needs several times as much); larger features are read in blocks.
HELD_BYTES = 256 * 2**20
#: Rows of a block of features in memory.
BLOCK_ROWS = 200_000
#: Bytes of a block of mapped features: above 32 MiB, since glibc returns larger blocks to the system, without fragmentation.
_BLOCK_BYTES = 48 * 2**20
#: Maximum bytes of mapped rows that are picked at once.
_PICKED_BYTES = 64 * 2**20


class MappedRows:
    """Rows ``(N, n)`` of concatenated memory-mapped arrays ``(walkers, frames, n)``.

    Parameters
    ----------
    arrays: float32 maps with equal ``n``.
    transform: applied to every block on ``device``.
    """

    def __init__(
        self,
        arrays: list[np.ndarray],
        transform: Callable[[Tensor], Tensor] | None = None,
        device: torch.device | str = "cpu",
    ):
        self._arrays, self._transform, self.device = arrays, transform, torch.device(device)
        self._flat = [a.reshape(-1, a.shape[-1]) for a in arrays]
        self._first = np.cumsum([0, *(len(a) for a in self._flat)])

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self._flat[0].shape[1]

    def __len__(self) -> int:
        return int(self._first[-1])

    def through(self, transform: Callable[[Tensor], Tensor], device: torch.device | str) -> MappedRows:
        """The same rows on another device, transformed when read."""
        return MappedRows(self._arrays, transform, device)

    def __getitem__(self, index: Tensor | np.ndarray | slice) -> Tensor:
        """Rows by their numbers, any shape, or by a slice."""
        if isinstance(index, slice):
            index = np.arange(*index.indices(len(self)))
        wanted = index.cpu().numpy() if isinstance(index, Tensor) else np.asarray(index)
        rows = wanted.ravel()
        found = np.empty((len(rows), self.shape[1]), np.float32)
        order = np.argsort(rows, kind="stable")  # for sequential reading
        bounds = np.searchsorted(rows[order], self._first)
        for array, offset, start, stop in zip(self._flat, self._first, bounds, bounds[1:], strict=False):
            here = order[start:stop]
            found[here] = array[rows[here] - offset]
            _forget(array)
        return self._read(found).reshape(*wanted.shape, -1)

    def split(self, _rows: int = 0) -> Iterator[Tensor]:
        """All rows in blocks of a fixed size in bytes."""
        size = max(1, _BLOCK_BYTES // (4 * self.shape[1]))
        for array in self._flat:
            for start in range(0, len(array), size):
                block = np.array(array[start : start + size], np.float32)
                _forget(array)
                yield self._read(block)

    def _read(self, block: np.ndarray) -> Tensor:
        rows = torch.from_numpy(block).to(self.device)
        return rows if self._transform is None else self._transform(rows)


#: A sequence of rows ``(N, n)``, float32.
Rows = Tensor | MappedRows


def held(arrays: list[np.ndarray]) -> bool:
    """Whether features of this size are held in memory."""
    return sum(a.nbytes for a in arrays) <= HELD_BYTES


def rows_of(arrays: list[np.ndarray]) -> Rows:
    """Arrays ``(walkers, frames, n)`` as one sequence ``(N, n)``, in memory if they fit."""
    if not held(arrays):
        return MappedRows(arrays)
    return torch.from_numpy(np.concatenate([np.asarray(a).reshape(-1, a.shape[-1]) for a in arrays]))


def transformed(rows: Rows, transform: Callable[[Tensor], Tensor], device: torch.device) -> Rows:
    """``transform`` of all rows, on ``device``."""
    if isinstance(rows, MappedRows):
        return rows.through(transform, device)
    return transform(rows.to(device))


def picked_at_once(rows: Rows, most: int) -> int:
    """Number of rows to pick at once: ``most``, or less for mapped rows that do not fit into memory."""
    if isinstance(rows, Tensor):
        return most
    return max(1, min(most, _PICKED_BYTES // (4 * rows.shape[1])))


def blocks(rows: Rows | np.ndarray) -> Iterator[Tensor]:
    """All rows of a sequence, or of an array ``(..., n)``, in blocks ``(m, n)`` float32."""
    if isinstance(rows, np.ndarray):
        if held([rows]):
            flat = rows.reshape(-1, rows.shape[-1])
            for start in range(0, len(flat), BLOCK_ROWS):
                yield torch.from_numpy(np.array(flat[start : start + BLOCK_ROWS], dtype=np.float32))
            return
        rows = MappedRows([rows])
    yield from rows.split(BLOCK_ROWS)


def over_blocks(function: Callable[[Tensor], Tensor], rows: Rows | np.ndarray) -> Tensor:
    """``function`` of all rows, block by block, in one tensor: ``(m, n)`` to ``(m, ...)``."""
    whole, first = None, 0
    for block in blocks(rows):
        part = function(block)
        if whole is None:  # allocated once: results of single blocks would fragment the memory
            length = len(rows) if not isinstance(rows, np.ndarray) else rows.size // rows.shape[-1]
            whole = part if len(part) == length else part.new_empty((length, *part.shape[1:]))
        whole[first : first + len(part)] = part
        first += len(part)
    return whole


def moments(rows: Rows, chosen: Tensor, counts: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation ``(n,)`` float64 of the rows with the numbers ``chosen``, which may repeat.

    ``counts`` ``(len(chosen),)``: how often each of them counts, with mean about 1; once by default.
    """
    if counts is None and isinstance(rows, Tensor):
        values = rows[chosen].double()
        return values.mean(0), values.std(0)
    each = None if counts is None else torch.from_numpy(np.array(counts, np.float64))
    times = torch.bincount(chosen.cpu(), each, minlength=len(rows)).double().to(rows.device)
    shift, total, squares, first = None, 0, 0, 0
    for block in blocks(rows):
        values, own = block.double(), times[first : first + len(block)]
        shift = values.mean(0) if shift is None else shift  # near the mean, against cancellation
        values = values - shift
        total, squares, first = total + own @ values, squares + own @ values.square(), first + len(block)
    n = times.sum()
    return shift + total / n, ((squares - total.square() / n).clamp_min(0) / (n - 1)).sqrt()


def scale(rows: Rows, chosen: Tensor, counts: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """As :func:`moments`, with 1 for the deviation of a constant column."""
    mean, spread = moments(rows, chosen, counts)
    return mean, torch.where(spread > 1e-8 * (1 + mean.abs()), spread, torch.ones_like(spread))


def _forget(array: np.ndarray) -> None:
    """Release the pages of a map from this process; they stay in the system's cache."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and not array.flags.writeable and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
