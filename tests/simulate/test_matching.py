"""Rows of energy files belong to frames by time or step; where neither is known, nothing is chosen."""

import numpy as np
import pytest

from thermolatent.errors import ArtifactError
from thermolatent.imported.frame_times import FrameTimes
from thermolatent.imported.matching import Rows, match
from thermolatent.imported.tables import EnergyTable

FRAMES = 60
UNSAID = Rows(None, None, "system.energies")


def table(time=None, step=None, rows=None, values=None, **more):
    """A table whose energies are its rows' numbers, or ``values``."""
    numbers = {"Time (ps)": time, "Step": step}
    rows = rows or len(next(n for n in (time, step) if n is not None))
    numbers["Potential Energy (kJ/mole)"] = np.arange(rows, dtype=float) if values is None else values
    numbers = {name: np.asarray(n, float) for name, n in numbers.items() if n is not None}
    return EnergyTable("e.csv", "OpenMM", tuple(numbers), numbers, time_digits=1e-9, **more)


def frames(time=None, step=None, n=FRAMES):
    time = None if time is None else np.asarray(time, np.float32).astype(float)
    return FrameTimes("a.xtc", n if time is None else len(time), 12, time, step)


def rows_of(made, times, interval=0.5, used=None, run=None, how=UNSAID):
    used = np.arange(times.frames) if used is None else used
    values = made.numbers["Potential Energy (kJ/mole)"]
    return match(made, values, times, used, np.zeros(len(used), int) if run is None else run, interval, how)


T_FRAMES = 0.5 * np.arange(1, FRAMES + 1)
EVERY_TENTH = np.arange(9, 600, 10)


def test_by_time_whatever_the_counts():
    np.testing.assert_array_equal(rows_of(table(0.05 * np.arange(1, 601)), frames(T_FRAMES)), EVERY_TENTH)
    np.testing.assert_array_equal(rows_of(table(0.05 * np.arange(600)), frames(T_FRAMES))[:-1], EVERY_TENTH[:-1] + 1)
    shuffled = table(0.5 * np.arange(1, 81))
    np.testing.assert_array_equal(rows_of(shuffled, frames(T_FRAMES), used=np.array([3, 10, 50])), [3, 10, 50])


def test_as_many_rows_as_frames_but_one_earlier_in_time():
    """GROMACS writes a row at time 0 where a trajectory has no frame."""
    found = rows_of(table(0.5 * np.arange(FRAMES)), frames(T_FRAMES))
    np.testing.assert_array_equal(found, [*range(1, FRAMES), -1])


def test_by_time_far_from_0_in_single_precision():
    time = 1e6 + T_FRAMES
    rows = 1e6 + 0.25 * np.arange(1, 2 * FRAMES + 1)
    np.testing.assert_array_equal(rows_of(table(rows), frames(time)), np.arange(1, 120, 2))


def test_by_step():
    steps = 250.0 * np.arange(1, FRAMES + 1)
    np.testing.assert_array_equal(rows_of(table(step=25 * np.arange(1, 601)), frames(step=steps)), EVERY_TENTH)
    np.testing.assert_array_equal(rows_of(table(step=25 * np.arange(601)), frames(step=steps)), EVERY_TENTH + 1)


def test_steps_and_times_that_begin_and_end_together_give_the_time_step():
    """OpenMM's CSV has steps, an XTC times."""
    np.testing.assert_array_equal(rows_of(table(step=25 * np.arange(1, 601)), frames(T_FRAMES)), EVERY_TENTH)
    later = table(step=25 * np.arange(601, 1201))
    np.testing.assert_array_equal(rows_of(later, frames(30 + T_FRAMES)), EVERY_TENTH)
    with pytest.raises(ArtifactError, match="their times are not both known"):  # the run went on: nothing says how far
        rows_of(table(step=25 * np.arange(1, 701)), frames(T_FRAMES))


def test_where_times_are_unknown_every_fit_is_listed_and_none_chosen():
    with pytest.raises(ArtifactError) as caught:
        rows_of(table(rows=600), frames())
    text = str(caught.value)
    assert "has 600 rows, for 60 frames of a.xtc" in text
    assert "system.energies.skip: 540 with system.energies.every: 1" in text
    assert "system.energies.skip: 0 to 9 with system.energies.every: 10" in text
    assert "\n" not in text
    for skip in range(10):
        found = rows_of(table(rows=600), frames(), how=Rows(skip, 10, "system.energies"))
        np.testing.assert_array_equal(found, skip + 10 * np.arange(FRAMES))
    with pytest.raises(ArtifactError, match=r"59 with skip: 10 and every: 10, for 60 frames"):
        rows_of(table(rows=600), frames(), how=Rows(10, 10, "system.energies"))
    np.testing.assert_array_equal(rows_of(table(rows=FRAMES), frames()), np.arange(FRAMES))


def test_rows_whose_spacing_is_known_have_to_fit_the_frame_interval():
    spaced = table(0.05 * np.arange(600))
    with pytest.raises(
        ArtifactError, match=r"0\.05 ps apart, .*say which .*skip: 0 to 9 with system\.energies\.every: 10 would fit"
    ):
        rows_of(spaced, frames())
    with pytest.raises(
        ArtifactError, match=r"rows are 0\.05 ps apart, system\.frame_interval says 0\.52: not a whole number"
    ):
        rows_of(spaced, frames(), interval=0.52)
    with pytest.raises(ArtifactError, match=r"has 60 rows, 0\.05 ps apart, for 60 frames of a\.xtc, 0\.5 ps apart"):
        rows_of(table(0.05 * np.arange(FRAMES)), frames())


def test_skip_and_every_must_agree_with_the_times():
    made, times = table(0.05 * np.arange(1, 601)), frames(T_FRAMES)
    np.testing.assert_array_equal(rows_of(made, times, how=Rows(9, 10, "system.energies")), EVERY_TENTH)
    with pytest.raises(
        ArtifactError, match=r"frame 0 of a\.xtc .* is row 9, but .*skip: 0 and .*every: 10 take row 0"
    ) as caught:
        rows_of(made, times, how=Rows(0, 10, "system.energies"))
    assert "which are system.energies.skip: 9 and system.energies.every: 10" in str(caught.value)
    with pytest.raises(ArtifactError, match=r"every: 5 take row 14"):
        rows_of(made, times, how=Rows(9, 5, "system.energies"))


def test_rows_of_another_time_are_refused():
    with pytest.raises(
        ArtifactError, match=r"rows are at 1000\.05 to 1030 ps, the frames of a\.xtc at 0\.5 to 30; write the en"
    ):
        rows_of(table(1000 + 0.05 * np.arange(1, 601)), frames(T_FRAMES))


def test_a_run_that_was_continued():
    """The last row of a run stands again as the first of the next one; only rows that differ within are refused."""
    first, again = 0.5 * np.arange(31), 15 + 0.5 * np.arange(31)
    found = rows_of(table(np.concatenate([first, again])), frames(T_FRAMES))
    np.testing.assert_array_equal(found, [*range(1, 31), *range(32, 62)])
    overlap = np.concatenate([first, again - 2])
    with pytest.raises(
        ArtifactError, match=r"rows 26 and 31 \(from 0\) are both at 13 ps and differ: a run was restarted"
    ):
        rows_of(table(overlap), frames(T_FRAMES[:56]))
    same = table(overlap, values=overlap.copy())  # as where only a file was appended twice
    assert (overlap[rows_of(same, frames(T_FRAMES[:56]))] == T_FRAMES[:56]).all()


def test_runs_from_0_each_are_matched_run_by_run():
    run = 0.5 * np.arange(20)
    both, of = np.concatenate([run, run]), np.repeat([0, 1], 20)
    found = rows_of(table(np.concatenate([0.25 * np.arange(40), 0.25 * np.arange(40)])), frames(both), run=of)
    np.testing.assert_array_equal(found, [*range(0, 40, 2), *range(40, 80, 2)])
    with pytest.raises(ArtifactError, match=r"restart 0 times, those of a\.xtc 1 times; write files of single runs"):
        rows_of(table(0.25 * np.arange(80)), frames(both), run=of)
