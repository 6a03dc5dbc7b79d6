"""Walkers from different starts, compared."""

import logging

import numpy as np
import pytest

from thermolatent.simulate.convergence import compare_starts, not_compared, warn_if_unconverged

STARTS = ["a", "b"] * 3


def energies(shift):
    """Walker means 0, 1, 2 for start a and the same plus ``shift`` for b; frames scatter around them."""
    means = np.array([0.0, shift, 1.0, 1.0 + shift, 2.0, 2.0 + shift])
    return means[:, None] + np.array([-5.0, 5.0])


def test_what_is_not_compared_has_the_same_entries_and_none_to_read():
    compared, none = compare_starts(energies(1.0), STARTS), not_compared(STARTS)
    assert none.keys() == compared.keys()
    assert none["walkers"] == compared["walkers"]
    assert (none["mean_energy"], none["standard_errors"], none["between"]) == ({}, None, None)


@pytest.mark.parametrize("shift", [0.0, -2.0, 6.0])
def test_difference_in_standard_errors(shift):
    result = compare_starts(energies(shift), STARTS)
    assert result["difference"] == pytest.approx(abs(shift))
    assert result["standard_errors"] == pytest.approx(abs(shift) / np.sqrt(1.0 * (1 / 3 + 1 / 3)))
    assert result["walkers"] == {"a": 3, "b": 3}
    assert result["mean_energy"] == pytest.approx({"a": 1.0, "b": 1.0 + shift})


def test_the_worst_pair_is_named():
    values = np.concatenate([energies(0.5), np.array([[9.0], [10.0], [11.0]]) + np.array([-1.0, 1.0])])
    assert compare_starts(values, [*STARTS, "c", "c", "c"])["between"] == ["a", "c"]


@pytest.mark.parametrize("starts", [["a"] * 6, list("abcdef")])
def test_nothing_to_compare(starts, caplog):
    result = compare_starts(energies(5.0), starts)
    assert result["standard_errors"] is None
    with caplog.at_level(logging.WARNING):
        warn_if_unconverged(result, "0.2")
    assert not caplog.records


def test_warning_has_the_figure(caplog):
    with caplog.at_level(logging.WARNING):
        warn_if_unconverged(compare_starts(energies(2.0), STARTS), "0.2")
        assert not caplog.records
        warn_if_unconverged(compare_starts(energies(6.0), STARTS), "0.2")
    assert "T=0.2: walkers from a and b differ by 6 kJ/mol in mean energy, 7.3 standard errors" in caplog.text
