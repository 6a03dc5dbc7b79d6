"""Frames that are read from their maps are the frames that would be held in memory."""

import numpy as np
import pytest
import torch

from thermolatent import rows as rows_module
from thermolatent.rows import MappedRows, blocks, moments, picked_at_once, rows_of, scale, transformed

WALKERS, FRAMES, COLUMNS = 3, 40, 5


@pytest.fixture
def arrays(tmp_path):
    """Two memory-mapped arrays, as featurize writes them."""
    rng = np.random.default_rng(0)
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", rng.normal(3, 2, (WALKERS, FRAMES, COLUMNS)).astype(np.float32))
    return [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "ab"]


@pytest.fixture
def both(arrays, monkeypatch):
    """The same rows held and mapped, the latter in blocks of seven rows."""
    held = rows_of(arrays)
    monkeypatch.setattr(rows_module, "HELD_BYTES", 100)
    monkeypatch.setattr(rows_module, "_BLOCK_BYTES", 7 * 4 * COLUMNS)
    mapped = rows_of(arrays)
    assert isinstance(held, torch.Tensor)
    assert isinstance(mapped, MappedRows)
    return held, mapped


def test_sizes(both):
    held, mapped = both
    assert mapped.shape == tuple(held.shape)
    assert len(mapped) == len(held)


@pytest.mark.parametrize(
    "index",
    [
        torch.tensor([200, 3, 3, 119, 120, 0, 239]),
        torch.tensor(130),
        torch.tensor([[1, 239], [120, 7]]),
        slice(5, 230, 9),
    ],
    ids=["numbers", "one number", "table", "slice"],
)
def test_rows_by_number(both, index):
    held, mapped = both
    torch.testing.assert_close(mapped[index], held[index], rtol=0, atol=0)


def test_blocks_are_all_rows_in_order(both):
    held, mapped = both
    parts = list(mapped.split())
    assert max(len(part) for part in parts) == 7
    torch.testing.assert_close(torch.cat(parts), held, rtol=0, atol=0)


def test_a_transform_is_applied_to_what_is_read(both):
    held, mapped = (transformed(rows, lambda x: 2 * x + 1, torch.device("cpu")) for rows in both)
    torch.testing.assert_close(torch.cat(list(blocks(mapped))), held, rtol=0, atol=0)
    torch.testing.assert_close(mapped[torch.tensor([5, 1])], held[[5, 1]], rtol=0, atol=0)


def test_a_feature_that_does_not_vary_is_left_at_zero():
    """Its mean is not exact in float32: divided by a deviation of next to nothing it would be anything."""
    rows = torch.tensor([[0.1, 1.0], [0.1, 3.0], [0.1, 5.0]])
    mean, spread = scale(rows, torch.arange(3))
    assert spread.tolist() == [1.0, 2.0]
    assert ((rows - mean.float()) / spread.float())[:, 0].abs().max() < 1e-6


def test_moments(both):
    chosen = torch.from_numpy(np.random.default_rng(2).integers(0, 2 * WALKERS * FRAMES, 100))
    for held, mapped in zip(moments(both[0], chosen), moments(both[1], chosen), strict=True):
        torch.testing.assert_close(mapped, held, rtol=1e-12, atol=0)


def test_a_row_that_counts_c_times_is_as_good_as_c_rows(both):
    counts = np.random.default_rng(3).integers(0, 4, len(both[0]))
    every, repeated = torch.arange(len(both[0])), torch.from_numpy(np.repeat(np.arange(len(both[0])), counts))
    for rows in both:
        for found, wanted in zip(moments(rows, every, counts), moments(rows, repeated), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


def test_large_arrays_are_encoded_in_blocks(arrays, monkeypatch):
    monkeypatch.setattr(rows_module, "HELD_BYTES", 100)
    monkeypatch.setattr(rows_module, "_BLOCK_BYTES", 7 * 4 * COLUMNS)
    parts = list(blocks(arrays[0]))
    assert max(len(part) for part in parts) == 7
    np.testing.assert_array_equal(torch.cat(parts).numpy(), arrays[0].reshape(-1, COLUMNS))


def test_what_is_picked_at_once_is_bounded_for_mapped_rows_only(both, monkeypatch):
    monkeypatch.setattr(rows_module, "_PICKED_BYTES", 10 * 4 * COLUMNS)
    assert picked_at_once(both[0], 50) == 50
    assert picked_at_once(both[1], 50) == 10
