"""Centers of named states in another unit, at the same place, or where no frame is: told before anything is fitted."""

import numpy as np
import pytest
from exact_study import make_study

from thermolatent.errors import ThermolatentError
from thermolatent.frames import Frames
from thermolatent.parsing import parse
from thermolatent.reweight.stage import sample_of
from thermolatent.states.centers import check_angles, check_reached
from thermolatent.states.settings import BasinStates, NearestStates
from thermolatent.study.jobs import JOBS
from thermolatent.study.layout import Layout

LENGTHS = np.random.default_rng(0).uniform([0.3, 0.5], [0.9, 2.0], (500, 2)).astype(np.float32)
NONE, BOTH, FIRST = (False, False), (True, True), (True, False)


def nearest(**centers):
    return NearestStates(centers=centers)


@pytest.mark.parametrize(
    ("center", "periodic", "meant"),
    [
        ([-60, -45], BOTH, "[-1.047, -0.785]"),
        ([180, 0], BOTH, "[3.142, 0.0]"),
        ([-120, 0.4], FIRST, "[-2.094, 0.4]"),
    ],
)
def test_degrees_are_told_with_radians_to_write(center, periodic, meant):
    with pytest.raises(ThermolatentError) as caught:
        check_angles(nearest(a=[0, 0], b=center), periodic)
    assert str(caught.value).startswith("validate.states.centers.b: ")
    assert str(caught.value).endswith(f"write {meant}")


def test_any_angle_in_radians_and_any_number_that_is_no_angle_are_fine():
    check_angles(nearest(a=[-np.pi, 2 * np.pi], b=[4.2, -1.0]), BOTH)
    check_angles(nearest(a=[1.0, 100.0], b=[2.0, -50.0]), FIRST)
    check_angles(nearest(a=[100.0, 1.0], b=[100.0 + 2 * np.pi, 1.0]), NONE)
    check_angles(BasinStates(minima={"a": [100.0, 0.0], "b": [0.0, 0.0]}), BOTH)


@pytest.mark.parametrize("kind", [NearestStates, BasinStates])
def test_two_states_at_one_place_are_told(kind):
    field = "centers" if kind is NearestStates else "minima"
    with pytest.raises(ThermolatentError, match=rf"{field}.c: \[1.0, 2.0\] is the place of a, too; move one of them"):
        parse(kind, {field: {"a": [1, 2], "b": [2, 1], "c": [1.0, 2.0]}}, "study")


def test_two_states_at_one_place_on_the_circle_are_told():
    turned = nearest(a=[np.pi, 0.0], b=[1.0, 1.0], c=[-np.pi, 0.0])
    with pytest.raises(ThermolatentError, match="is the same place on the circle as a; move one of them"):
        check_angles(turned, BOTH)
    check_angles(turned, NONE)


@pytest.mark.parametrize(
    ("factor", "words"),
    [(10, "are they in angstrom? Write 0.4, 0.8"), (180 / np.pi, "are they in degrees? Write 0.4, 0.8")],
)
def test_centers_of_another_unit_are_told_with_what_to_write(factor, words):
    with pytest.raises(ThermolatentError) as caught:
        check_reached(nearest(a=[0.4 * factor, 0.9], b=[0.8 * factor, 1.4]), LENGTHS, NONE)
    assert "column 1 of the plane is 0.302 to 0.9" in str(caught.value)
    assert str(caught.value).endswith(words)


def test_centers_that_are_too_small_are_told():
    with pytest.raises(
        ThermolatentError, match=r"column 2 .*near any center \(0\.04, 0\.08\); write points where frames are"
    ):
        check_reached(nearest(a=[0.4, 0.04], b=[0.8, 0.08]), np.add(LENGTHS, [0, 5]), NONE)


def test_centers_in_radians_of_frames_in_degrees_are_told():
    degrees = np.random.default_rng(0).uniform(-180, 180, (500, 2))
    with pytest.raises(
        ThermolatentError, match=r"in degrees, the centers \(-1, 2\) look like radians; .* -57.3, 114.6$"
    ):
        check_reached(nearest(a=[-1.0, 1.0], b=[2.0, 2.5]), degrees, NONE)
    check_reached(nearest(a=[-1.0, 1.0], b=[2.0, 2.5]), degrees, BOTH)
    check_reached(nearest(a=[-1.0, 1.0], b=[90.0, 100.0]), degrees, NONE)
    check_reached(nearest(a=[-1.0, 1.0], b=[2.0, 2.5]), 10 * degrees, NONE)


@pytest.mark.parametrize(
    ("centers", "periodic"),
    [
        ({"a": [0.4, 0.9], "b": [0.8, 1.4]}, NONE),
        ({"a": [0.4, 0.9], "b": [9.0, 30.0]}, NONE),  # b may be a state that was not visited
        ({"a": [0.1, 0.2], "b": [1.2, 2.5]}, NONE),  # beyond the frames, but near
        ({"a": [4.0, 0.9], "b": [6.0, 1.0]}, FIRST),  # an angle
    ],
)
def test_centers_near_frames_are_fine(centers, periodic):
    check_reached(nearest(**centers), LENGTHS, periodic)


def test_reweight_tells_before_it_fits():
    study = make_study(validate={"states": {"kind": "nearest", "centers": {"a": [10.0, 0.0], "b": [20.0, 1.0]}}})
    points = {T: np.random.default_rng(1).normal(size=(4, 50, 2)).astype(np.float32) for T in (0.5, 1.5)}
    frames = Frames({T: T for T in points}, points, points, {T: x[..., 0] for T, x in points.items()})
    with pytest.raises(
        ThermolatentError, match=r"^validate\.states\.centers: column 1 .*are they in angstrom\? Write 1, 2$"
    ):
        sample_of(JOBS["reweight"](study, Layout("results"), seed=0).settings, frames, None)
