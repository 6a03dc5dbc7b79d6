"""Coordination numbers: closed forms, and what they must not depend on."""

import numpy as np
import pytest
from pydantic import ValidationError

from thermolatent.errors import ThermolatentError
from thermolatent.featurize.base import Particles
from thermolatent.featurize.cartesian import PositionXY
from thermolatent.featurize.coordination import CoordinationMoments, SortedCoordination

RNG = np.random.default_rng(0)
SEVEN = Particles(7)
FRAMES = RNG.normal(0, 1, (20, 7, 3)) * (1, 1, 0)


def hexagon(side):
    angle = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    return side * np.concatenate([np.zeros((1, 3)), ring])[None]


def test_hexagon_has_the_closed_form():
    side = 1.12

    def pair(r):  # [1 - q^8] / [1 - q^16] with q = r / 1.5
        return (1 - (r / 1.5) ** 8) / (1 - (r / 1.5) ** 16)

    centre = 6 * pair(side)
    edge = 3 * pair(side) + 2 * pair(np.sqrt(3) * side) + pair(2 * side)
    expected = np.array([edge] * 6 + [centre])
    np.testing.assert_allclose(SortedCoordination().on(SEVEN).compute(hexagon(side))[0], expected, rtol=1e-12)
    deviation = expected - expected.mean()
    np.testing.assert_allclose(
        CoordinationMoments().on(SEVEN).compute(hexagon(side))[0],
        [np.mean(deviation**2), np.mean(deviation**3)],
        rtol=1e-12,
    )


def test_a_pair_at_r0_counts_n_over_m():
    pair = np.array([[[0.0, 0, 0], [1.5, 0, 0]]])
    np.testing.assert_allclose(SortedCoordination().on(Particles(2)).compute(pair), [[0.5, 0.5]])
    np.testing.assert_allclose(SortedCoordination(n=6, m=18).on(Particles(2)).compute(pair), [[1 / 3, 1 / 3]])
    np.testing.assert_allclose(
        SortedCoordination(n=6, m=18).on(Particles(2)).compute(pair * 1.0001), [[1 / 3, 1 / 3]], rtol=2e-3
    )


@pytest.mark.parametrize("feature", [SortedCoordination(), CoordinationMoments()])
def test_invariant_under_permutation_rotation_translation_and_reflection(feature):
    columns = feature.on(SEVEN)
    expected = columns.compute(FRAMES)
    rotation, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    for changed in (FRAMES[:, RNG.permutation(7)], FRAMES @ rotation.T, FRAMES + RNG.normal(0, 9, (20, 1, 3)), -FRAMES):
        np.testing.assert_allclose(columns.compute(changed), expected, rtol=1e-9, atol=1e-9)
    assert columns.compute(FRAMES * 1.3) != pytest.approx(expected)
    assert expected.shape == (20, len(columns.names)) == (20, len(columns.periodic))


@pytest.mark.parametrize("exponents", [{"n": 7}, {"m": 15}, {"n": 16, "m": 8}])
def test_exponents_that_make_no_sense_are_refused(exponents):
    with pytest.raises(ValidationError, match="must be even and m larger than n"):
        SortedCoordination(**exponents)


def test_position_xy():
    frames = RNG.normal(size=(5, 1, 3))
    np.testing.assert_array_equal(PositionXY().on(Particles(1)).compute(frames), frames[:, 0, :2])
    assert PositionXY().on(Particles(1)).names == ["x", "y"]
    with pytest.raises(ThermolatentError, match="one particle, the system has 7"):
        PositionXY().on(SEVEN)
